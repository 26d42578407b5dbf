"""Signals and permits between tasks of one hub: `Event`, `Semaphore`, and what locks wait in.

All are fair (first come, first served) and safe under cancellation: who releases hands over
directly to the first waiter that is still waiting, so nothing is granted to a task that has been
cancelled meanwhile, and nobody can overtake. Without contention no call switches.

A waiter that was cancelled or whose time ran out stays in the queue until its task runs again; to
wake it does nothing, so every loop that wakes looks at what `unpark` returned and goes on to the
next one.

They work within one hub; between threads use the standard library's.
"""

from __future__ import annotations

from collections import OrderedDict
from types import TracebackType

from ._carrier import current_task
from ._task import Task


class WaitQueue:
    """The tasks that wait for one thing, in the order of their coming.

    Attributes:
        tasks: The tasks themselves; true while somebody may be waiting. An ordered dictionary,
            so that tasks that are cancelled in any order leave at constant cost.
    """

    __slots__ = ("tasks",)

    def __init__(self) -> None:
        """Begin empty."""
        self.tasks: OrderedDict[Task[object], None] = OrderedDict()

    def __len__(self) -> int:
        """Return how many tasks wait."""
        return len(self.tasks)

    def wait(self, task: Task[object], timeout: float | None = None) -> bool:
        """Pause ``task``, the running one, until it is woken.

        Returns:
            Whether it was woken, ``False`` when ``timeout`` seconds ran out before.
        """
        tasks = self.tasks
        tasks[task] = None
        try:
            if timeout is None:
                task.park()
                return True
            return task.park_for(timeout)
        finally:
            tasks.pop(task, None)

    def wake_next(self) -> Task[object] | None:
        """Wake the first task that still waits and return it, ``None`` where there is none."""
        tasks = self.tasks
        while tasks:
            task, _ = tasks.popitem(last=False)
            if task.unpark():
                return task
        return None

    def wake_one(self) -> bool:
        """Wake the first task that still waits; return whether there was one."""
        return self.wake_next() is not None

    def wake_all(self) -> None:
        """Wake every task that waits."""
        while self.wake_next() is not None:
            pass


class Event:
    """A flag that tasks can wait for.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> bool:
        ...     ready = rt.Event()
        ...     rt.spawn(ready.set)
        ...     return ready.wait(timeout=1)
        >>> rt.run(main)
        True
    """

    __slots__ = ("_queue", "_value")

    def __init__(self) -> None:
        """Make an event that is not set."""
        self._value = False
        self._queue = WaitQueue()

    def __repr__(self) -> str:
        """Show the state and how many wait."""
        state = "set" if self._value else "not set"
        return f"<Event {state}, {len(self._queue)} waiting>"

    def is_set(self) -> bool:
        """Return whether the event is set."""
        return self._value

    def set(self) -> None:
        """Set the event and wake everyone who waits for it."""
        self._value = True
        self._queue.wake_all()

    def clear(self) -> None:
        """Make the event not set again."""
        self._value = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the event is set.

        Args:
            timeout: Seconds to wait at the most, zero for not at all; ``None`` waits for as
                long as it takes.

        Returns:
            Whether the event was set, ``False`` when the time ran out.

        Raises:
            Cancelled: A scope around the task was cancelled.

        Blocks: the calling task, unless the event is set.
        """
        if self._value:
            return True
        if timeout is not None and timeout <= 0:
            return False
        return self._queue.wait(current_task(), timeout)


class Semaphore:
    """A number of permits; who takes one while there is none waits for one.

    Example:
        >>> import photon_runtime as rt
        >>> permits = rt.Semaphore(2)
        >>> with permits:
        ...     permits.value
        1
    """

    __slots__ = ("_queue", "_value")

    def __init__(self, value: int = 1) -> None:
        """Begin with ``value`` permits, zero or more."""
        if value < 0:
            raise ValueError(f"a semaphore begins with zero permits or more, not {value}")
        self._value = value
        self._queue = WaitQueue()

    def __repr__(self) -> str:
        """Show how many permits are free and how many tasks wait."""
        return f"<{type(self).__name__} {self._value} free, {len(self._queue)} waiting>"

    @property
    def value(self) -> int:
        """How many permits are free."""
        return self._value

    def acquire(self, timeout: float | None = None) -> bool:
        """Take a permit, waiting for one if need be.

        Args:
            timeout: Seconds to wait at the most, zero for not at all; ``None`` waits for as
                long as it takes.

        Returns:
            Whether a permit was taken.

        Raises:
            Cancelled: A scope around the task was cancelled; no permit was taken.

        Blocks: the calling task, while there is no permit.
        """
        if self._value:
            self._value -= 1
            return True
        if timeout is not None and timeout <= 0:
            return False
        # release() hands its permit to the waiter it wakes, so _value is not touched here.
        return self._queue.wait(current_task(), timeout)

    def release(self) -> None:
        """Give a permit back, to the task that has waited longest if there is one."""
        if not self._queue.tasks or self._queue.wake_next() is None:
            self._value += 1

    def __enter__(self) -> None:
        """Take a permit; see `acquire`."""
        if self._value:
            self._value -= 1
        else:
            self._queue.wait(current_task())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Give the permit back."""
        self.release()
