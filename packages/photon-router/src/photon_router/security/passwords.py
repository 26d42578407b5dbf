"""Password hashes that are slow to compute (Argon2id, RFC 9106).

A hash takes tens of milliseconds and 64 MiB, so it is computed on a thread, off the hub, and the
number of hashes at a time is bounded; if too many are waiting, the request gets 503. In scripts
that do not run a hub, the calling thread computes the hash.
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
"""Number of hashes that are computed at a time; each needs 64 MiB."""
WAITING: Final = 64
"""Number of hashes that may wait."""


class _Queue:
    """The bounded queue of one hub."""

    def __init__(self) -> None:
        self.slots = Semaphore(AT_ONCE)
        self.length = 0


_queues: WeakKeyDictionary[object, _Queue] = WeakKeyDictionary()


def hash_password(password: str) -> str:
    """Return the salted hash of a password, in the format that contains its parameters.

    Raises:
        HttpError: 503; too many others are being computed.
        PhotonError: argon2-cffi is not installed.

    Blocks: the calling task, for tens of milliseconds.
    """
    hasher = _hasher()
    return _queued(lambda: hasher.hash(_bytes(password)))


def verify_password(password: str, hashed: str | None) -> bool:
    """Return whether a password matches its hash.

    Args:
        password: The password.
        hashed: Its hash; ``None`` for an unknown user: the result is False after the same time, so
            that a client does not learn which users exist.

    Raises:
        HttpError: 503; too many others are being computed.
        PhotonError: argon2-cffi is not installed.

    Blocks: the calling task, for tens of milliseconds.
    """
    hasher = _hasher()
    from argon2.exceptions import VerificationError

    def verify() -> bool:
        try:
            return hasher.verify(_dummy_hash() if hashed is None else hashed, _bytes(password))
        except (VerificationError, ValueError):  # wrong password, or not a hash
            return False

    return _queued(verify) and hashed is not None


def needs_rehash(hashed: str) -> bool:
    """Return whether a hash was computed with weaker parameters than the current ones.

    Then hash the password again, after `verify_password` has returned True for it.

    Raises:
        PhotonError: argon2-cffi is not installed.
    """
    try:
        return _hasher().check_needs_rehash(hashed)
    except ValueError:  # not a hash of this kind
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
def _dummy_hash() -> str:
    """Return the hash of a random password."""
    import secrets

    return _hasher().hash(secrets.token_bytes(32))


def _bytes(password: str) -> bytes:
    """Return the normalized bytes of a password (RFC 8265, section 4.2)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _queued(compute: Callable[[], T]) -> T:
    try:
        hub = current_task().hub
    except NotRunning:
        return compute()
    queue = _queues.setdefault(hub, _Queue())
    if queue.length >= AT_ONCE + WAITING:
        raise HttpError(503, "too many concurrent passwords", headers={"retry-after": "1"})
    queue.length += 1
    try:
        with queue.slots:
            return offload(compute)
    finally:
        queue.length -= 1
