"""Keys in a header field, the query or a cookie."""

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
    BadCredential,
    Binding,
    Challenge,
    NoCredential,
    Verified,
    Verifier,
    is_function,
    judged,
)

MIN_LENGTH: Final = 16
Find: TypeAlias = Callable[[str], object]
_Reader: TypeAlias = Callable[[Request, str], list[str]]


@attrs.frozen(eq=False)
class ApiKey(Verifier):
    """Verifies a key that the client sends in a header field, the query or a cookie.

    Attributes:
        keys: The keys by the name of whom they were given to, or a function from a key to the
            identity of its bearer, ``None`` for nobody. Given keys have 16 characters or more,
            and only their digests are kept.
        header: The header field that has the key.
        query: The parameter of the query that has the key. It ends up in logs and histories.
        cookie: The cookie that has the key.

    Of the three places one is given, or none for a scheme of a loaded document, which says it.

    Raises:
        ValueError: A given key is too short, two are the same, or several places are given.
    """

    keys: Find | Mapping[str, str] = attrs.field(repr=False)
    header: str | None = attrs.field(default=None, kw_only=True)
    query: str | None = attrs.field(default=None, kw_only=True)
    cookie: str | None = attrs.field(default=None, kw_only=True)
    name: str = attrs.field(default="apiKey", kw_only=True)
    _find: Find = attrs.field(init=False, repr=False)

    @_find.default
    def _make_find(self) -> Find:
        return self.keys if callable(self.keys) else GivenKeys(self.keys)

    def __attrs_post_init__(self) -> None:
        """Refuse several places, and forget the keys."""
        if len(self._places()) > 1:
            raise ValueError("a key has one place: give one of header, query and cookie")
        is_function(self, attrs.fields(ApiKey).keys, self._find)
        object.__setattr__(self, "keys", self._find)

    def _places(self) -> list[tuple[str, str]]:
        places = (("header", self.header), ("query", self.query), ("cookie", self.cookie))
        return [(place, name) for place, name in places if name is not None]

    def definition(self) -> dict[str, Any]:
        """Return the security scheme object."""
        if not self._places():
            raise ValueError(
                "an ApiKey that no document describes needs header=, query= or cookie="
            )
        [(place, name)] = self._places()
        return {"type": "apiKey", "in": place, "name": name}

    def bind(self, definition: Mapping[str, Any]) -> Binding:
        """Return what verifies the scheme."""
        if definition.get("type") != "apiKey":
            raise ValueError(f"ApiKey verifies the type apiKey, not {definition.get('type')!r}")
        place, name = str(definition.get("in")), str(definition.get("name"))
        if self._places() not in ([], [(place, name)]):
            [(own_place, own_name)] = self._places()
            raise ValueError(
                f"the document has the key in {place} {name!r}, the verifier in {own_place} "
                f"{own_name!r}; leave it out of the verifier"
            )
        challenge = Challenge("ApiKey", (("in", place), ("name", name)))
        check = key_check(self._find, place, name)
        return Binding(check, challenge, is_weak=place == "query", field=key_field(place, name))


def key_check(find: Find, place: str, name: str) -> Callable[[Request], Verified]:
    """Return the check of a key at a place.

    Raises:
        ValueError: There is no such place.
    """
    if place not in _READERS:
        raise ValueError(f"a key is in header, query or cookie, not in {place!r}")
    read = _READERS[place]
    text = plain_text if place == "query" else field_text

    def check(request: Request) -> Verified:
        values = read(request, name)
        if not values:
            raise NoCredential
        if len(values) > 1:
            raise BadCredential("several keys")
        return judged(find(text(values[0])), find)

    return check


def key_field(place: str, name: str) -> str | None:
    """Return the request field that a key comes in, ``None`` for the query."""
    return {"header": name, "cookie": "Cookie"}.get(place)


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


class GivenKeys:
    """Finds whose a key is, without keeping keys.

    Keys are looked up by a digest under a secret that is new in each process. How long that takes
    tells of the digest alone, and digests cannot be foretold without the secret.
    """

    __slots__ = ("_identities", "_secret")

    def __init__(self, keys: Mapping[str, str]) -> None:
        """Take the digests of ``keys``, named by whom they were given to."""
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
        """Show how many there are, and nothing of them."""
        return f"<{len(self._identities)} keys>"

    def __call__(self, key: str) -> Identity | None:
        """Return whose ``key`` is."""
        return self._identities.get(self._digest(key))

    def _digest(self, key: str) -> bytes:
        return hmac.digest(self._secret, key.encode("utf-8", "surrogatepass"), hashlib.sha256)


def _refuse_short(keys: Mapping[str, str]) -> None:
    short: Sequence[str] = [subject for subject, key in keys.items() if len(key) < MIN_LENGTH]
    if short:
        raise ValueError(
            f"keys of less than {MIN_LENGTH} characters can be guessed: {', '.join(short)}; make "
            "them with secrets.token_urlsafe()"
        )
