"""The cases of a `select`: an item, room in a channel, time.

A case waits in the place of a task, and is woken like one: with `unpark`, which returns whether it
still waited. See `_select` for how one of several wins.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from ._channel import Channel, Receiving
from ._hub import Hub
from ._task import Task
from ._timer import Timer
from .errors import ChannelClosed

T = TypeVar("T")


class Case(ABC):
    """One of the things that a `select` waits for.

    A case may be used again when its `select` has returned, but not in two at once.
    """

    __slots__ = ("_task", "_won")

    def __init__(self) -> None:
        """Make a case that is not in use."""
        self._task: Task[object] | None = None
        self._won = False

    def unpark(self) -> bool:
        """Resume the `select` with this case, if it still waits; return whether it did."""
        if self._task is None or not self._task.unpark():
            return False
        self._won = True
        return True

    def interrupt(self, error: BaseException) -> bool:
        """Make the `select` fail with ``error``, if it still waits; return whether it did."""
        return self._task is not None and self._task.interrupt(error)

    def _begin(self, hub: Hub, task: Task[object]) -> None:
        """Prepare for a new `select`, which ``task`` calls."""
        self._task = task
        self._won = False

    @abstractmethod
    def _try(self) -> bool:
        """Win if that is possible without waiting; return whether the case has won."""

    @abstractmethod
    def _join(self, hub: Hub) -> None:
        """Wait where the case can be woken."""

    @abstractmethod
    def _leave(self, hub: Hub) -> None:
        """Stop waiting there, if the case still does."""

    def _confirm(self) -> bool:
        """Return whether the case, which was woken, has really won."""
        return True


class Receive(Case, Generic[T]):
    """Wins with the next item of a channel or of a subscription, or with its end.

    Args:
        source: A `Channel`, or a subscription of a `Broadcast`.
    """

    __slots__ = ("_slot", "_source")

    def __init__(self, source: Receiving[T]) -> None:
        """Make a case for the next item of ``source``."""
        super().__init__()
        self._source = source
        self._slot: list[T] = []

    def __repr__(self) -> str:
        """Show the source."""
        return f"<Receive from {self._source!r}>"

    @property
    def ended(self) -> bool:
        """Whether the case won because there will be no more items."""
        return self._won and not self._slot

    @property
    def value(self) -> T:
        """The item that was received.

        Raises:
            ChannelClosed: The source is closed and has no more items.
            RuntimeError: The case has not won.
        """
        if self._slot:
            return self._slot[0]
        if self._won:
            raise self._source._why_closed()
        raise RuntimeError(f"{self!r} has no value: it is not the case that select() returned")

    def _begin(self, hub: Hub, task: Task[object]) -> None:
        super()._begin(hub, task)
        self._slot = []

    def _try(self) -> bool:
        return self._source._take(self._slot) or self._source.closed

    def _join(self, hub: Hub) -> None:
        self._source._receivers[self] = self._slot

    def _leave(self, hub: Hub) -> None:
        self._source._receivers.pop(self, None)


class Send(Case, Generic[T]):
    """Wins when the channel has accepted the item.

    Args:
        channel: Channel to send to.
        item: Item to send, once for each time that the case wins.
    """

    __slots__ = ("_channel", "_slot", "item")

    def __init__(self, channel: Channel[T], item: T) -> None:
        """Make a case that sends ``item``."""
        super().__init__()
        self._channel = channel
        self.item = item
        self._slot: list[T] = []

    def __repr__(self) -> str:
        """Show the channel."""
        return f"<Send to {self._channel!r}>"

    def _try(self) -> bool:
        if self._channel.closed:
            raise ChannelClosed(f"{self!r}: the channel is closed and accepts no more items")
        return self._channel._offer(self.item)

    def _join(self, hub: Hub) -> None:
        self._slot = [self.item]
        self._channel._senders[self] = self._slot

    def _leave(self, hub: Hub) -> None:
        self._channel._senders.pop(self, None)

    def _confirm(self) -> bool:
        if self._slot:
            raise ChannelClosed(f"{self!r}: the channel was closed before the item was received")
        return True


class After(Case):
    """Wins when some time has passed.

    Args:
        seconds: Zero or more, counted anew in each `select`.
    """

    __slots__ = ("_due", "_hub", "_timer", "seconds")

    def __init__(self, seconds: float) -> None:
        """Make a case that wins after ``seconds``."""
        if not seconds >= 0:
            raise ValueError(f"After needs a number of seconds, zero or more, not {seconds!r}")
        super().__init__()
        self.seconds = seconds
        self._due = 0.0
        self._hub: Hub | None = None
        self._timer: Timer | None = None

    def __repr__(self) -> str:
        """Show the time."""
        return f"<After {self.seconds:g} seconds>"

    def _begin(self, hub: Hub, task: Task[object]) -> None:
        super()._begin(hub, task)
        self._hub = hub
        self._due = hub.time() + self.seconds

    def _try(self) -> bool:
        return self._hub is not None and self._hub.time() >= self._due

    def _join(self, hub: Hub) -> None:
        self._timer = hub.timers.add(self._due, self.unpark)

    def _leave(self, hub: Hub) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
