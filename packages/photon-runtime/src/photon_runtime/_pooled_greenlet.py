"""Pooled greenlets, which tasks run on, and the look-up of the running task.

Theory of operation. A `Task` is a function to run; a `PooledGreenlet` is the greenlet it runs on.
They are separate because a new greenlet is expensive (CPython maps a new frame stack for it, about
15 µs) while one that has finished a task can run the next in well under 1 µs: it runs the next
runnable task itself if that one has not begun, and otherwise returns to the hub's pool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from greenlet import getcurrent, greenlet

from .errors import NotRunning

if TYPE_CHECKING:
    from ._task import Task


class PooledGreenlet(greenlet):
    """A greenlet that runs one task after another."""

    __slots__ = ("run_next", "task")

    def __init__(self, parent: greenlet, run_next: Callable[[PooledGreenlet], None]) -> None:
        """Make a greenlet; ``run_next`` gives it another task, or leaves it without one."""
        super().__init__(parent=parent)
        self.run_next = run_next
        self.task: Task[object] | None = None

    def run(self) -> None:
        """Run the current task, and then each further one."""
        run_next = self.run_next
        while self.task is not None:
            self.task.execute()
            self.task = None
            run_next(self)


def current_task() -> Task[object]:
    """Return the task that runs now.

    Raises:
        NotRunning: The caller does not run in a task.
    """
    current = getcurrent()
    if isinstance(current, PooledGreenlet) and current.task is not None:
        return current.task
    task = _task_around(current)
    if task is not None:
        return task
    raise NotRunning(
        "this call waits, and waiting needs a running hub: call it in a function passed to "
        "photon_runtime.run(), or in a task spawned from there"
    )


def running_task() -> Task[object] | None:
    """Return the task that runs now, ``None`` outside of tasks: in plain threads and in hubs."""
    try:
        current = getcurrent()
    except RuntimeError:  # the interpreter is ending, and greenlets have ended already
        return None
    return current.task if isinstance(current, PooledGreenlet) else _task_around(current)


def _task_around(current: greenlet) -> Task[object] | None:
    """Return the task that has started ``current``, a greenlet of other code, if it can wait there.

    SQLAlchemy, for example, runs its synchronous code in greenlets of its own inside of an event
    loop. ``None`` in the hub and in plain threads.
    """
    around = current.parent
    while around is not None and not isinstance(around, PooledGreenlet):
        around = around.parent
    task = None if around is None else around.task
    return task if task is not None and task.waits_in_inner_greenlets else None
