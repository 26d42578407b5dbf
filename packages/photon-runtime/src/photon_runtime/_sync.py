"""Signals and permits between tasks of one hub: `Event`, `Semaphore`, and the `WaitQueue`.

All are fair (first come, first served) and safe under cancellation: a release hands over directly
to the first waiter that is still waiting, so nothing is granted to a task that has been cancelled
in the meantime, and no task can overtake. Without contention no call switches.

A waiter that was cancelled or timed out stays in the queue until its task runs again; waking it
does nothing, so every loop that wakes checks the result of `unpark` and continues with the next
one.

They work within one hub; between threads use the standard library's.
"""

from __future__ import annotations

from collections import OrderedDict
from types import TracebackType

from ._pooled_greenlet import current_task
from ._task import Task


class WaitQueue:
    """The tasks that wait for one event, in order of arrival.

    Attributes:
        tasks: The tasks; not empty while a task may be waiting. An ordered dictionary, so that
            tasks that are cancelled in any order are removed at constant cost.
    """

    __slots__ = ("tasks",)

    def __init__(self) -> None:
        """Begin empty."""
        self.tasks: OrderedDict[Task[object], None] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of waiting tasks."""
        return len(self.tasks)

    def wait(self, task: Task[object], timeout: float | None = None) -> bool:
        """Pause ``task``, the running one, until it is woken.

        Returns:
            ``True`` if it was woken, ``False`` after ``timeout`` seconds.
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
        """Wake the first task that still waits and return it; ``None`` without one."""
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
        """Show the state and the number of waiting tasks."""
        state = "set" if self._value else "not set"
        return f"<Event {state}, {len(self._queue)} waiting>"

    def is_set(self) -> bool:
        """Return whether the event is set."""
        return self._value

    def set(self) -> None:
        """Set the event and wake all tasks that wait for it."""
        if not self._value:  # while it is set, no task waits
            self._value = True
            self._queue.wake_all()

    def clear(self) -> None:
        """Reset the event."""
        self._value = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the event is set.

        Args:
            timeout: Maximum time to wait in seconds, zero for no wait; ``None`` for no limit.

        Returns:
            ``True`` if the event was set, ``False`` after the timeout.

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
    """A number of permits; a task that acquires one waits while none is free.

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
            raise ValueError(f"a semaphore needs zero permits or more, not {value}")
        self._value = value
        self._queue = WaitQueue()

    def __repr__(self) -> str:
        """Show the number of free permits and of waiting tasks."""
        return f"<{type(self).__name__} {self._value} free, {len(self._queue)} waiting>"

    @property
    def value(self) -> int:
        """Number of free permits."""
        return self._value

    def acquire(self, timeout: float | None = None) -> bool:
        """Acquire a permit, waiting for one if necessary.

        Args:
            timeout: Maximum time to wait in seconds, zero for no wait; ``None`` for no limit.

        Returns:
            ``True`` if a permit was acquired.

        Raises:
            Cancelled: A scope around the task was cancelled; no permit was acquired.

        Blocks: the calling task, while no permit is free.
        """
        if self._value:
            self._value -= 1
            return True
        if timeout is not None and timeout <= 0:
            return False
        # release() hands its permit to the waiter it wakes, so _value is not touched here.
        return self._queue.wait(current_task(), timeout)

    def release(self) -> None:
        """Release a permit, to the task that has waited longest if there is one."""
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
