"""Keys, and the algorithms of signatures that each kind of key is for.

An algorithm and a key must belong to each other: a public key that is taken for the secret of an
HMAC lets everybody sign (RFC 8725, sections 2.1 and 3.1). So the kinds are compared at start, every
list of algorithms is for one kind of key, and ``none`` is no algorithm.

Here is the home of PyJWT, which is loaded when the first key is.
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
"""The kind of key that each algorithm takes (RFC 7518, section 3.1; RFC 8037)."""

_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


class KeySource(Protocol):
    """Where the keys are that verify signatures."""

    def find(self, algorithm: str, kid: str | None) -> object | None:
        """Return the key for a signature, ``None`` if there is none; may wait."""


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
    """Return ``algorithms`` if they can be allowed.

    Raises:
        ValueError: There are none, or one is unknown.
    """
    if isinstance(algorithms, str):
        raise ValueError(f"algorithms is a list: [{algorithms!r}]")  # noqa: TRY004 - a value
    wrong = [name for name in algorithms if name not in KINDS]
    if wrong or not algorithms:
        raise ValueError(
            f"algorithms are of {', '.join(KINDS)}, not {', '.join(wrong) or 'none at all'}"
        )
    return tuple(algorithms)


class OneKey:
    """The only key: a secret, or a public key.

    Args:
        key: The secret, or the key in PEM; of a private one the public half is taken.
        algorithms: What it may be used for.

    Raises:
        ValueError: It is none for these algorithms, or too short for one.
    """

    __slots__ = ("_key",)

    def __init__(self, key: str | bytes, algorithms: Sequence[str]) -> None:
        """Check and load the key."""
        kinds = {KINDS[name] for name in algorithms}
        if len(kinds) > 1:
            raise ValueError(f"{', '.join(algorithms)} take different keys: allow those of one")
        prepared = [prepare(key, name) for name in algorithms]
        self._key: object = getattr(prepared[0], "public_key", lambda: prepared[0])()

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "<OneKey>"

    def find(self, algorithm: str, kid: str | None) -> object | None:
        """Return the key."""
        return self._key


def prepare(key: str | bytes, algorithm: str) -> Any:
    """Return a secret, or a key in PEM, ready for one algorithm.

    Raises:
        ValueError: It is of another kind, or too short.
    """
    library = pyjwt()
    try:
        prepared = library.algorithms.get_default_algorithms()[algorithm].prepare_key(key)
    except (library.InvalidKeyError, TypeError, ValueError):
        raise ValueError(
            f"the key is none for {algorithm}: it takes {_wanted(algorithm)}"
        ) from None
    check_strength(prepared, algorithm)
    return prepared


def check_strength(key: Any, algorithm: str) -> None:
    """Check that a key is of the right size for an algorithm.

    A secret is as long as the digest (RFC 7518, section 3.2), an RSA key has 2048 bits (3.3), an
    elliptic one lies on the algorithm's curve (3.4).

    Raises:
        ValueError: It is not.
    """
    kind = KINDS[algorithm]
    if kind == "secret":
        least = hashlib.new(f"sha{algorithm[2:]}").digest_size
        if len(key) < least:
            raise ValueError(
                f"the secret for {algorithm} has {len(key)} bytes, it needs {least}: make one with "
                "secrets.token_urlsafe(64)"
            )
    elif kind == "RSA" and key.key_size < 2048:
        raise ValueError(f"an RSA key has 2048 bits or more, not {key.key_size}")
    elif kind.startswith("P-") and _CURVES.get(key.curve.name) != kind:
        raise ValueError(f"{algorithm} takes a key on {kind}, not on {key.curve.name}")


def _wanted(algorithm: str) -> str:
    kind = KINDS[algorithm]
    return "a secret, no PEM" if kind == "secret" else f"a key of the kind {kind} in PEM"
