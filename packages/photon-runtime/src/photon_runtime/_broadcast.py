"""One sender side, many subscribers: every subscriber gets every item.

Theory of operation. Each `Subscription` has a bounded buffer of its own and shares nothing else
with the others, so a slow one delays the others only if the policy says so. With ``"wait"`` a
`Broadcast.send` waits until every subscription has room and then delivers to all of them in one
step: a send that is cancelled, or times out, reaches no subscriber, and all subscribers receive the
same items in the same order. The broadcast has a set of its full subscriptions; senders wait
exactly while that set is not empty, so a receive does not have to check the other subscriptions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, Literal, Self, TypeVar, get_args

from ._channel import Receiving, Wakeable, wait_to_send, wake_all
from .errors import ChannelClosed, FellBehind

T = TypeVar("T")

Slow = Literal["wait", "drop_oldest", "drop_newest", "disconnect"]


class Subscription(Receiving[T]):
    """The items that one subscriber has yet to receive; made by `Broadcast.subscribe`.

    Iterating over it receives until the broadcast is closed. It is a context manager that ends the
    subscription; a subscription that is not closed continues to receive items.

    Attributes:
        capacity: Maximum number of items that wait for this subscriber.
        dropped: Number of items lost because the subscriber was slow.
    """

    __slots__ = ("_broadcast", "_fell_behind", "dropped")

    def __init__(self, broadcast: Broadcast[T]) -> None:
        """Begin to receive the items of ``broadcast``."""
        super().__init__(broadcast.capacity, broadcast._full)
        self.dropped = 0
        self._fell_behind = False
        self._broadcast = broadcast

    def __repr__(self) -> str:
        """Show the state, the fill, the lost items, and the number of waiting receivers."""
        state = "closed" if self._closed else "open"
        dropped = f", {self.dropped} dropped" if self.dropped else ""
        receiving = f", {len(self._receivers)} receiving" if self._receivers else ""
        fill = f"{len(self._buffer)} of {self.capacity}"
        return f"<Subscription {state}, {fill}{dropped}{receiving}>"

    def close(self) -> None:
        """End the subscription and drop its items. Calling it twice is harmless."""
        self._buffer.clear()
        self._end()
        self._broadcast._leave(self)

    def __iter__(self) -> Iterator[T]:
        """Receive until the broadcast or the subscription is closed.

        Raises:
            FellBehind: The subscription was disconnected because it was slow.
        """
        yield from super().__iter__()
        if self._fell_behind:
            raise self._why_closed()

    def __enter__(self) -> Self:
        """Return the subscription."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """End the subscription."""
        self.close()

    def _deliver(self, item: T, slow: Slow) -> None:
        buffer = self._buffer
        if self._receivers and self._hand_over(item):
            return
        if len(buffer) < self.capacity:
            buffer.append(item)
            if slow == "wait" and len(buffer) == self.capacity:
                self._broadcast._full.add(self)
        elif slow == "disconnect":
            self._fell_behind = True
            self.dropped += 1
            self._end()
            self._broadcast._leave(self)
        else:
            self.dropped += 1
            if slow == "drop_oldest":
                buffer.popleft()
                buffer.append(item)

    def _why_closed(self) -> ChannelClosed:
        if self._fell_behind:
            return FellBehind(
                f"the subscriber was disconnected: {self.capacity} items were waiting for it "
                "when the next one arrived; receive faster, or give the broadcast more capacity"
            )
        return super()._why_closed()

    def _room_made(self) -> None:
        self._broadcast._room_made(self)

    def _take_from_sender(self, slot: list[T]) -> bool:
        return False  # every item passes through the buffer


class Broadcast(Generic[T]):
    """Send each item to every subscriber.

    As a context manager it closes itself at the end of the block.

    Args:
        capacity: Maximum number of items that wait for each subscriber; one or more.
        slow: Policy for an item sent to a subscriber with that many waiting. ``"wait"``: `send`
            waits until all have room. ``"drop_oldest"`` and ``"drop_newest"``: the subscriber loses
            its oldest item, or the new one, and counts it in `Subscription.dropped`.
            ``"disconnect"``: its subscription ends; it can receive the waiting items, and then gets
            `FellBehind`.

    Attributes:
        capacity: As given.
        slow: As given.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> list[list[str]]:
        ...     news: rt.Broadcast[str] = rt.Broadcast(8)
        ...     readers = [rt.spawn(list, news.subscribe()) for _ in range(2)]
        ...     with news:
        ...         news.send("hello")
        ...         news.send("goodbye")
        ...     return [reader.result() for reader in readers]
        >>> rt.run(main)
        [['hello', 'goodbye'], ['hello', 'goodbye']]
    """

    __slots__ = ("_closed", "_full", "_senders", "_subscriptions", "capacity", "slow")

    def __init__(self, capacity: int, *, slow: Slow = "wait") -> None:
        """Make an open broadcast without subscribers."""
        if capacity < 1:
            raise ValueError(f"the capacity of a broadcast must be one or more, not {capacity}")
        if slow not in get_args(Slow):
            raise ValueError(f"slow must be one of {', '.join(get_args(Slow))}, not {slow!r}")
        self.capacity = capacity
        self.slow: Slow = slow
        self._closed = False
        self._full: set[Subscription[T]] = set()
        self._senders: OrderedDict[Wakeable, list[T]] = OrderedDict()
        self._subscriptions: dict[Subscription[T], None] = {}

    def __repr__(self) -> str:
        """Show the state, the number of subscribers, and the number of waiting senders."""
        state = "closed" if self._closed else "open"
        sending = f", {len(self._senders)} sending" if self._senders else ""
        return f"<Broadcast {state}, {self.subscribers} subscribers, slow={self.slow!r}{sending}>"

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def subscribers(self) -> int:
        """Number of subscriptions."""
        return len(self._subscriptions)

    def subscribe(self) -> Subscription[T]:
        """Begin to receive the items sent from now on. Does not wait.

        Raises:
            ChannelClosed: The broadcast is closed.
        """
        if self._closed:
            raise ChannelClosed("subscribe() on a closed broadcast")
        subscription = Subscription(self)
        self._subscriptions[subscription] = None
        return subscription

    def send(self, item: T, timeout: float | None = None) -> None:
        """Send ``item`` to all subscribers; without any it is dropped.

        Args:
            item: Anything; all subscribers get the same object.
            timeout: Maximum time to wait in seconds, zero for no wait; ``None`` for no limit. Only
                the policy ``"wait"`` ever waits.

        Raises:
            ChannelClosed: The broadcast is closed, or was closed before all had room.
            TimeoutError: Not all had room in time; no subscriber received the item.
            Cancelled: A scope around the task was cancelled; no subscriber received the item.

        Blocks: the calling task, with the policy ``"wait"`` while a subscriber has no room.
        """
        if self._closed:
            raise ChannelClosed("send() on a closed broadcast")
        if not self._full:
            self._deliver(item)
            return
        slot = [item]
        woken = (timeout is None or timeout > 0) and wait_to_send(self._senders, slot, timeout)
        if slot:
            if woken:
                raise ChannelClosed("the broadcast was closed before all subscribers had room")
            raise TimeoutError(f"not all subscribers had room within {timeout} seconds")

    def close(self) -> None:
        """Accept no more items; subscribers can still receive theirs. Twice is harmless."""
        self._closed = True
        subscriptions, self._subscriptions = self._subscriptions, {}
        self._full.clear()
        for subscription in subscriptions:
            subscription._end()
        wake_all(self._senders)

    def __enter__(self) -> Self:
        """Return the broadcast."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Close the broadcast."""
        self.close()

    def _deliver(self, item: T) -> None:
        for subscription in [*self._subscriptions]:  # one may be disconnected on the way
            subscription._deliver(item, self.slow)

    def _leave(self, subscription: Subscription[T]) -> None:
        self._subscriptions.pop(subscription, None)
        self._room_made(subscription)

    def _room_made(self, subscription: Subscription[T]) -> None:
        self._full.discard(subscription)
        senders = self._senders
        while senders and not self._full:
            sender, slot = senders.popitem(last=False)
            if sender.unpark():
                self._deliver(slot.pop())
