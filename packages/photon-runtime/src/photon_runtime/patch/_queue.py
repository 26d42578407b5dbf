"""`queue.SimpleQueue` whose waiting pauses a task, or a thread without a hub.

`queue.Queue` and its subclasses do not need a replacement: they use the locks of `threading`. A put
is one operation on a deque and wakes one waiter, so it is safe in signal handlers and finalisers,
even in the middle of another put, as the standard class promises.
"""

from __future__ import annotations

import queue
import time
import types
from collections import deque
from typing import Any, ClassVar, NoReturn

from .._run import yield_now
from ._running import running_task
from ._waiter import Waiter, drop_waiter, new_waiter, wake_first

# A worker that puts its own next work into its queue would never let other tasks run.
_LONGEST_STREAK = 100


class SimpleQueue:
    """The replacement of `queue.SimpleQueue`."""

    __slots__ = ("__weakref__", "_items", "_streak", "_waiters")
    __module__ = "_queue"  # by which pickles find it

    __class_getitem__: ClassVar[Any] = classmethod(types.GenericAlias)

    def __init__(self) -> None:
        """Make an empty queue."""
        self._items: deque[Any] = deque()
        self._waiters: list[Waiter] = []
        self._streak = 0

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Append ``item``; never waits."""
        self._items.append(item)
        if self._waiters:
            wake_first(self._waiters)

    def put_nowait(self, item: Any) -> None:
        """Append ``item``."""
        self.put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the oldest item; see `queue.SimpleQueue.get`.

        Raises:
            queue.Empty: The queue stayed empty until the timeout.
            Cancelled: A scope around the task was cancelled; nothing was taken.

        Blocks: the calling task, or the calling thread where there is no hub.
        """
        if timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        if block:
            self._be_fair()
        expires = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return self._items.popleft()
            except IndexError:
                pass
            left = None if expires is None else expires - time.monotonic()
            if not block or (left is not None and left <= 0):
                raise queue.Empty
            self._wait(left)

    def get_nowait(self) -> Any:
        """Take the oldest item or raise `queue.Empty`."""
        return self.get(False)

    def empty(self) -> bool:
        """Return whether there is no item at the moment."""
        return not self._items

    def qsize(self) -> int:
        """Return the number of items at the moment."""
        return len(self._items)

    def __getstate__(self) -> NoReturn:
        """Refuse to be copied or pickled, as the standard one does; a subclass may allow it."""
        raise TypeError("cannot pickle '_queue.SimpleQueue' object")

    def _be_fair(self) -> None:
        """Let other tasks run now and then, if this queue is never empty."""
        self._streak += 1
        if self._streak >= _LONGEST_STREAK:
            self._streak = 0
            if running_task() is not None:
                yield_now()

    def _wait(self, timeout: float | None) -> None:
        self._streak = 0
        waiter = new_waiter()
        self._waiters.append(waiter)
        try:
            if not self._items:
                waiter.wait(timeout)
        finally:
            if waiter.claim():
                drop_waiter(self._waiters, waiter)
            elif self._items:
                wake_first(
                    self._waiters
                )  # the task woken for an item may be cancelled and not take it
