"""What CPython keeps for each thread in C, kept for each task.

Theory of operation. Three things of `asyncio` and its kind belong to the thread and are in the
interpreter's C code, where the patch cannot make them local to tasks: the running event loop
(since Python 3.14 with the running task of `asyncio`), the hooks of asynchronous generators, and
the depth to which the origins of coroutines are tracked. An event loop sets them while it runs. If
they stayed when its task waits, all other tasks would seem to run inside of that loop.

So they travel with the task. A task that sets one of them becomes a `StatefulTask`. Its two ways to
let others run, `park` and `yield_turn`, take them away from the thread first, and put them back
when the task runs again. The task becomes an ordinary one when all have their first values again,
as they have after ``asyncio.run``. Tasks without an event loop are not concerned: they execute no
additional instruction.

An event loop may run code in greenlets of its own, as the asynchronous interface of SQLAlchemy
does. If that code waits, the task is resumed in that greenlet; the task's own one waits for it.

Nothing is left in the thread if an exception of a signal handler arrives in between: the state is
taken away before the switch, in the task itself, and the hub and all tasks without a state of their
own always run with the first values.

C code reads these things by itself (`asyncio.get_running_loop`, futures, tasks and extension
modules), so replacing the functions that read them would not be enough, and is not needed.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, TypeVar

import attrs
from greenlet import getcurrent

from .._cancel import CancelScope
from .._task import Task
from . import _saved
from ._running import running_task

T_co = TypeVar("T_co", covariant=True)
_SHARES_RUNNING_TASK = sys.version_info >= (3, 14)
_BETWEEN = ("contextlib", "photon_runtime._scope")


@attrs.frozen
class Loops:
    """The functions of C by which `asyncio` knows what runs in the thread.

    Attributes:
        get: Returns the running loop, or ``None``.
        set: Sets it.
        swap_task: Sets the running task of the running loop and returns the one before; ``None``
            where tasks are kept for each loop, and not for the thread.
    """

    get: Callable[[], Any]
    set: Callable[[Any], None]
    swap_task: Callable[[Any, Any], Any] | None


@functools.cache
def loops() -> Loops | None:
    """Return the functions of C, ``None`` in an interpreter whose `asyncio` does without.

    It imports `asyncio`. The first call must come before they are replaced.
    """
    try:
        module = importlib.import_module("_asyncio")
    except ImportError:
        return None
    swap = module._swap_current_task if _SHARES_RUNNING_TASK else None
    return Loops(module._get_running_loop, module._set_running_loop, swap)


class ThreadState:
    """What the thread had when a task began to wait."""

    __slots__ = ("_depth", "_hooks", "_loop", "_running")

    def __init__(self) -> None:
        """Read it."""
        known = _loops_if_imported()
        self._loop = None if known is None else known.get()
        self._running = None
        self._hooks = sys.get_asyncgen_hooks()
        self._depth = sys.get_coroutine_origin_tracking_depth()

    @property
    def is_initial(self) -> bool:
        """Whether it is what a thread begins with."""
        return self._loop is None and not self._depth and not any(self._hooks)

    def take_away(self) -> None:
        """Give the thread what a thread begins with."""
        known = _loops_if_imported()
        if self._loop is not None and known is not None:
            if known.swap_task is not None:
                self._running = known.swap_task(self._loop, None)
            known.set(None)
        _saved.set_asyncgen_hooks(None, None)
        _saved.set_coroutine_origin_tracking_depth(0)

    def put_back(self) -> None:
        """Give the thread what it had."""
        known = _loops_if_imported()
        if self._loop is not None and known is not None:
            known.set(self._loop)
            if known.swap_task is not None:
                known.swap_task(self._loop, self._running)
        _saved.set_asyncgen_hooks(*self._hooks)
        _saved.set_coroutine_origin_tracking_depth(self._depth)


class StatefulTask(Task[T_co]):
    """A task that has set something of the thread, and takes it along."""

    __slots__ = ()

    waits_in_inner_greenlets = True

    def park(self) -> None:
        """Pause until `unpark` or `interrupt`; see `Task.park`."""
        with _Absence(self):
            super().park()

    def yield_turn(self) -> None:
        """Go to the end of the queue of runnable tasks; see `Task.yield_turn`."""
        with _Absence(self):
            super().yield_turn()

    def enter(self, scope: CancelScope) -> None:
        """Make ``scope`` the innermost one of the task; see `Task.enter`.

        Raises:
            RuntimeError: An asynchronous function enters it. Its loop may run other functions
                before the end of the block, to which the block would then apply as well.
        """
        if _is_entered_asynchronously():
            scope.detach()
            raise RuntimeError(
                "deadline(), scope() and shield() cannot be entered in an asynchronous function, "
                "because its event loop runs others before the block ends: use asyncio.timeout(), "
                "asyncio.TaskGroup() and asyncio.shield(), or move the block into an ordinary "
                "function"
            )
        super().enter(scope)

    def end(self, error: BaseException | None = None) -> None:
        """Mark the task as done, and leave nothing to the next task; see `Task.end`."""
        ThreadState().take_away()
        super().end(error)


class _Absence:
    """The time for which a task lets others run."""

    __slots__ = ("_own", "_state", "_task")

    def __init__(self, task: StatefulTask[Any]) -> None:
        self._task = task
        self._own = task.greenlet
        self._state = ThreadState()

    def __enter__(self) -> None:
        self._state.take_away()
        # To be resumed here, which may be a greenlet that the task's own one waits for.
        self._task.greenlet = getcurrent()  # type: ignore[assignment]  # any is switched to alike

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._task.greenlet = self._own
        self._state.put_back()


def state_changed() -> None:
    """Let the running task take its state along from now on, or no longer if it has none."""
    task = running_task()
    if task is not None:
        task.__class__ = Task if ThreadState().is_initial else StatefulTask


def set_asyncgen_hooks(*args: Any, **kwargs: Any) -> None:
    """Set the hooks of asynchronous generators; see `sys.set_asyncgen_hooks`."""
    _saved.set_asyncgen_hooks(*args, **kwargs)
    state_changed()


def set_coroutine_origin_tracking_depth(depth: int) -> None:
    """Track the origins of coroutines; see `sys.set_coroutine_origin_tracking_depth`."""
    _saved.set_coroutine_origin_tracking_depth(depth)
    state_changed()


def _is_entered_asynchronously() -> bool:
    """Return whether the block that begins is in the frame of an asynchronous function."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        flags = frame.f_code.co_flags
        if flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
            return True
        # A generator is the body of a context manager.
        if not flags & inspect.CO_GENERATOR and frame.f_globals.get("__name__") not in _BETWEEN:
            return False
        frame = frame.f_back
    return False


def _loops_if_imported() -> Loops | None:
    return loops() if "_asyncio" in sys.modules else None
