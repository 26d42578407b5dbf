"""A cached value that is loaded from an external source and refreshed when it expires.

Theory of operation. The first task that needs the value waits while a thread loads it, off the
hub. When the value has expired, the next task that needs it loads it again; meanwhile all other
tasks use the expired value. They also do so if loading fails, until the value is too old to be
trusted. Only one task loads at a time, and a minimum interval separates two attempts, successful or
not: clients cannot make this process send requests to the source at will.

Tasks wait for each other within one hub; where an application runs in several hubs (under a WSGI
server, one per request), each of them may load the value.
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
    """Times of a cache, in seconds.

    Attributes:
        lifetime: Age at which the value is loaded again.
        interval: Minimum time between two attempts.
        timeout: Time limit of an attempt.
        stale: Time beyond its lifetime for which a value is used if it cannot be loaded again.
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
    """A value that is loaded on first use, and loaded again when it has expired.

    Args:
        load: Function that loads the value, called on a thread; it raises ``OSError`` or
            ``ValueError`` if the value is unavailable.
        name: Name of the value in the log.
        policy: Times of the cache.
        now: Clock that returns monotonic seconds.
    """

    def __init__(
        self,
        load: Callable[[], T],
        *,
        name: str,
        policy: CachePolicy,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Do not load the value yet."""
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
            HttpError: 503; the value is unavailable.

        Blocks: the calling task, while the value is first loaded, or while this task reloads it.
        """
        entry = self._entry
        if entry is not None and self._now() < entry.since + self._policy.lifetime:
            return entry.value
        return self._renewed(entry)

    def renew(self, seen: T) -> T:
        """Return a value newer than ``seen`` if the interval allows, otherwise ``seen`` itself.

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
            return self._usable(seen)  # another task is loading it
        with lock:
            if self._entry is seen and self._now() >= self._next_attempt:
                self._attempt()
            return self._usable(self._entry)

    def _attempt(self) -> None:
        try:
            with deadline(self._policy.timeout):
                value = offload(self._load)
        except (OSError, ValueError, DeadlineExceeded) as error:
            _log.warning("cannot load %s: %s: %s", self._name, type(error).__name__, error)
        else:
            self._entry = _Entry(value, self._now())
        # A cancelled task does not get here, so it does not count as an attempt.
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
