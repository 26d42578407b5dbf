"""Sets of public keys (RFC 7517) that change while the server runs.

An issuer that rotates its keys publishes the new key and signs with it. So a token with an unknown
key is a reason to load the set again, at most once per interval: a token can name any key.
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
        kid: The key id; ``None`` if the key has no id.
        algorithms: The algorithms whose signatures the key can verify.
        key: The key as an object of the library.
    """

    kid: str | None
    algorithms: frozenset[str]
    key: Any = attrs.field(repr=False)


class Jwks:
    """The public keys of a token issuer.

    Args:
        source: The address of the set (https, or http on this machine), the path of a file, or
            the set itself.
        lifetime: Seconds until the set is loaded again.
        interval: Minimum number of seconds between two attempts, also for tokens with an unknown
            key.
        timeout: Time limit of an attempt in seconds.
        stale: Seconds beyond its lifetime for which a set is used if it cannot be loaded again.

    Raises:
        ValueError: Keys may not be loaded from the address, or the file or the set does not
            contain a usable key.
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
        """Read a file or a set; an address is first requested for the first token."""
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
        """Show the source of the keys."""
        return f"<Jwks: {self._name}>"

    def find(self, algorithm: str, kid: str | None) -> object | None:
        """Return the key for a signature, ``None`` if it is unknown.

        A token without a key id is verified if exactly one key is for its algorithm.

        Raises:
            HttpError: 503; the set is unavailable.

        Blocks: the calling task, while the set is loaded.
        """
        if self._fixed is not None:
            return _find(self._fixed, algorithm, kid)
        keys = self._set.get()
        key = _find(keys, algorithm, kid)
        if key is None:
            key = _find(self._set.renew(keys), algorithm, kid)
        return key


def _loader(source: str | Path, timeout: float) -> Callable[[], list[_Key]]:
    if isinstance(source, Path):
        return lambda: read_keys(read_object(source.read_bytes()))
    url = check_address(source)
    return lambda: read_keys(fetch_object(url, timeout=timeout))


def _find(keys: list[_Key], algorithm: str, kid: str | None) -> object | None:
    matches = [each for each in keys if algorithm in each.algorithms]
    if kid is not None:
        matches = [each for each in matches if each.kid == kid]
    return matches[0].key if len(matches) == 1 or (matches and kid is not None) else None


def read_keys(data: Mapping[str, Any]) -> list[_Key]:
    """Return the keys of a set that can verify signatures; other keys are skipped.

    Raises:
        ValueError: The set does not contain such a key.
    """
    listed = data.get("keys")
    keys = []
    for jwk in listed if isinstance(listed, list) else ():
        try:
            key = _read_key(jwk)
        except ValueError as error:
            _log.warning("a key of a key set is ignored: %s", error)
        else:
            keys += [] if key is None else [key]
    if not keys:
        raise ValueError("the key set does not contain a key that verifies signatures")
    return keys


def _read_key(jwk: object) -> _Key | None:
    """Read one key; ``None`` if the key is for another purpose.

    Raises:
        ValueError: The key is malformed, or too short.
    """
    if not isinstance(jwk, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - external data
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list):
        raise ValueError("its key_ops is not a list")  # noqa: TRY004 - external data
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
    except Exception:  # the library's errors contain the key, which may be a private key
        raise ValueError("it is malformed") from None
    check_strength(key, name)
    kid = jwk.get("kid")
    return _Key(kid if isinstance(kid, str) else None, algorithms, key)


def _algorithms(jwk: Mapping[str, Any]) -> frozenset[str]:
    """Return the algorithms that a key can verify; a set of public keys cannot contain a secret."""
    kind = {"RSA": "RSA", "EC": jwk.get("crv"), "OKP": "EdDSA"}.get(str(jwk.get("kty")))
    algorithms = frozenset(name for name, required in KINDS.items() if required == kind)
    return algorithms & {jwk["alg"]} if isinstance(jwk.get("alg"), str) else algorithms
