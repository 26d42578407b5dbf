"""Passwords: kept as hashes that are slow to make (Argon2id, RFC 9106).

A hash takes tens of milliseconds and 64 MiB, so it is made on a thread, off the hub, and only so
many at a time; who would have to wait behind too many others is told 503. In scripts, where no hub
runs, the caller computes it itself.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar
from weakref import WeakKeyDictionary

from photon_runtime import NotRunning, Semaphore, current_task, offload
from photon_runtime.errors import PhotonError
from photon_runtime.http import HttpError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

T = TypeVar("T")
AT_ONCE: Final = 4
"""How many hashes are computed at a time; each has 64 MiB."""
WAITING: Final = 64
"""How many more may wait."""


class _Turns:
    """The bound of one hub."""

    def __init__(self) -> None:
        self.slots = Semaphore(AT_ONCE)
        self.asking = 0


_turns: WeakKeyDictionary[object, _Turns] = WeakKeyDictionary()


def hash_password(password: str) -> str:
    """Return the hash of a password, salted, in the form that says how it was made.

    Raises:
        HttpError: 503; too many others are being computed.
        PhotonError: argon2-cffi is not installed.

    Blocks: the calling task, for tens of milliseconds.
    """
    hasher = _hasher()
    return _in_turn(lambda: hasher.hash(_text(password)))


def verify_password(password: str, hashed: str | None) -> bool:
    """Say whether a password is the one that was hashed.

    Args:
        password: The password.
        hashed: Its hash; ``None`` where there is no such user: that takes as long, so that nobody
            learns which users there are, and is never right.

    Raises:
        HttpError: 503; too many others are being computed.
        PhotonError: argon2-cffi is not installed.

    Blocks: the calling task, for tens of milliseconds.
    """
    hasher = _hasher()
    from argon2.exceptions import VerificationError

    def verify() -> bool:
        try:
            return hasher.verify(_nobody() if hashed is None else hashed, _text(password))
        except (VerificationError, ValueError):  # wrong, or no hash at all
            return False

    return _in_turn(verify) and hashed is not None


def needs_rehash(hashed: str) -> bool:
    """Say whether a hash was made with less effort than is made today: then hash anew.

    That can be done when the password is at hand: after `verify_password` found it right.

    Raises:
        PhotonError: argon2-cffi is not installed.
    """
    try:
        return _hasher().check_needs_rehash(hashed)
    except ValueError:  # no hash of this kind
        return True


@cache
def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ImportError:
        raise PhotonError(
            "passwords need argon2-cffi: pip install 'photon-router[passwords]'"
        ) from None
    return PasswordHasher()


@cache
def _nobody() -> str:
    """Return the hash of a password that nobody has."""
    import secrets

    return _hasher().hash(secrets.token_bytes(32))


def _text(password: str) -> bytes:
    """Return the bytes of a password: what looks the same is the same (RFC 8265, section 4.2)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _in_turn(compute: Callable[[], T]) -> T:
    try:
        hub = current_task().hub
    except NotRunning:
        return compute()
    turns = _turns.setdefault(hub, _Turns())
    if turns.asking >= AT_ONCE + WAITING:
        raise HttpError(503, "too many passwords at once", headers={"retry-after": "1"})
    turns.asking += 1
    try:
        with turns.slots:
            return offload(compute)
    finally:
        turns.asking -= 1
