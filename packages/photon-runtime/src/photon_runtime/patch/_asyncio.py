"""`asyncio` in tasks: each task may run an event loop of its own.

Theory of operation. An event loop of `asyncio` waits in one place, its selector, which cooperates
under the patch. What C keeps about the running loop travels with the task: see ``_thread_state``,
which is called whenever a loop begins and ends to run. So an event loop in a task behaves like one
in a thread, and all the others do not notice it.

The loop of `asyncio.set_event_loop` is in a `threading.local` of the policy. If `asyncio` was
imported before the patch, that is a real one, and is replaced here.

A loop that waits in C by itself would hold up all tasks of the process. It is refused when it
begins to run, and one of uvloop when it is made: there it has nothing yet to be left behind.
"""

from __future__ import annotations

import functools
import threading
from types import FunctionType, ModuleType
from typing import Any

from . import _saved
from ._event_loop_end import Grace
from ._late import rebind_names
from ._replacements import Replacement
from ._running import running_task
from ._thread_state import loops, state_changed

_REFUSAL = (
    "an event loop of {0!r} waits in C, where it would hold up all coroutines of this process: use "
    "a loop of asyncio, by `asyncio.run` without another policy or loop factory, or run this one "
    "in a thread, by `photon_runtime.offload`"
)


def cooperate(events: ModuleType) -> None:
    """Let the running loop of `asyncio` belong to the task. A second call does nothing.

    Args:
        events: The module `asyncio.events`, which may be the only part that is imported yet.
    """
    if isinstance(events._set_running_loop, _SetRunningLoop):
        return
    known = loops()
    if known is not None:
        replacement = Replacement(
            events, "_set_running_loop", _SetRunningLoop(known.set), known.set
        )
        replacement.put_in_place()
        rebind_names([replacement])
    _renew_locals(events)


def let_runners_end(runners: ModuleType) -> None:
    """Let an `asyncio.Runner` clean up in a task that is being cancelled."""
    close = runners.Runner.close

    @functools.wraps(close)
    def close_in_time(self: Any) -> None:
        task = running_task()
        if task is None:
            close(self)
            return
        with Grace(task):
            close(self)
        # What was raised in the midst of a coroutine may have arrived in a group of exceptions.
        task.raise_if_cancelled()

    runners.Runner.close = close_in_time


class _SetRunningLoop:
    """The replacement of ``asyncio._set_running_loop``."""

    __name__ = __qualname__ = "_set_running_loop"
    __module__ = "asyncio.events"

    def __init__(self, original: Any) -> None:
        self._original = original

    def __call__(self, loop: Any, /) -> None:
        """Set the running loop of the task, or of a thread that runs none."""
        # Those of `asyncio` are written in Python.
        is_foreign = not isinstance(getattr(type(loop), "run_forever", None), FunctionType)
        if loop is not None and is_foreign and running_task() is not None:
            raise RuntimeError(_REFUSAL.format(type(loop)))
        self._original(loop)
        state_changed()


def refuse_uvloop(module: ModuleType) -> None:
    """Refuse loops of uvloop in tasks. A second call does nothing."""
    kind = module.Loop
    if "__new__" in vars(kind):
        return

    def new(cls: type[Any], /, *args: object, **kwargs: object) -> Any:
        if running_task() is not None:
            raise RuntimeError(_REFUSAL.format(cls))
        return super(kind, cls).__new__(cls, *args, **kwargs)

    kind.__new__ = new


def _renew_locals(events: Any) -> None:
    """Replace the locals of `asyncio` that were made of the real `threading.local`."""
    running = getattr(events, "_running_loop", None)
    if isinstance(running, _saved.Local):
        events._RunningLoop = _renewed(type(running))
        events._running_loop = events._RunningLoop()
    for name in ("BaseDefaultEventLoopPolicy", "_BaseDefaultEventLoopPolicy"):
        kind = getattr(events, name, None)
        if kind is None or not issubclass(kind._Local, _saved.Local):
            continue
        kind._Local = _renewed(kind._Local)
        policy = events._event_loop_policy
        if isinstance(policy, kind):
            before = vars(policy._local)
            policy._local = kind._Local()
            vars(policy._local).update(before)


def _renewed(kind: type) -> type:
    """Return a class like ``kind`` with the `threading.local` of the patch as its base."""
    values = {name: value for name, value in vars(kind).items() if not name.startswith("__")}
    return type(kind.__name__, (threading.local,), {**values, "__module__": kind.__module__})
