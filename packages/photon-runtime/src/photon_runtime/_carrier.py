"""Carriers: the greenlets that tasks run on, and so which task runs now.

Theory of operation. A `Task` is what was asked for; a `Carrier` is the greenlet it runs on. The
two are apart because a fresh greenlet is expensive (CPython maps a new frame stack for it, some
15 µs) while one that has finished a task can take the next in well under one: it goes on with
the next runnable task itself if that has not begun, and else the hub keeps it and gives it out
again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from greenlet import getcurrent, greenlet

from .errors import NotRunning

if TYPE_CHECKING:
    from ._task import Task


class Carrier(greenlet):
    """A greenlet that runs one task after another."""

    __slots__ = ("carry_on", "task")

    def __init__(self, parent: greenlet, carry_on: Callable[[Carrier], None]) -> None:
        """Make a carrier; ``carry_on`` finds it another task, or leaves it without one."""
        super().__init__(parent=parent)
        self.carry_on = carry_on
        self.task: Task[object] | None = None

    def run(self) -> None:
        """Run the task at hand, and then every further one."""
        carry_on = self.carry_on
        while self.task is not None:
            self.task.execute()
            self.task = None
            carry_on(self)


def current_task() -> Task[object]:
    """Return the task that runs now.

    Raises:
        NotRunning: The caller does not run in a task.
    """
    carrier = getcurrent()
    if isinstance(carrier, Carrier) and carrier.task is not None:
        return carrier.task
    raise NotRunning(
        "this call waits, and waiting needs a running hub: call it in a function given to "
        "photon_runtime.run(), or in a task spawned from there"
    )


def running_task() -> Task[object] | None:
    """Return the task that runs now, ``None`` outside of tasks: in plain threads and in hubs."""
    try:
        carrier = getcurrent()
    except RuntimeError:  # the interpreter ends, and greenlets have ended already
        return None
    return carrier.task if isinstance(carrier, Carrier) else None
