"""Time and chance under control, for tests of coroutine code.

Theory of operation. With a `VirtualClock` the hub's poller is wrapped: where the hub would wait
for its next timer, the wrapper looks for events without waiting and, if still nobody can run, sets
the clock to that timer's time. So a test takes no real time, and timers fire in exactly their
order. While threads of the offload pool have yet to report, the clock stands still and the wait is
a real one: how long they take is not the program's time.

With a seed, the queue of runnable tasks gives out any of them instead of the first. Every order
that it can produce is one in which a program must be right, since tasks switch nowhere but in
their waits; the same seed gives the same order again.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from random import Random
from typing import TypeVar

from greenlet import getcurrent

from ._carrier import Carrier
from ._hub import Hub
from ._poll import Poller, make_poller
from ._report import describe_tasks
from ._run import run_in
from ._task import Task
from ._watcher import Watcher
from .errors import Deadlock

T = TypeVar("T")


class VirtualClock:
    """Seconds that pass only when nothing else is left to do, or when told to.

    Args:
        start: The first time, in seconds.

    Example:
        >>> from photon_runtime.testing import VirtualClock
        >>> clock = VirtualClock()
        >>> clock.advance(60)
        >>> clock()
        60.0
    """

    __slots__ = ("_now",)

    def __init__(self, start: float = 0.0) -> None:
        """Stop the clock at ``start``."""
        self._now = start

    def __repr__(self) -> str:
        """Show the time."""
        return f"<VirtualClock at {self._now:g} seconds>"

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass; timers that come due fire at the hub's next turn.

        Raises:
            ValueError: ``seconds`` is negative or not a number.
        """
        if not seconds >= 0:
            raise ValueError(f"a clock advances by seconds, zero or more, not {seconds!r}")
        self._now += seconds


class VirtualPoller:
    """A poller that lets the time of a `VirtualClock` pass instead of waiting."""

    __slots__ = ("_clock", "_poller", "_ready", "_rung", "bell", "hub")

    def __init__(self, poller: Poller, clock: VirtualClock, ready: deque[Task[object]]) -> None:
        """Wrap ``poller``; ``ready`` is the hub's queue of runnable tasks."""
        self._poller = poller
        self.bell = poller.bell
        self._clock = clock
        self._ready = ready
        self._rung = False
        self.hub: Hub | None = None

    def watch(self, fd: int) -> Watcher:
        """Return the watcher of ``fd``, registering it if it is new."""
        return self._poller.watch(fd)

    def forget(self, fd: int) -> None:
        """Stop watching ``fd`` before it is closed."""
        self._poller.forget(fd)

    def drop(self, fd: int) -> Watcher | None:
        """Stop watching ``fd``, and leave who waits waiting."""
        return self._poller.drop(fd)

    def interest_changed(self, watcher: Watcher) -> None:
        """Note that somebody began to wait on ``watcher``."""
        self._poller.interest_changed(watcher)

    def poll(self, timeout: float | None) -> None:
        """Fire what is ready; without any, let ``timeout`` seconds of the clock pass."""
        outside = self.hub is not None and self.hub.outside
        if timeout != 0 and (outside or (timeout is None and self._poller.has_waiters())):
            self._poller.poll(None)
            return
        self._poller.poll(0.0)
        rung, self._rung = self._rung, False  # also by who has posted since the hub looked
        if self._ready or rung:
            return
        if timeout is not None:
            self._clock.advance(timeout)
        elif self.hub is not None:
            self._refuse_deadlock(self.hub)

    def _refuse_deadlock(self, hub: Hub) -> None:
        # The hub would wait for a signal here if the program handles any; a test's program is
        # alone, and the handlers are those of the tool that runs the test.
        raise Deadlock(
            "nothing can ever run again, all tasks wait for each other:\n\n"
            + describe_tasks(hub.tasks)
        )

    def wake(self) -> None:
        """Make `poll` return, from any thread or signal handler."""
        self._rung = True
        self._poller.wake()

    def has_waiters(self) -> bool:
        """Return whether a task waits for a descriptor."""
        return self._poller.has_waiters()

    @property
    def awaited(self) -> int:
        """How many descriptors tasks wait for."""
        return self._poller.awaited

    def close(self) -> None:
        """Release the descriptors of the poller itself."""
        self._poller.close()


class ShuffledQueue(deque[Task[object]]):
    """Runnable tasks, given out in an order of chance."""

    def __init__(self, chance: Random) -> None:
        """Begin empty; ``chance`` chooses."""
        super().__init__()
        self._chance = chance

    def popleft(self) -> Task[object]:
        """Take out any of the tasks."""
        chosen = self._chance.randrange(len(self))
        if chosen:
            self[0], self[chosen] = self[chosen], self[0]
        return super().popleft()


def run(
    function: Callable[..., T],
    /,
    *args: object,
    clock: VirtualClock | None = None,
    seed: int | None = None,
) -> T:
    """Run ``function`` like `photon_runtime.run`, but in virtual time and a known order.

    ``sleep``, timeouts and deadlines take no real time: the clock jumps to the next of them when
    no task can run, unless calls of ``offload`` are under way. Sockets work as ever; an answer
    that comes from another process is not waited for when a timeout could run out instead.

    Args:
        function: The first task of a new hub.
        args: Its arguments.
        clock: The time; by default a new `VirtualClock` that begins at zero.
        seed: Runs the runnable tasks in an order of chance, the same for the same seed, and
            decides what chance decides elsewhere (``select``). ``None``: first come, first
            served.

    Raises:
        RuntimeError: The calling thread runs a hub already.
        Deadlock: All tasks wait for each other.
        Exception: Whatever ``function`` raised.

    Blocks: the calling thread, until everything has ended.

    Example:
        >>> import photon_runtime as rt
        >>> from photon_runtime import testing
        >>> clock = testing.VirtualClock()
        >>> testing.run(rt.sleep, 3600, clock=clock)
        >>> clock()
        3600.0
    """
    if isinstance(getcurrent(), Carrier):
        # The call is wrong here, not the type of an argument.
        raise RuntimeError(  # noqa: TRY004
            "testing.run() was called in a task: this thread runs a hub already"
        )
    clock = VirtualClock() if clock is None else clock
    ready: deque[Task[object]] = deque() if seed is None else ShuffledQueue(Random(seed))
    poller = VirtualPoller(make_poller(), clock, ready)
    hub = poller.hub = Hub(clock=clock, poller=poller, ready=ready)
    hub.resources[Random] = Random(0 if seed is None else seed)
    return run_in(hub, functools.partial(function, *args), function)
