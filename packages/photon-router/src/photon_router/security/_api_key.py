"""API keys in a header field, the query or a cookie."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from photon_runtime.http import Request

from ._authorization import field_text, plain_text
from ._identity import Identity
from ._verifier import (
    CREDENTIALS,
    BadCredential,
    Binding,
    Challenge,
    Find,
    NoCredential,
    Verified,
    Verifier,
    as_verified,
    is_function,
)

MIN_LENGTH: Final = 16
_Reader: TypeAlias = Callable[[Request, str], list[str]]


@attrs.frozen(eq=False)
class ApiKey(Verifier):
    """Verifies a key that the client sends in a header field, the query or a cookie.

    Attributes:
        keys: A mapping from the name of each bearer to its key, or a function that takes a key
            and returns the identity of its bearer, ``None`` for an unknown key. Keys of a mapping
            have 16 characters or more, and only their digests are stored.
        header: The header field that contains the key.
        query: The query parameter that contains the key. It ends up in logs and histories.
        cookie: The cookie that contains the key.

    Exactly one of the three locations is required, except for a scheme of a loaded document, which
    defines the location itself.

    Raises:
        ValueError: A key of the mapping is too short, two are equal, or there are several
            locations.
    """

    keys: Find[str] | Mapping[str, str] = attrs.field(repr=False, metadata={CREDENTIALS: 1})
    header: str | None = attrs.field(default=None, kw_only=True)
    query: str | None = attrs.field(default=None, kw_only=True)
    cookie: str | None = attrs.field(default=None, kw_only=True)
    name: str = attrs.field(default="apiKey", kw_only=True)
    _find: Find[str] = attrs.field(init=False, repr=False)

    @_find.default
    def _make_find(self) -> Find[str]:
        return self.keys if callable(self.keys) else KeyTable(self.keys)

    def __attrs_post_init__(self) -> None:
        """Refuse several locations, and replace the keys by their digests."""
        if len(self._locations()) > 1:
            raise ValueError("a key has one location: pass only one of header, query and cookie")
        is_function(self, attrs.fields(ApiKey).keys, self._find)
        object.__setattr__(self, "keys", self._find)

    def _locations(self) -> list[tuple[str, str]]:
        locations = (("header", self.header), ("query", self.query), ("cookie", self.cookie))
        return [(location, name) for location, name in locations if name is not None]

    def definition(self) -> dict[str, Any]:
        """Return the security scheme object."""
        if not self._locations():
            raise ValueError(
                "an ApiKey without a loaded document requires header=, query= or cookie="
            )
        [(location, name)] = self._locations()
        return {"type": "apiKey", "in": location, "name": name}

    def bind(self, definition: Mapping[str, Any]) -> Binding:
        """Return the check of the scheme."""
        if definition.get("type") != "apiKey":
            raise ValueError(f"ApiKey verifies the type apiKey, not {definition.get('type')!r}")
        location, name = str(definition.get("in")), str(definition.get("name"))
        if self._locations() not in ([], [(location, name)]):
            [(own_location, own_name)] = self._locations()
            raise ValueError(
                f"the document has the key in {location} {name!r}, the verifier in {own_location} "
                f"{own_name!r}; remove it from the verifier"
            )
        challenge = Challenge("ApiKey", (("in", location), ("name", name)))
        check = key_check(self._find, location, name)
        is_weak = location == "query"
        return Binding(check, challenge, is_weak=is_weak, field=key_field(location, name))


def key_check(find: Find[str], location: str, name: str) -> Callable[[Request], Verified]:
    """Return the check of a key in a location.

    Raises:
        ValueError: The location is unknown.
    """
    if location not in _READERS:
        raise ValueError(f"a key is in header, query or cookie, not in {location!r}")
    read = _READERS[location]
    decode = plain_text if location == "query" else field_text

    def check(request: Request) -> Verified:
        values = read(request, name)
        if not values:
            raise NoCredential
        if len(values) > 1:
            raise BadCredential("several keys")
        return as_verified(find(decode(values[0])), find)

    return check


def key_field(location: str, name: str) -> str | None:
    """Return the request field that contains a key, ``None`` for the query."""
    return {"header": name, "cookie": "Cookie"}.get(location)


def _in_header(request: Request, name: str) -> list[str]:
    return request.headers.getlist(name)


def _in_query(request: Request, name: str) -> list[str]:
    return request.query.getlist(name)


def _in_cookie(request: Request, name: str) -> list[str]:
    value = request.cookies.get(name)
    return [] if value is None else [value]


_READERS: Final[Mapping[str, _Reader]] = {
    "header": _in_header,
    "query": _in_query,
    "cookie": _in_cookie,
}


class KeyTable:
    """Maps a key to the identity of its bearer, without storing keys.

    Keys are looked up by a digest under a secret that is new in each process. The time of a
    look-up depends on the digest alone, and a digest cannot be predicted without the secret.
    """

    __slots__ = ("_identities", "_secret")

    def __init__(self, keys: Mapping[str, str]) -> None:
        """Compute the digests of ``keys``, which maps the name of each bearer to its key."""
        self._secret = secrets.token_bytes(32)
        self._identities: dict[bytes, Identity] = {}
        _refuse_short(keys)
        for subject, key in keys.items():
            digest = self._digest(key)
            if digest in self._identities:
                other = self._identities[digest].subject
                raise ValueError(f"{subject!r} and {other!r} have the same key")
            self._identities[digest] = Identity(subject)

    def __repr__(self) -> str:
        """Show the number of keys only."""
        return f"<{len(self._identities)} keys>"

    def __call__(self, key: str) -> Identity | None:
        """Return the identity of the bearer of ``key``."""
        return self._identities.get(self._digest(key))

    def _digest(self, key: str) -> bytes:
        return hmac.digest(self._secret, key.encode("utf-8", "surrogatepass"), hashlib.sha256)


def _refuse_short(keys: Mapping[str, str]) -> None:
    short: Sequence[str] = [subject for subject, key in keys.items() if len(key) < MIN_LENGTH]
    if short:
        raise ValueError(
            f"keys of less than {MIN_LENGTH} characters can be guessed: {', '.join(short)}; create "
            "them with secrets.token_urlsafe()"
        )
