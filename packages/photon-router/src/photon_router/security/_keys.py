"""Keys, and the signature algorithms of each kind of key.

An algorithm and a key must match: if a public key is used as the secret of an HMAC, every client
can sign (RFC 8725, sections 2.1 and 3.1). So the kinds are compared at start-up, every list of
algorithms is for one kind of key, and ``none`` is not an algorithm.

This module is the home of PyJWT, which is imported with the first key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Final, Protocol

from photon_runtime.errors import PhotonError

KINDS: Final[Mapping[str, str]] = {
    "HS256": "secret",
    "HS384": "secret",
    "HS512": "secret",
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "PS256": "RSA",
    "PS384": "RSA",
    "PS512": "RSA",
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
    "EdDSA": "EdDSA",
}
"""The kind of key that each algorithm requires (RFC 7518, section 3.1; RFC 8037)."""

_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


class KeySource(Protocol):
    """A source of keys that verify signatures."""

    def find(self, algorithm: str, kid: str | None) -> object | None:
        """Return the key for a signature, ``None`` if it is unknown; may block."""


def pyjwt() -> ModuleType:
    """Return the library.

    Raises:
        PhotonError: It is not installed.
    """
    try:
        import jwt
    except ImportError:
        raise PhotonError("tokens need PyJWT: pip install 'photon-router[jwt]'") from None
    return jwt


def checked_algorithms(algorithms: Sequence[str]) -> tuple[str, ...]:
    """Return ``algorithms`` as a tuple.

    Raises:
        ValueError: The list is empty, or one is unknown.
    """
    if isinstance(algorithms, str):
        raise ValueError(f"algorithms is a list: [{algorithms!r}]")  # noqa: TRY004 - a value
    unknown = [name for name in algorithms if name not in KINDS]
    if unknown or not algorithms:
        problem = f"not {', '.join(unknown)}" if unknown else "and at least one is required"
        raise ValueError(f"algorithms are any of {', '.join(KINDS)}, {problem}")
    return tuple(algorithms)


class OneKey:
    """A source of a single key: a secret, or a public key.

    Args:
        key: The secret, or the key in PEM; of a private key the public half is used.
        algorithms: The algorithms that the key may be used with.

    Raises:
        ValueError: The key cannot be used with these algorithms, or is too short for one.
    """

    __slots__ = ("_key",)

    def __init__(self, key: str | bytes, algorithms: Sequence[str]) -> None:
        """Check and load the key."""
        kinds = {KINDS[name] for name in algorithms}
        if len(kinds) > 1:
            raise ValueError(
                f"{', '.join(algorithms)} require different keys: allow algorithms of one kind"
            )
        prepared = [prepare(key, name) for name in algorithms]
        self._key: object = getattr(prepared[0], "public_key", lambda: prepared[0])()

    def __repr__(self) -> str:
        """Do not show the key."""
        return "<OneKey>"

    def find(self, algorithm: str, kid: str | None) -> object | None:
        """Return the key."""
        return self._key


def prepare(key: str | bytes, algorithm: str) -> Any:
    """Return a secret, or a key in PEM, as the library's object for one algorithm.

    Raises:
        ValueError: The key is of another kind, or too short.
    """
    library = pyjwt()
    try:
        prepared = library.algorithms.get_default_algorithms()[algorithm].prepare_key(key)
    except (library.InvalidKeyError, TypeError, ValueError):
        raise ValueError(
            f"the key cannot be used with {algorithm}, which requires {_required_key(algorithm)}"
        ) from None
    check_strength(prepared, algorithm)
    return prepared


def check_strength(key: Any, algorithm: str) -> None:
    """Check the size of a key for an algorithm.

    A secret is as long as the digest (RFC 7518, section 3.2), an RSA key has 2048 bits (3.3), an
    elliptic-curve key is on the algorithm's curve (3.4).

    Raises:
        ValueError: The key is too short, or on another curve.
    """
    kind = KINDS[algorithm]
    if kind == "secret":
        least = hashlib.new(f"sha{algorithm[2:]}").digest_size
        if len(key) < least:
            raise ValueError(
                f"the secret for {algorithm} has {len(key)} bytes, {least} are required: create "
                "one with secrets.token_urlsafe(64)"
            )
    elif kind == "RSA" and key.key_size < 2048:
        raise ValueError(f"an RSA key has 2048 bits or more, not {key.key_size}")
    elif kind.startswith("P-") and _CURVES.get(key.curve.name) != kind:
        raise ValueError(f"{algorithm} requires a key on {kind}, not on {key.curve.name}")


def _required_key(algorithm: str) -> str:
    kind = KINDS[algorithm]
    return "a secret, not PEM" if kind == "secret" else f"a key of the kind {kind} in PEM"
