"""`CleanUp`: bounded work in the background of a hub, after the interruption of a query.

Theory of operation. The caller of an interrupted query leaves at once, and it is being cancelled.
So the work that is left is done by tasks of their own, in a scope that no cancellation reaches:
only the end of its time cancels it. The end of the hub cancels tasks that have not begun; that is
why `CleanUp.wait_for_begin` gives up turns of the caller until they have. And it shortens the time
of all clean-ups to `TIMEOUT_AT_END` seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .._cancel import CancelScope
from .._hub import Hub
from .._run import new_task, yield_now
from .._scope import Scope, scope, shield
from .._task import Task
from .._timer import Timer

CLEANUP_TIMEOUT = 5.0
"""Seconds after which an interrupted connection is usable again or closed."""

TIMEOUT_AT_END = 1.0
"""Seconds that the end of a hub leaves to a clean-up."""


class _NoTask:
    """The owner of a scope without a task."""

    def cancellation_changed(self) -> None:
        """Do nothing."""


class CleanUp:
    """The tasks of one clean-up, and their time limit.

    Attributes:
        hub: Hub whose tasks clean up.
    """

    def __init__(self, hub: Hub, *, on_timeout: Callable[[], object]) -> None:
        """Begin the time; ``on_timeout`` is called when it has passed, before all is cancelled."""
        self.hub = hub
        self._on_timeout = on_timeout
        self._limits: list[Scope] = []
        self._timers: list[Timer] = []
        _CleanUps.of(hub).add(self)
        self.end_within(TIMEOUT_AT_END if hub.is_ending else CLEANUP_TIMEOUT)

    def spawn(self, function: Callable[[], None]) -> Task[None]:
        """Run ``function`` in a task that nothing cancels; it limits its waits by `limited`."""
        # In a scope that is not cancelled: a hub that is ending cancels new tasks without one.
        parent = CancelScope(_NoTask(), None)
        task = new_task(self.hub, function, function, parent=parent)
        self.hub.spawn(task)
        return task

    def wait_for_begin(self, *tasks: Task[None]) -> None:
        """Give up turns of the running task until ``tasks`` have begun, even if it is cancelled."""
        with shield():
            while not all(task.has_begun for task in tasks):
                yield_now()

    @contextmanager
    def limited(self) -> Iterator[None]:
        """A block that only the end of the time cancels."""
        with shield(), scope() as limits:
            self._limits.append(limits)
            try:
                yield
            finally:
                self._limits.remove(limits)

    def end_within(self, seconds: float) -> None:
        """Give up after ``seconds``."""
        self._timers.append(self.hub.timers.add(self.hub.time() + seconds, self._give_up))

    def end(self) -> None:
        """Stop the time: the work is done."""
        for timer in self._timers:
            timer.cancel()
        _CleanUps.of(self.hub).discard(self)

    def _give_up(self) -> None:
        self._on_timeout()
        for limits in self._limits:
            limits.cancel()


class _CleanUps:
    """The clean-ups that run in one hub; shortens them when it ends."""

    def __init__(self) -> None:
        self._running: dict[CleanUp, None] = {}

    @classmethod
    def of(cls, hub: Hub) -> _CleanUps:
        """Return the clean-ups of ``hub``."""
        found = hub.resources.setdefault(cls, cls())
        if not isinstance(found, cls):
            raise TypeError(f"{found!r} is registered as {cls!r}")
        return found

    def add(self, clean_up: CleanUp) -> None:
        """Note that ``clean_up`` runs."""
        self._running[clean_up] = None

    def discard(self, clean_up: CleanUp) -> None:
        """Note that ``clean_up`` has ended."""
        self._running.pop(clean_up, None)

    def leave(self) -> None:
        """Let all end soon: the hub's main task has ended."""
        for clean_up in list(self._running):
            clean_up.end_within(TIMEOUT_AT_END)
