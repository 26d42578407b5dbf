"""Password hashes that are slow to compute (Argon2id, RFC 9106).

A hash takes tens of milliseconds and 64 MiB, so it is computed on a thread, off the hub, and the
number of hashes at a time is bounded; if too many are waiting, the request gets 503. In scripts
that do not run a hub, the calling thread computes the hash.

*In tests* a hash costs a thousandth: in applications that a test client has started, and inside of
`cheap_passwords`. Either is code of a test; no setting and no variable has this effect, and in the
environment ``production`` nothing has. A cheap hash is valid everywhere, and `needs_rehash` is true
for it outside of tests.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar
from weakref import WeakKeyDictionary

from photon_runtime import NotRunning, Semaphore, current_task, offload
from photon_runtime.errors import PhotonError
from photon_runtime.http import HttpError
from photon_runtime.parts import is_under_test

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
_CHEAP: ContextVar[bool] = ContextVar("photon_cheap_passwords", default=False)


@contextmanager
def cheap_passwords() -> Iterator[None]:
    """Let the hashes that a test computes cost a thousandth while the block runs.

    Applications that a test client has started do so anyway; this is for the code of tests, such as
    functions that make users. The fixture ``app`` of pytest includes it.

    Raises:
        PhotonError: The environment is ``production``.
    """
    if _is_production():
        raise PhotonError(
            "cheap passwords are for tests, and PHOTON_ENV is production: their hashes can be "
            "guessed"
        )
    token = _CHEAP.set(True)
    try:
        yield
    finally:
        _CHEAP.reset(token)


def _is_production() -> bool:
    return os.environ.get("PHOTON_ENV") == "production"


def _are_cheap() -> bool:
    return (_CHEAP.get() or is_under_test()) and not _is_production()


def hash_password(password: str) -> str:
    """Return the salted hash of a password, in the format that contains its parameters.

    Raises:
        HttpError: 503; too many others are being computed.
        PhotonError: argon2-cffi is not installed.

    Blocks: the calling task, for tens of milliseconds.
    """
    hasher = _hasher(is_cheap=_are_cheap())
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
    is_cheap = _are_cheap()
    hasher = _hasher(is_cheap=is_cheap)
    from argon2.exceptions import VerificationError

    def verify() -> bool:
        try:
            known = _dummy_hash(is_cheap=is_cheap) if hashed is None else hashed
            return hasher.verify(known, _bytes(password))
        except (VerificationError, ValueError):  # wrong password, or not a hash
            return False

    return _queued(verify) and hashed is not None


def needs_rehash(hashed: str) -> bool:
    """Return whether a hash was computed with weaker parameters than the current ones.

    Then hash the password again, after `verify_password` has returned True for it.

    Raises:
        PhotonError: argon2-cffi is not installed.
    """
    hashers = [_hasher(is_cheap=False)]
    if _are_cheap():
        hashers.append(_hasher(is_cheap=True))
    try:
        return all(hasher.check_needs_rehash(hashed) for hasher in hashers)
    except ValueError:  # not a hash of this kind
        return True


@cache
def _hasher(*, is_cheap: bool) -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ImportError:
        raise PhotonError(
            "passwords need argon2-cffi: pip install 'photon-router[passwords]'"
        ) from None
    if is_cheap:
        return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # the least that is valid
    return PasswordHasher()


@cache
def _dummy_hash(*, is_cheap: bool) -> str:
    """Return the hash of a random password."""
    import secrets

    return _hasher(is_cheap=is_cheap).hash(secrets.token_bytes(32))


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
