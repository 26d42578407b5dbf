"""Virtual time and a seeded order of tasks, for tests of coroutine code.

Theory of operation. With a `VirtualClock` the hub's poller is wrapped: where the hub would wait for
its next timer, the wrapper polls for events without waiting and, if still no task is runnable, sets
the clock to that timer's time. So a test takes no real time, and timers fire in exactly their
order. While reports of offload threads are pending, the clock does not advance and the wait is
real: their duration is not part of the virtual time.

With a seed, the queue of runnable tasks returns a random one instead of the first. A program must
be correct in every order that it can produce, because tasks switch only in their waits; the same
seed produces the same order.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from random import Random
from typing import TypeVar

from greenlet import getcurrent

from ._hub import Hub
from ._poll import Poller, make_poller
from ._pooled_greenlet import PooledGreenlet
from ._report import describe_tasks
from ._run import run_in
from ._task import Task
from ._watcher import Watcher
from .errors import Deadlock

T = TypeVar("T")


class VirtualClock:
    """A clock that advances only when no task is runnable, or by `advance`.

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
        """Set the clock to ``start``."""
        self._now = start

    def __repr__(self) -> str:
        """Show the time."""
        return f"<VirtualClock at {self._now:g} seconds>"

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Advance the clock by ``seconds``; due timers fire at the hub's next turn.

        Raises:
            ValueError: ``seconds`` is negative or not a number.
        """
        if not seconds >= 0:
            raise ValueError(f"advance() needs a number of seconds, zero or more, not {seconds!r}")
        self._now += seconds


class VirtualPoller:
    """A poller that advances a `VirtualClock` instead of waiting."""

    __slots__ = ("_clock", "_is_woken", "_poller", "_ready", "hub", "waker")

    def __init__(self, poller: Poller, clock: VirtualClock, ready: deque[Task[object]]) -> None:
        """Wrap ``poller``; ``ready`` is the hub's queue of runnable tasks."""
        self._poller = poller
        self.waker = poller.waker
        self._clock = clock
        self._ready = ready
        self._is_woken = False
        self.hub: Hub | None = None

    def watch(self, fd: int) -> Watcher:
        """Return the watcher of ``fd``, registering it if it is new."""
        return self._poller.watch(fd)

    def forget(self, fd: int) -> None:
        """Stop watching ``fd`` before it is closed."""
        self._poller.forget(fd)

    def drop(self, fd: int) -> Watcher | None:
        """Stop watching ``fd`` without waking its waiters."""
        return self._poller.drop(fd)

    def interest_changed(self, watcher: Watcher) -> None:
        """Note that a task began to wait on ``watcher``."""
        self._poller.interest_changed(watcher)

    def poll(self, timeout: float | None) -> None:
        """Fire ready watchers; without any, advance the clock by ``timeout`` seconds."""
        pending = self.hub is not None and self.hub.pending_external
        if timeout != 0 and (pending or (timeout is None and self._poller.has_waiters())):
            self._poller.poll(None)
            return
        self._poller.poll(0.0)
        is_woken, self._is_woken = (
            self._is_woken,
            False,
        )  # also by a callback posted since the hub checked
        if self._ready or is_woken:
            return
        if timeout is not None:
            self._clock.advance(timeout)
        elif self.hub is not None:
            self._refuse_deadlock(self.hub)

    def _refuse_deadlock(self, hub: Hub) -> None:
        # The hub would wait for a signal here if the program handles any; in a test, the handlers
        # are those of the test runner, and no signal is expected.
        raise Deadlock(
            "no task can ever run again, all tasks wait for each other:\n\n"
            + describe_tasks(hub.tasks)
        )

    def wake(self) -> None:
        """Make `poll` return, from any thread or signal handler."""
        self._is_woken = True
        self._poller.wake()

    def has_waiters(self) -> bool:
        """Return whether a task waits for a descriptor."""
        return self._poller.has_waiters()

    @property
    def awaited(self) -> int:
        """Number of descriptors that tasks wait for."""
        return self._poller.awaited

    def close(self) -> None:
        """Release the descriptors of the poller itself."""
        self._poller.close()


class RandomOrderQueue(deque[Task[object]]):
    """A queue of runnable tasks that returns them in random order."""

    def __init__(self, random: Random) -> None:
        """Begin empty; ``random`` chooses."""
        super().__init__()
        self._random = random

    def popleft(self) -> Task[object]:
        """Remove and return a random task."""
        chosen = self._random.randrange(len(self))
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
    """Run ``function`` like `photon_runtime.run`, but in virtual time and a reproducible order.

    ``sleep``, timeouts and deadlines take no real time: the clock advances to the next of them when
    no task is runnable, unless calls of ``offload`` are running. Sockets work as usual, but if a
    timeout is pending, it expires at once instead of waiting for data from another process.

    Args:
        function: The first task of a new hub.
        args: Arguments of ``function``.
        clock: Clock to use; by default a new `VirtualClock` that begins at zero.
        seed: Seed for a random order of runnable tasks and for the random choices of ``select``;
            the same seed gives the same order. ``None``: first in, first out.

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
    if isinstance(getcurrent(), PooledGreenlet):
        # The call is wrong here, not the type of an argument.
        raise RuntimeError(  # noqa: TRY004
            "testing.run() was called in a task: this thread runs a hub already"
        )
    clock = VirtualClock() if clock is None else clock
    ready: deque[Task[object]] = deque() if seed is None else RandomOrderQueue(Random(seed))
    poller = VirtualPoller(make_poller(), clock, ready)
    hub = poller.hub = Hub(clock=clock, poller=poller, ready=ready)
    hub.resources[Random] = Random(0 if seed is None else seed)
    return run_in(hub, functools.partial(function, *args), function)
