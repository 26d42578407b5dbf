"""The call that a time limit by a signal belongs to.

A limit is for the call that has set it. It is over when the task has ended, has another request, or
does not execute the function any longer by which the runtime has entered the application: what the
limit would strike then is the server, or the next request. That function is found on the stack, as
the outermost one outside of the runtime.
"""

from __future__ import annotations

import os
import sys
import weakref
from inspect import CO_GENERATOR
from types import FrameType

import attrs

from .._task import Task

_RUNTIME = os.path.dirname(os.path.dirname(__file__)) + os.sep


@attrs.define(eq=False)
class Owner:
    """The call that a timer or a handler belongs to: a task, and what it does."""

    task: weakref.ref[Task[object]]
    context: object
    entry: FrameType | None

    @classmethod
    def of(cls, task: Task[object]) -> Owner:
        """Return the owner of what ``task``, which runs, sets now."""
        return cls(weakref.ref(task), task.context, _entry_of(sys._getframe(1)))

    def living(self) -> Task[object] | None:
        """Return the task, if it still has the same request."""
        task = self.task()
        if task is None or task.done or task.context is not self.context:
            return None
        return task

    def is_inside(self, frame: FrameType | None) -> bool | None:
        """Return whether the call is on the stack; ``None`` if it never will be again."""
        entry = self.entry
        while frame is not None and frame is not entry:
            frame = frame.f_back
        if frame is entry:
            return True
        is_stream = entry is not None and entry.f_code.co_flags & CO_GENERATOR
        return False if is_stream else None


def _entry_of(frame: FrameType | None) -> FrameType | None:
    """Return the frame by which the runtime has entered the application, ``None`` without one."""
    found = None
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_RUNTIME):
            found = frame
        frame = frame.f_back
    return found
