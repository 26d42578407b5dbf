"""A fixed number of slots, handed out in order of arrival to tasks of any hub and to threads.

Theory of operation. A slot is a connection record, or `EMPTY` while it has no connection. Free
slots are on two stacks, those with a connection on the first. A caller that finds both empty, or
finds others waiting, puts a waiter into the queue, looks at the stacks once more (a slot may have
been freed in between) and waits. `give` never puts a slot on a stack while a caller is waiting: the
slot is handed to the caller that has waited longest. So a caller cannot overtake another, and a
caller that gives up but was handed a slot in the meantime passes it on.

Every step is one operation of the interpreter and no step needs a lock, because a slot is also
given by finalisers of forgotten connections, which may run between any two operations of anything.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from photon_runtime.patch import Waiter, new_waiter


class _Empty:
    """The type of `EMPTY`."""

    def __repr__(self) -> str:
        return "EMPTY"


EMPTY: Final = _Empty()
"""A slot without a connection."""

Slot = Any
"""A connection record of SQLAlchemy, or `EMPTY`."""


class QueueFull(Exception):
    """Too many callers wait already."""


class _Request:
    """One caller in the queue, and the slot it was handed."""

    __slots__ = ("slot", "waiter")

    def __init__(self, waiter: Waiter) -> None:
        self.waiter = waiter
        self.slot: Slot = None


class Slots:
    """The slots of one pool.

    Args:
        size: Their number.
        max_waiting: Maximum number of callers in the queue.
    """

    def __init__(self, size: int, max_waiting: int) -> None:
        """Begin with free, empty slots."""
        self.size = size
        self.max_waiting = max_waiting
        self._connected: deque[Slot] = deque()
        self._empty: deque[Slot] = deque([EMPTY] * size)
        self._queue: deque[_Request] = deque()

    @property
    def waiting(self) -> int:
        """The number of callers in the queue."""
        return len(self._queue)

    @property
    def idle(self) -> int:
        """The number of free slots with a connection."""
        return len(self._connected)

    @property
    def in_use(self) -> int:
        """The number of slots that were taken and not given back."""
        return self.size - len(self._connected) - len(self._empty)

    def take(self, timeout: float) -> Slot:
        """Take a free slot, one with a connection if there is one.

        Args:
            timeout: Maximum time to wait, in seconds.

        Raises:
            TimeoutError: No slot became free in time.
            QueueFull: `max_waiting` callers wait already.
            Cancelled: A scope around the task was cancelled; no slot was taken.

        Blocks: the calling task, or the calling thread outside of tasks.
        """
        if not self._queue:
            slot = self._pop()
            if slot is not None:
                return slot
        return self._wait(timeout)

    def take_idle(self) -> Slot | None:
        """Take the slot whose connection was not used for longest; ``None`` without one."""
        try:
            return self._connected.popleft()
        except IndexError:
            return None

    def take_empty(self) -> Slot | None:
        """Take a slot without a connection; ``None`` without one. Does not overtake."""
        if self._queue:
            return None
        try:
            return self._empty.pop()
        except IndexError:
            return None

    def give(self, slot: Slot) -> None:
        """Give a slot back, or hand it to the caller that has waited longest. Does not wait."""
        while True:
            try:
                request = self._queue.popleft()
            except IndexError:
                break
            if request.waiter.claim():
                request.slot = slot
                request.waiter.wake()
                return
        self._push(slot)
        if self._queue and (other := self._pop()) is not None:
            self.give(other)  # a caller came into the queue between the two steps

    def give_oldest(self, slot: Slot) -> None:
        """Give back a slot that `take_idle` took, as the one that was not used for longest."""
        if self._queue or slot is EMPTY:
            self.give(slot)
        else:
            self._connected.appendleft(slot)

    def _wait(self, timeout: float) -> Slot:
        if len(self._queue) >= self.max_waiting:
            raise QueueFull
        request = _Request(new_waiter())
        self._queue.append(request)
        if self._queue[0] is request and (slot := self._pop()) is not None:
            if request.waiter.claim():
                self._forget(request)
                return slot
            self.give(slot)  # another slot was handed over in the meantime
        try:
            request.waiter.wait(timeout)
        except BaseException:
            self._give_up(request)
            raise
        if request.slot is None and request.waiter.claim():
            self._forget(request)
            raise TimeoutError
        return request.slot

    def _give_up(self, request: _Request) -> None:
        if request.waiter.claim():
            self._forget(request)
        else:
            self.give(request.slot)

    def _forget(self, request: _Request) -> None:
        try:
            self._queue.remove(request)
        except ValueError:
            pass  # `give` has removed it

    def _pop(self) -> Slot | None:
        for stack in (self._connected, self._empty):
            try:
                return stack.pop()
            except IndexError:
                continue
        return None

    def _push(self, slot: Slot) -> None:
        (self._empty if slot is EMPTY else self._connected).append(slot)
