"""The running task, if there is one, and its number as a thread."""

from __future__ import annotations

from .._hub import Hub
from .._pooled_greenlet import running_task as running_task
from .._task import Task
from . import _saved


def hub_of(task: Task[object]) -> Hub:
    """Return the hub that runs ``task``."""
    hub = task.hub
    if not isinstance(hub, Hub):
        raise TypeError(f"{task!r} is run by {hub!r}, and the patch needs a Hub")
    return hub


def get_ident() -> int:
    """Return the number of the running thread, where a task counts as a thread.

    The first task of a hub represents the thread that the hub runs in and has its number; so in
    the main thread it is the main thread, for `threading` and for `signal`.
    """
    task = running_task()
    if task is not None and hub_of(task).first is not task:
        return id(task)
    return _saved.get_ident()


def get_native_id() -> int:
    """Return a number that no other thread or task of this process has.

    It is the operating system's number for the first task of a hub and outside of tasks. The
    operating system does not number the other tasks; theirs is the number of `get_ident`.
    """
    ident = get_ident()
    return _saved.get_native_id() if ident == _saved.get_ident() else ident
