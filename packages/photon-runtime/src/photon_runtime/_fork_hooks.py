"""The hooks of `os.fork` in tasks, with and without the patch: the child gets a hub of its own."""

from __future__ import annotations

import os

from ._fork import ForkSignals
from ._hub import Hub
from ._pooled_greenlet import running_task


class _Forks:
    """What a fork in a task needs; does nothing outside of tasks."""

    def __init__(self) -> None:
        self._signals = ForkSignals()

    def before(self) -> None:
        if _hub_in_service() is not None:
            self._signals.before()

    def in_parent(self) -> None:
        if _hub_in_service() is not None:
            self._signals.in_parent()

    def in_child(self) -> None:
        service, task = _hub_in_service(), running_task()
        if task is not None and isinstance(task.hub, Hub):
            task.hub.continue_after_fork(task)
        if service is not None:
            self._signals.in_child()


def _hub_in_service() -> Hub | None:
    task = running_task()
    hub = None if task is None else task.hub
    return hub if isinstance(hub, Hub) and hub.is_service else None


_forks = _Forks()
os.register_at_fork(
    before=_forks.before, after_in_parent=_forks.in_parent, after_in_child=_forks.in_child
)
