"""A bounded queue between tasks.

Theory of operation. An item is, in this order of preference, given directly to a waiting receiver,
put into the buffer, or stays with its waiting sender. Making room moves the first waiting sender's
item into the buffer, so items leave in the order in which they were sent. A receiver is woken only
after it was given an item, and a sender only after its item was received: cancellation, which
affects only tasks that still wait, can neither lose an item nor send it twice.

A waiter is a `Wakeable` with a slot, a list: a receiver's slot is empty and the sender fills it, a
sender's contains the item and the receiver empties it. A `Wakeable` is a task, or one case of a
``select()``, which refuses to be woken once another case has won. `Receiving` is the half that a
channel shares with a subscription of a `Broadcast`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Iterator, Sized
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from ._pooled_greenlet import current_task
from .errors import ChannelClosed

T = TypeVar("T")


class Wakeable(Protocol):
    """A task or a case that waits in a channel."""

    def unpark(self) -> bool:
        """Resume it; return whether it was still waiting."""


class Receiving(ABC, Generic[T]):
    """A bounded buffer that tasks receive items from; subclasses define the sending side."""

    __slots__ = ("_buffer", "_closed", "_receivers", "_stuck", "capacity")

    def __init__(self, capacity: int, stuck: Sized) -> None:
        """Begin open and empty; ``stuck`` is not empty while a sender waits for room."""
        self.capacity = capacity
        self._buffer: deque[T] = deque()
        self._receivers: OrderedDict[Wakeable, list[T]] = OrderedDict()
        self._stuck = stuck
        self._closed = False

    def __len__(self) -> int:
        """Return the number of items to be received."""
        return len(self._buffer)

    def __bool__(self) -> bool:
        """Return ``True``, even without items."""
        return True

    @property
    def closed(self) -> bool:
        """Whether no more items can be sent; there may still be some to receive."""
        return self._closed

    def receive(self, timeout: float | None = None) -> T:
        """Wait for the next item and return it.

        Args:
            timeout: Maximum time to wait in seconds, zero for no wait; ``None`` for no limit.

        Raises:
            ChannelClosed: The channel is closed and has no more items.
            TimeoutError: No item arrived in time.
            Cancelled: A scope around the task was cancelled; no item was taken.

        Blocks: the calling task, while there is no item.
        """
        buffer = self._buffer
        if buffer:
            if not self._stuck:
                return buffer.popleft()
            item = buffer.popleft()
            self._room_made()
            return item
        slot: list[T] = []
        if self._stuck and self._take_from_sender(slot):
            return slot[0]
        if self._closed:
            raise self._why_closed()
        woken = (timeout is None or timeout > 0) and self._wait(slot, timeout)
        if slot:
            return slot[0]
        if woken:
            raise self._why_closed()
        raise TimeoutError(f"no item arrived within {timeout} seconds in {self!r}")

    def __iter__(self) -> Iterator[T]:
        """Receive until the channel is closed and has no more items."""
        while True:
            try:
                item = self.receive()
            except ChannelClosed:
                return
            yield item

    def _take(self, slot: list[T]) -> bool:
        """Put the next item into ``slot`` if possible without waiting; return whether it did."""
        if self._buffer:
            slot.append(self._buffer.popleft())
            if self._stuck:
                self._room_made()
            return True
        return bool(self._stuck) and self._take_from_sender(slot)

    def _wait(self, slot: list[T], timeout: float | None) -> bool:
        task = current_task()
        receivers = self._receivers
        receivers[task] = slot
        try:
            if timeout is None:
                task.park()
                return True
            return task.park_for(timeout)
        finally:
            receivers.pop(task, None)

    def _hand_over(self, item: T) -> bool:
        """Give ``item`` to the first receiver that still waits; return whether there was one."""
        receivers = self._receivers
        while receivers:
            receiver, slot = receivers.popitem(last=False)
            if receiver.unpark():
                slot.append(item)
                return True
        return False

    def _end(self) -> None:
        """Accept no more items, and wake the receivers, which will not receive any."""
        self._closed = True
        wake_all(self._receivers)

    def _why_closed(self) -> ChannelClosed:
        return ChannelClosed(f"{self!r} is closed and has no more items")

    @abstractmethod
    def _room_made(self) -> None:
        """Handle that an item was received while a sender waited for room."""

    @abstractmethod
    def _take_from_sender(self, slot: list[T]) -> bool:
        """Put an item that is not in the buffer into ``slot``, if there is one."""


class Channel(Receiving[T]):
    """A bounded, closable queue for any number of senders and receivers.

    As a context manager it closes itself at the end of the block.

    Args:
        capacity: Number of items in the channel at which `send` waits; zero makes every `send` wait
            for its receiver.

    Attributes:
        capacity: As given.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> list[int]:
        ...     numbers: rt.Channel[int] = rt.Channel(2)
        ...     def count() -> None:
        ...         with numbers:
        ...             for number in range(4):
        ...                 numbers.send(number)
        ...     rt.spawn(count)
        ...     return list(numbers)
        >>> rt.run(main)
        [0, 1, 2, 3]
    """

    __slots__ = ("_limit", "_senders")

    def __init__(self, capacity: int) -> None:
        """Make an open channel."""
        if capacity < 0:
            raise ValueError(f"the capacity of a channel must be zero or more, not {capacity}")
        self._senders: OrderedDict[Wakeable, list[T]] = OrderedDict()
        super().__init__(capacity, self._senders)
        self._limit = capacity  # zero when it is closed: `send` checks nothing else

    def __repr__(self) -> str:
        """Show the state, the fill, and the number of waiting senders and receivers."""
        state = "closed" if self._closed else "open"
        sending = f", {len(self._senders)} sending" if self._senders else ""
        receiving = f", {len(self._receivers)} receiving" if self._receivers else ""
        return f"<Channel {state}, {len(self._buffer)} of {self.capacity}{sending}{receiving}>"

    def send(self, item: T, timeout: float | None = None) -> None:
        """Put ``item`` into the channel, waiting for room.

        Args:
            item: Anything.
            timeout: Maximum time to wait in seconds, zero for no wait; ``None`` for no limit.

        Raises:
            ChannelClosed: The channel is closed, or was closed before there was room.
            TimeoutError: There was no room in time; the item was not sent.
            Cancelled: A scope around the task was cancelled; the item was not sent.

        Blocks: the calling task, while the channel is full.
        """
        buffer = self._buffer
        if len(buffer) < self._limit and not self._receivers:
            buffer.append(item)
            return
        if self._closed:
            raise ChannelClosed(f"send() on {self!r}: it is closed and accepts no more items")
        if self._offer(item):
            return
        slot = [item]
        woken = (timeout is None or timeout > 0) and wait_to_send(self._senders, slot, timeout)
        if slot:
            if woken:
                raise ChannelClosed(f"{self!r} was closed before the item was received")
            raise TimeoutError(f"no room within {timeout} seconds in {self!r}")

    def close(self) -> None:
        """Accept no more items; those in the channel can still be received.

        Receivers that wait, and senders that wait with an item, get `ChannelClosed`. Closing
        twice is harmless.
        """
        self._limit = 0
        self._end()
        wake_all(self._senders)

    def __enter__(self) -> Self:
        """Return the channel."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Close the channel."""
        self.close()

    def _offer(self, item: T) -> bool:
        """Send ``item`` if possible without waiting; return whether it was sent."""
        if self._receivers and self._hand_over(item):
            return True
        if len(self._buffer) < self.capacity:
            self._buffer.append(item)
            return True
        return False

    def _take_from_sender(self, slot: list[T]) -> bool:
        senders = self._senders
        while senders:
            sender, theirs = senders.popitem(last=False)
            if sender.unpark():
                slot.append(theirs.pop())
                return True
        return False

    def _room_made(self) -> None:
        slot: list[T] = []
        if self._take_from_sender(slot):
            self._buffer.append(slot[0])


def wait_to_send(
    senders: OrderedDict[Wakeable, list[T]], slot: list[T], timeout: float | None
) -> bool:
    """Wait among ``senders`` until a receiver empties ``slot`` or the channel is closed.

    Returns:
        ``True`` if the task was woken, ``False`` after ``timeout`` seconds.
    """
    task = current_task()
    senders[task] = slot
    try:
        if timeout is None:
            task.park()
            return True
        return task.park_for(timeout)
    finally:
        senders.pop(task, None)


def wake_all(waiting: OrderedDict[Wakeable, list[T]]) -> None:
    """Wake all that still wait, without changing their slots."""
    while waiting:
        waiting.popitem(last=False)[0].unpark()
