"""A bounded queue between tasks.

Theory of operation. An item goes, in this order of preference, straight to a waiting receiver,
into the buffer, or stays with its waiting sender. Whoever makes room moves the first waiting
sender's item up, so items leave in the order in which they were sent. A receiver is woken only
with its item in hand, and a sender only after its item was taken: cancellation, which reaches
only tasks that still wait, can neither lose an item nor send it twice.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from ._task import Task, current_task
from .errors import ChannelClosed

T = TypeVar("T")


class _Slot(Generic[T]):
    """What passes between a waiting task and the one that wakes it."""

    __slots__ = ("items",)

    def __init__(self, *items: T) -> None:
        self.items: list[T] = list(items)


class Channel(Generic[T]):
    """A bounded, closable queue for any number of senders and receivers.

    Args:
        capacity: How many items wait in the channel before `send` waits; zero makes every
            `send` wait for its receiver.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> list[int]:
        ...     numbers: rt.Channel[int] = rt.Channel(2)
        ...     def count() -> None:
        ...         for number in range(4):
        ...             numbers.send(number)
        ...         numbers.close()
        ...     rt.spawn(count)
        ...     return list(numbers)
        >>> rt.run(main)
        [0, 1, 2, 3]
    """

    __slots__ = ("_buffer", "_closed", "_receivers", "_senders", "capacity")

    def __init__(self, capacity: int) -> None:
        """Make an open channel."""
        if capacity < 0:
            raise ValueError(f"a channel's capacity is zero or more, not {capacity}")
        self.capacity = capacity
        self._buffer: deque[T] = deque()
        self._receivers: OrderedDict[Task[object], _Slot[T]] = OrderedDict()
        self._senders: OrderedDict[Task[object], _Slot[T]] = OrderedDict()
        self._closed = False

    def __repr__(self) -> str:
        """Show the fill and whether it is closed."""
        state = "closed" if self._closed else "open"
        return f"<Channel {state}, {len(self._buffer)} of {self.capacity}>"

    def __len__(self) -> int:
        """Return how many items wait in the channel."""
        return len(self._buffer)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def send(self, item: T, timeout: float | None = None) -> None:
        """Put ``item`` into the channel, waiting for room.

        Args:
            item: Anything.
            timeout: Seconds to wait at the most; ``None`` waits for as long as it takes.

        Raises:
            ChannelClosed: The channel is closed, or was closed before there was room.
            TimeoutError: There was no room in time; the item was not sent.
            Cancelled: A scope around the task was cancelled; the item was not sent.

        Blocks: the calling task, while the channel is full.
        """
        if self._closed:
            raise ChannelClosed("send() on a closed channel")
        if self._hand_over(item):
            return
        if len(self._buffer) < self.capacity:
            self._buffer.append(item)
            return
        slot = _Slot(item)
        woken = self._wait(self._senders, slot, timeout)
        if slot.items:
            if woken:
                raise ChannelClosed("the channel was closed before the item was taken")
            raise TimeoutError(f"the channel had no room within {timeout} seconds")

    def receive(self, timeout: float | None = None) -> T:
        """Take the next item, waiting for one.

        Args:
            timeout: Seconds to wait at the most; ``None`` waits for as long as it takes.

        Raises:
            ChannelClosed: The channel is closed and empty.
            TimeoutError: Nothing came in time.
            Cancelled: A scope around the task was cancelled; no item was taken.

        Blocks: the calling task, while the channel is empty.
        """
        if self._buffer:
            item = self._buffer.popleft()
            self._move_up()
            return item
        sent = self._take_from_sender()
        if sent is not None:
            return sent.items.pop()
        if self._closed:
            raise ChannelClosed("the channel is closed and has no more items")
        slot: _Slot[T] = _Slot()
        woken = self._wait(self._receivers, slot, timeout)
        if slot.items:
            return slot.items.pop()
        if woken:
            raise ChannelClosed("the channel was closed while waiting for an item")
        raise TimeoutError(f"nothing came through the channel within {timeout} seconds")

    def close(self) -> None:
        """Take no more items; those in the channel can still be received."""
        self._closed = True
        for queue in (self._receivers, self._senders):
            while queue:
                task, _ = queue.popitem(last=False)
                task.unpark()

    def __iter__(self) -> Iterator[T]:
        """Receive until the channel is closed and empty."""
        while True:
            try:
                item = self.receive()
            except ChannelClosed:
                return
            yield item

    def _wait(
        self, queue: OrderedDict[Task[object], _Slot[T]], slot: _Slot[T], timeout: float | None
    ) -> bool:
        task = current_task()
        queue[task] = slot
        try:
            return task.park_for(timeout)
        finally:
            queue.pop(task, None)

    def _hand_over(self, item: T) -> bool:
        receivers = self._receivers
        while receivers:
            task, slot = receivers.popitem(last=False)
            if task.unpark():
                slot.items.append(item)
                return True
        return False

    def _take_from_sender(self) -> _Slot[T] | None:
        senders = self._senders
        while senders:
            task, slot = senders.popitem(last=False)
            if task.unpark():
                return _Slot(slot.items.pop())
        return None

    def _move_up(self) -> None:
        if len(self._buffer) < self.capacity:
            sent = self._take_from_sender()
            if sent is not None:
                self._buffer.append(sent.items.pop())
