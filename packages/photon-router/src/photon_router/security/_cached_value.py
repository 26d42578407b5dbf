"""A cached value that is loaded from elsewhere and refreshed when it is old.

Theory of operation. The first who needs it waits while it is loaded, on a thread, off the hub.
When it has become old, the next who needs it loads it anew, and while that takes, all others go on
with what there is. So do all when it cannot be loaded, until it is too old to be believed. However
many ask, one loads at a time, and there is a time between two attempts, be they successes or not:
nobody can make this process ask as often as they like.

Tasks wait for each other within one hub; where an application runs in several hubs (under a WSGI
server, one per request), each of them may load.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import attrs

from photon_runtime import Lock, current_task, deadline, offload
from photon_runtime.errors import DeadlineExceeded
from photon_runtime.http import HttpError

T = TypeVar("T")
_log = logging.getLogger("photon.security")


@attrs.frozen(kw_only=True)
class CachePolicy:
    """How long a value is cached, in seconds.

    Attributes:
        lifetime: When it is got again.
        interval: The least time between two attempts.
        timeout: How long an attempt may take.
        stale: How long it is used beyond its lifetime if it cannot be got again.
    """

    lifetime: float = 300.0
    interval: float = 30.0
    timeout: float = 5.0
    stale: float = 86_400.0


@attrs.frozen(eq=False)
class _Entry(Generic[T]):
    value: T
    since: float


class CachedValue(Generic[T]):
    """A value that is loaded when it is needed, and loaded again when it is old.

    Args:
        load: Loads it, on a thread; an ``OSError`` or ``ValueError`` says that it cannot.
        name: What people call it, for the log.
        policy: How long it is cached.
        now: Gives seconds that never go back.
    """

    def __init__(
        self,
        load: Callable[[], T],
        *,
        name: str,
        policy: CachePolicy,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Load nothing yet."""
        self._load = load
        self._name = name
        self._policy = policy
        self._now = now
        self._entry: _Entry[T] | None = None
        self._next_attempt = float("-inf")
        self._locks: WeakKeyDictionary[object, Lock] = WeakKeyDictionary()

    def get(self) -> T:
        """Return the value.

        Raises:
            HttpError: 503; there is none, and none can be had.

        Blocks: the calling task, while it is loaded and there is none, or this one loads it.
        """
        entry = self._entry
        if entry is not None and self._now() < entry.since + self._policy.lifetime:
            return entry.value
        return self._renewed(entry)

    def renew(self, seen: T) -> T:
        """Return the value that is newer than ``seen``, if the interval allows; else the same.

        Raises:
            HttpError: See `get`.

        Blocks: See `get`.
        """
        entry = self._entry
        if entry is not None and entry.value is not seen:
            return entry.value
        return self._renewed(entry, must_wait=True)

    def _renewed(self, seen: _Entry[T] | None, *, must_wait: bool = False) -> T:
        if self._now() < self._next_attempt:
            return self._usable(seen)
        lock = self._locks.setdefault(current_task().hub, Lock())
        if lock.locked() and not must_wait and self._is_usable(seen):
            return self._usable(seen)  # somebody is at it
        with lock:
            if self._entry is seen and self._now() >= self._next_attempt:
                self._attempt()
            return self._usable(self._entry)

    def _attempt(self) -> None:
        try:
            with deadline(self._policy.timeout):
                value = offload(self._load)
        except (OSError, ValueError, DeadlineExceeded) as error:
            _log.warning("%s cannot be had: %s: %s", self._name, type(error).__name__, error)
        else:
            self._entry = _Entry(value, self._now())
        # Not where the task was cancelled: then this was no attempt.
        self._next_attempt = self._now() + self._policy.interval

    def _is_usable(self, entry: _Entry[T] | None) -> bool:
        longest = self._policy.lifetime + self._policy.stale
        return entry is not None and self._now() < entry.since + longest

    def _usable(self, entry: _Entry[T] | None) -> T:
        if entry is None or not self._is_usable(entry):
            wait = max(1, round(self._next_attempt - self._now()))
            raise HttpError(
                503, "credentials cannot be verified now", headers={"retry-after": str(wait)}
            )
        return entry.value
