"""The call that a time limit by a signal belongs to.

A limit is for the call that has set it. It is over when the task has ended, has another request, or
does not execute the function any longer by which the runtime has entered the application: what the
limit would strike then is the server, or the next request. That function is found on the stack, as
the outermost one outside of the runtime.

Python drops an exception that leaves a finalizer: ``__del__``, or the callback of a weak reference.
A limit that expires in ``__del__``, or while a collection of weak references tidies up, would be
lost, so it waits until that has returned. Other callbacks look like plain calls.
"""

from __future__ import annotations

import _weakrefset
import os
import sys
import weakref
from inspect import CO_GENERATOR
from types import FrameType

import attrs

from .._task import Task

_RUNTIME = os.path.dirname(os.path.dirname(__file__)) + os.sep
_WEAK_REFERENCES = (weakref.__file__, _weakrefset.__file__)


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
        """Return whether an exception raised in ``frame`` reaches the call.

        It is ``None`` if the call never will be on the stack again.
        """
        entry = self.entry
        is_finalizer = False
        while frame is not None and frame is not entry:
            is_finalizer = is_finalizer or _is_finalizer(frame)
            frame = frame.f_back
        if frame is entry:
            return not is_finalizer
        is_stream = entry is not None and entry.f_code.co_flags & CO_GENERATOR
        return False if is_stream else None


def _is_finalizer(frame: FrameType) -> bool:
    code = frame.f_code
    return code.co_name == "__del__" or code.co_filename in _WEAK_REFERENCES


def _entry_of(frame: FrameType | None) -> FrameType | None:
    """Return the frame by which the runtime has entered the application, ``None`` without one."""
    found = None
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_RUNTIME):
            found = frame
        frame = frame.f_back
    return found
