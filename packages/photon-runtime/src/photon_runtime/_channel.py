"""A bounded queue between tasks.

Theory of operation. An item goes, in this order of preference, straight to a waiting receiver,
into the buffer, or stays with its waiting sender. Whoever makes room moves the first waiting
sender's item up, so items leave in the order in which they were sent. A receiver is woken only
with its item in hand, and a sender only after its item was taken: cancellation, which reaches
only tasks that still wait, can neither lose an item nor send it twice.

Who waits is a `Wakeable` with a slot, a list: a receiver's slot is empty and the sender fills it,
a sender's holds the item and the receiver empties it. A `Wakeable` is a task, or one case of a
``select()``, which refuses to be woken once another case has won. `Receiving` is the half that a
channel has in common with a subscription of a `Broadcast`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Iterator, Sized
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from ._carrier import current_task
from .errors import ChannelClosed

T = TypeVar("T")


class Wakeable(Protocol):
    """Who waits in a channel."""

    def unpark(self) -> bool:
        """Let it go on; return whether it was still waiting."""


class Receiving(ABC, Generic[T]):
    """A bounded buffer that tasks take items out of; its other side is the subclass's."""

    __slots__ = ("_buffer", "_closed", "_receivers", "_stuck", "capacity")

    def __init__(self, capacity: int, stuck: Sized) -> None:
        """Begin open and empty; ``stuck`` is not empty while somebody waits for room."""
        self.capacity = capacity
        self._buffer: deque[T] = deque()
        self._receivers: OrderedDict[Wakeable, list[T]] = OrderedDict()
        self._stuck = stuck
        self._closed = False

    def __len__(self) -> int:
        """Return how many items wait to be received."""
        return len(self._buffer)

    def __bool__(self) -> bool:
        """Be true, also without items."""
        return True

    @property
    def closed(self) -> bool:
        """Whether no more items can be sent; there may still be some to receive."""
        return self._closed

    def receive(self, timeout: float | None = None) -> T:
        """Take the next item, waiting for one.

        Args:
            timeout: Seconds to wait at the most, zero for not at all; ``None`` waits for as
                long as it takes.

        Raises:
            ChannelClosed: There are no more items, and there will be none.
            TimeoutError: Nothing came in time.
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
        raise TimeoutError(f"nothing came within {timeout} seconds through {self!r}")

    def __iter__(self) -> Iterator[T]:
        """Receive until there are no more items and there will be none."""
        while True:
            try:
                item = self.receive()
            except ChannelClosed:
                return
            yield item

    def _take(self, slot: list[T]) -> bool:
        """Put the next item into ``slot`` if that needs no wait; return whether it did."""
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
        """Take no more items; wake the receivers, for whom there will be none."""
        self._closed = True
        wake_all(self._receivers)

    def _why_closed(self) -> ChannelClosed:
        return ChannelClosed(f"{self!r} is closed and has no more items")

    @abstractmethod
    def _room_made(self) -> None:
        """An item was taken while somebody waited for room: let the next one have it."""

    @abstractmethod
    def _take_from_sender(self, slot: list[T]) -> bool:
        """Put an item that does not pass through the buffer into ``slot``, if there is one."""


class Channel(Receiving[T]):
    """A bounded, closable queue for any number of senders and receivers.

    As a context manager it closes itself at the end of the block.

    Args:
        capacity: How many items wait in the channel before `send` waits; zero makes every
            `send` wait for its receiver.

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
            raise ValueError(f"a channel's capacity is zero or more, not {capacity}")
        self._senders: OrderedDict[Wakeable, list[T]] = OrderedDict()
        super().__init__(capacity, self._senders)
        self._limit = capacity  # until it is closed: `send` looks at nothing else

    def __repr__(self) -> str:
        """Show whether it is closed, the fill, and how many wait."""
        state = "closed" if self._closed else "open"
        sending = f", {len(self._senders)} sending" if self._senders else ""
        receiving = f", {len(self._receivers)} receiving" if self._receivers else ""
        return f"<Channel {state}, {len(self._buffer)} of {self.capacity}{sending}{receiving}>"

    def send(self, item: T, timeout: float | None = None) -> None:
        """Put ``item`` into the channel, waiting for room.

        Args:
            item: Anything.
            timeout: Seconds to wait at the most, zero for not at all; ``None`` waits for as
                long as it takes.

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
            raise ChannelClosed(f"send() on {self!r}, which takes no more items")
        if self._offer(item):
            return
        slot = [item]
        woken = (timeout is None or timeout > 0) and wait_to_send(self._senders, slot, timeout)
        if slot:
            if woken:
                raise ChannelClosed(f"{self!r} was closed before the item was taken")
            raise TimeoutError(f"no room within {timeout} seconds in {self!r}")

    def close(self) -> None:
        """Take no more items; those in the channel can still be received.

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
        """Send ``item`` if that needs no wait; return whether it was sent."""
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
    """Wait among ``senders`` until somebody empties ``slot`` or there is nothing to wait for.

    Returns:
        Whether somebody woke the task, ``False`` when ``timeout`` seconds ran out.
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
    """Wake everyone who still waits, with their slots as they are."""
    while waiting:
        waiting.popitem(last=False)[0].unpark()
