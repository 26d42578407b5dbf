"""Sets of public keys (RFC 7517) that change while the server runs.

An issuer that changes its keys publishes the new one, and signs with it. So a token whose key is
unknown is a reason to get the set again, at most once in an interval: tokens can name any key.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from ._cached_value import CachedValue, CachePolicy
from ._fetch import check_address, fetch_object, read_object
from ._keys import KINDS, check_strength, pyjwt

_log = logging.getLogger("photon.security")


@attrs.frozen
class _Key:
    """A public key of a set.

    Attributes:
        kid: Its name; ``None`` where it has none.
        algorithms: What it can verify.
        key: The key, for the library.
    """

    kid: str | None
    algorithms: frozenset[str]
    key: Any = attrs.field(repr=False)


class Jwks:
    """The public keys of an issuer of tokens.

    Args:
        source: Where they are: the address of the set (https, or http on this machine), the path
            of a file, or the set itself.
        lifetime: Seconds until the set is got again.
        interval: The least number of seconds between two attempts, also for tokens whose key is
            unknown.
        timeout: Seconds that an attempt may take.
        stale: Seconds for which an old set is used if it cannot be got again.

    Raises:
        ValueError: The address is none that keys may come from, or the file, or the set, has no
            key that can be used.
        OSError: The file cannot be read.
    """

    def __init__(
        self,
        source: str | Path | Mapping[str, Any],
        *,
        lifetime: float = 300.0,
        interval: float = 30.0,
        timeout: float = 5.0,
        stale: float = 86_400.0,
    ) -> None:
        """Read a file or a set; an address is asked when the first token comes."""
        policy = CachePolicy(lifetime=lifetime, interval=interval, timeout=timeout, stale=stale)
        self._name = "a set of keys" if isinstance(source, Mapping) else f"the keys of {source}"
        self._fixed: list[_Key] | None = None
        if isinstance(source, Mapping):
            self._fixed = read_keys(source)
            return
        load = _loader(source, timeout)
        if isinstance(source, Path):
            load()
        self._set = CachedValue(load, name=self._name, policy=policy)

    def __repr__(self) -> str:
        """Show where they are."""
        return f"<Jwks: {self._name}>"

    def find(self, algorithm: str, kid: str | None) -> object | None:
        """Return the key for a signature, ``None`` if there is none.

        A token that names no key is verified if there is one key only that it can be.

        Raises:
            HttpError: 503; the set cannot be had.

        Blocks: the calling task, while the set is got.
        """
        if self._fixed is not None:
            return _find(self._fixed, algorithm, kid)
        keys = self._set.get()
        found = _find(keys, algorithm, kid)
        if found is None:
            found = _find(self._set.renew(keys), algorithm, kid)
        return found


def _loader(source: str | Path, timeout: float) -> Callable[[], list[_Key]]:
    if isinstance(source, Path):
        return lambda: read_keys(read_object(source.read_bytes()))
    url = check_address(source)
    return lambda: read_keys(fetch_object(url, timeout=timeout))


def _find(keys: list[_Key], algorithm: str, kid: str | None) -> object | None:
    fitting = [each for each in keys if algorithm in each.algorithms]
    if kid is not None:
        fitting = [each for each in fitting if each.kid == kid]
    return fitting[0].key if len(fitting) == 1 or (fitting and kid is not None) else None


def read_keys(data: Mapping[str, Any]) -> list[_Key]:
    """Return the keys of a set that can verify signatures; others are passed over.

    Raises:
        ValueError: There is none.
    """
    listed = data.get("keys")
    keys = []
    for jwk in listed if isinstance(listed, list) else ():
        try:
            key = _read_key(jwk)
        except ValueError as error:
            _log.warning("a key of a set is left out: %s", error)
        else:
            keys += [] if key is None else [key]
    if not keys:
        raise ValueError("there is no key in it that verifies signatures")
    return keys


def _read_key(jwk: object) -> _Key | None:
    """Read one key; ``None`` for one that is for something else.

    Raises:
        ValueError: It is broken, or too short.
    """
    if not isinstance(jwk, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - it came from outside
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list):
        raise ValueError("its key_ops are no list")  # noqa: TRY004 - it came from outside
    if jwk.get("use", "sig") != "sig" or "verify" not in operations:
        return None
    algorithms = _algorithms(jwk)
    if not algorithms:
        return None
    library = pyjwt()
    name = sorted(algorithms)[0]
    try:
        key = library.algorithms.get_default_algorithms()[name].from_jwk(jwk)
        key = getattr(key, "public_key", lambda: key)()
    except Exception:  # the library's errors show the key, which may be a private one
        raise ValueError("it is broken") from None
    check_strength(key, name)
    kid = jwk.get("kid")
    return _Key(kid if isinstance(kid, str) else None, algorithms, key)


def _algorithms(jwk: Mapping[str, Any]) -> frozenset[str]:
    """Return what a key can verify; a secret has no place in a set of public keys."""
    kind = {"RSA": "RSA", "EC": jwk.get("crv"), "OKP": "EdDSA"}.get(str(jwk.get("kty")))
    fitting = frozenset(name for name, needed in KINDS.items() if needed == kind)
    return fitting & {jwk["alg"]} if isinstance(jwk.get("alg"), str) else fitting
