"""Wait for the first of several things: items, room, sockets, time.

Theory of operation. `select` first looks whether a case can be had without waiting, beginning at
a random one, so that a case that is always ready cannot keep the others from winning. If there
is none it puts every case into the queue of its channel, watcher or timer heap, like a task that
waits there, and parks. Whoever wakes a case wakes the task, which can be done only once: that
case has won, and the others, should somebody come to them before the task runs, answer that they
no longer wait. So an item is handed only to the winner, a losing case takes nothing and gives
nothing, and a cancellation, which reaches only a task that still waits, finds no winner at all.

Readiness of a socket is asked of the operating system, not of the watcher's flags: they remember
edges, and an edge does not tell whether somebody has read the data since. A socket's case that was
woken is asked again before it wins.
"""

from __future__ import annotations

import errno
import os
import select as _os_select
from abc import ABC, abstractmethod
from random import Random
from typing import Generic, Protocol, TypeVar, overload

from ._channel import Channel, Receiving
from ._hub import Hub, current_hub
from ._poll import Watcher, watch_new
from ._socket import Socket
from ._task import Task, current_task
from ._timer import Timer
from .errors import ChannelClosed

T = TypeVar("T")

_poll_descriptors = getattr(_os_select, "poll", None)
_select_descriptors = _os_select.select
_READ, _WRITE, _INVALID = 0x001, 0x004, 0x020  # POLLIN, POLLOUT, POLLNVAL


class HasFileno(Protocol):
    """A socket, a pipe, a file."""

    def fileno(self) -> int:
        """Return the descriptor."""


class Case(ABC):
    """One of the things that a `select` waits for.

    A case may be used again when its `select` has returned, but not in two at once.
    """

    __slots__ = ("_task", "_won")

    def __init__(self) -> None:
        """Make a case that nobody waits for."""
        self._task: Task[object] | None = None
        self._won = False

    def unpark(self) -> bool:
        """Let the `select` go on with this case, if it still waits; return whether it did."""
        if self._task is None or not self._task.unpark():
            return False
        self._won = True
        return True

    def interrupt(self, error: BaseException) -> bool:
        """Let the `select` fail with ``error``, if it still waits; return whether it did."""
        return self._task is not None and self._task.interrupt(error)

    def _begin(self, hub: Hub, task: Task[object]) -> None:
        """Prepare for a new `select`, which ``task`` calls."""
        self._task = task
        self._won = False

    @abstractmethod
    def _try(self) -> bool:
        """Win if that needs no wait; return whether the case has won."""

    @abstractmethod
    def _join(self, hub: Hub) -> None:
        """Wait where the case can be woken."""

    @abstractmethod
    def _leave(self, hub: Hub) -> None:
        """Wait there no longer, if the case still does."""

    def _confirm(self) -> bool:
        """Say whether the case, which was woken, has really won."""
        return True


class Receive(Case, Generic[T]):
    """Wins with the next item of a channel or of a subscription, or with its end.

    Args:
        source: A `Channel`, or what `Broadcast.subscribe` returned.
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
    """Wins when the channel has taken the item.

    Args:
        channel: Where to send.
        item: What to send, once for each time that the case wins.
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
            raise ChannelClosed(f"{self!r}, which takes no more items")
        return self._channel._offer(self.item)

    def _join(self, hub: Hub) -> None:
        self._slot = [self.item]
        self._channel._senders[self] = self._slot

    def _leave(self, hub: Hub) -> None:
        self._channel._senders.pop(self, None)

    def _confirm(self) -> bool:
        if self._slot:
            raise ChannelClosed(f"{self!r}, which was closed before the item was taken")
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
            raise ValueError(f"After takes seconds, zero or more, not {seconds!r}")
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


class _Ready(Case):
    """Wins when a descriptor is ready."""

    __slots__ = ("_duplicate", "_source", "_watcher")

    _mask: int

    def __init__(self, source: HasFileno | int) -> None:
        """Make a case for a socket, anything else with ``fileno()``, or a descriptor."""
        super().__init__()
        self._source = source
        self._watcher: Watcher | None = None
        self._duplicate: int | None = None

    def __repr__(self) -> str:
        """Show what is waited for."""
        return f"<{type(self).__name__} {self._source!r}>"

    def _fileno(self) -> int:
        source = self._source
        return source if isinstance(source, int) else source.fileno()

    def _try(self) -> bool:
        return _is_ready(self._fileno(), self._mask)

    def _confirm(self) -> bool:
        return self._try()

    def _join(self, hub: Hub) -> None:
        watcher = self._watch(hub)
        self._waiters(watcher).append(self)
        hub.poller.interest_changed(watcher)
        self._watcher = watcher

    def _leave(self, hub: Hub) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None and self in (waiters := self._waiters(watcher)):
            waiters.remove(self)
        duplicate, self._duplicate = self._duplicate, None
        if duplicate is not None:
            hub.poller.forget(duplicate)
            os.close(duplicate)

    def _watch(self, hub: Hub) -> Watcher:
        if isinstance(self._source, Socket):
            return self._source._watched()
        # Nobody tells the poller when a foreign descriptor is closed and its number given to
        # another file, so what is watched is a descriptor of our own.
        self._duplicate = os.dup(self._fileno())
        return watch_new(hub.poller, self._duplicate)

    @abstractmethod
    def _waiters(self, watcher: Watcher) -> list[Case]:
        """The list of those who wait for the same."""


class Readable(_Ready):
    """Wins when reading from a socket, pipe or descriptor would not block.

    Data, a connection to accept, the end of the stream and an error all count; nothing is read.

    Args:
        source: A `Socket`, anything with ``fileno()``, or a descriptor. Closing it while a
            `select` waits is noticed at once with a `Socket` only.
    """

    __slots__ = ()
    _mask = _READ

    def _waiters(self, watcher: Watcher) -> list[Case]:
        return watcher._more_readers  # type: ignore[return-value]  # a Case is a Waiter


class Writable(_Ready):
    """Wins when writing to a socket, pipe or descriptor would not block, or would fail.

    Args:
        source: As of `Readable`.
    """

    __slots__ = ()
    _mask = _WRITE

    def _waiters(self, watcher: Watcher) -> list[Case]:
        return watcher._more_writers  # type: ignore[return-value]  # a Case is a Waiter


C = TypeVar("C", bound=Case)


@overload
def select(*cases: C, timeout: None = None) -> C: ...


@overload
def select(*cases: C, timeout: float) -> C | None: ...


def select(*cases: C, timeout: float | None = None) -> C | None:
    """Wait until one of ``cases`` can be had, and have that one only.

    When several can be had at once, chance decides.

    Args:
        cases: `Receive`, `Send`, `Readable`, `Writable`, `After`; each object once.
        timeout: Seconds to wait at the most, zero for not at all; ``None`` waits for as long as
            it takes.

    Returns:
        The case that won; ``None`` when the time ran out. No other case took or gave anything.

    Raises:
        ValueError: There is no case and no ``timeout``, or a case is in use already.
        ChannelClosed: A channel to send to is closed. A closed channel to receive from raises
            nothing: its case wins, with `Receive.ended`.
        OSError: A descriptor is closed.
        Cancelled: A scope around the task was cancelled; no case took or gave anything.
        NotRunning: The caller does not run in a task.

    Blocks: the calling task, unless a case can be had at once.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> str:
        ...     orders: rt.Channel[str] = rt.Channel(1)
        ...     rt.spawn(orders.send, "coffee")
        ...     order, patience = rt.Receive(orders), rt.After(5)
        ...     won = rt.select(order, patience)
        ...     return order.value if won is order else "nobody came"
        >>> rt.run(main)
        'coffee'
    """
    if not cases and timeout is None:
        raise ValueError("select() needs a case or a timeout: without both it would never end")
    task, hub = current_task(), current_hub()
    limit = None if timeout is None else After(max(0.0, timeout))
    given: tuple[Case, ...] = cases if limit is None else (*cases, limit)
    entered: list[Case] = []
    try:
        for case in given:
            if case._task is not None:
                raise ValueError(f"{case!r} is waited for already; make a case for each select()")
            case._begin(hub, task)
            entered.append(case)
        won = _first(cases, limit, hub, task)
        if won is not None:
            won._won = True
        return won
    finally:
        for case in entered:
            case._task = None


def _first(cases: tuple[C, ...], limit: After | None, hub: Hub, task: Task[object]) -> C | None:
    """Return the case that wins; ``None`` when that is ``limit``."""
    start = _chance(hub).randrange(len(cases)) if len(cases) > 1 else 0
    order = cases[start:] + cases[:start]
    while True:
        for case in order:
            if case._try():
                return case
        if limit is not None and limit._try():
            return None
        _wait(order if limit is None else (*order, limit), hub, task)
        for case in order:
            if case._won and case._confirm():
                return case
            case._won = False


def _wait(cases: tuple[Case, ...], hub: Hub, task: Task[object]) -> None:
    """Pause ``task`` until a case was woken."""
    try:
        for case in cases:
            case._join(hub)
        task.park()
    finally:
        for case in cases:
            case._leave(hub)


def _chance(hub: Hub) -> Random:
    chance = hub.resources.get(Random)
    if not isinstance(chance, Random):
        chance = hub.resources[Random] = Random()
    return chance


def _is_ready(fd: int, mask: int) -> bool:
    """Ask the operating system whether ``fd`` is ready now."""
    if fd < 0:
        raise OSError(errno.EBADF, "the descriptor is closed")
    if _poll_descriptors is None:
        read, write = ([fd], []) if mask == _READ else ([], [fd])
        return any(_select_descriptors(read, write, [fd], 0))
    asked = _poll_descriptors()
    asked.register(fd, mask)
    events = asked.poll(0)
    if events and events[0][1] & _INVALID:
        raise OSError(errno.EBADF, "the descriptor is closed")
    return bool(events)
