"""The hub's interface for programs: run, spawn tasks, sleep, yield a turn."""

from __future__ import annotations

import contextvars
import functools
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from greenlet import getcurrent

from . import _fork_hooks  # noqa: F401 - it registers them
from ._at_exit import ended_before_exit
from ._cancel import CancelScope
from ._hub import Hub, current_hub
from ._paused_hub import can_pause, pause, take_paused
from ._pooled_greenlet import PooledGreenlet, current_task, running_task
from ._report import spawn_site
from ._task import Task
from .callables import refuse_deferred, require_function

P = ParamSpec("P")
T = TypeVar("T")


def run(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``function`` as the first task of a new hub and return its result.

    When it returns, the remaining tasks are cancelled and awaited. Threads of a patched standard
    library are not: on the main thread they continue in the next run, and when the process ends.

    Raises:
        RuntimeError: The calling thread runs a hub already.
        SignatureError: ``function`` is a coroutine function or a generator function.
        Exception: Whatever ``function`` raised.

    Blocks: the calling thread, until all tasks have ended.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> int:
        ...     return rt.spawn(lambda: 42).result()
        >>> rt.run(main)
        42
    """
    require_function(function, "the main function of run()")
    task = running_task()
    if task is not None and isinstance(task.hub, Hub) and task.hub.is_final:
        return spawn(function, *args, **kwargs).result()  # an exit hook runs a hub of its own
    if isinstance(getcurrent(), PooledGreenlet):
        # The error is the call itself, not the type of an argument.
        raise RuntimeError(  # noqa: TRY004
            "run() was called in a task: this thread already runs a hub; use spawn()"
        )
    hub = take_paused()
    if hub is None:
        hub = Hub()
        hub.can_pause = can_pause()
    return run_in(hub, functools.partial(function, *args, **kwargs), function)


def run_in(hub: Hub, thunk: Callable[[], T], function: Callable[..., T]) -> T:
    """Run ``thunk`` as the first task of ``hub``, which does not run; see `run`."""
    main = new_task(hub, thunk, function)
    main.on_end = _leave_error_to_run
    with ended_before_exit(hub):
        try:
            hub.spawn(main)
            with _woken_by_signals(hub):
                hub.run_until(main)
        finally:
            if hub.is_paused:
                pause(hub)
            else:
                hub.close()
    return main.result()


@contextmanager
def _woken_by_signals(hub: Hub) -> Iterator[None]:
    """Make every signal wake the poller, so that the effects of its handler apply at once.

    A handler written in Python runs while the poll waits, and the poll then continues to wait (PEP
    475): without the waker, a task that the handler woke would not run.
    """
    try:
        before = signal.set_wakeup_fd(hub.poller.waker.wakeup_fd, warn_on_full_buffer=False)
    except ValueError:  # only the main thread receives signals
        yield
        return
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)


def spawn(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Task[T]:
    """Run ``function`` concurrently and return its `Task`. Does not wait.

    The task gets a copy of the caller's context variables. It has no owner: it may outlive the
    caller and ends at the latest with the hub. An error in it is logged and ends only this task.
    For tasks that must end before their caller, use ``scope()``.

    Raises:
        NotRunning: The caller does not run in a task.
        SignatureError: ``function`` is a coroutine function or a generator function.
    """
    hub = current_hub()
    thunk = functools.partial(function, *args, **kwargs) if args or kwargs else function
    task = new_task(hub, thunk, function)
    hub.spawn(task)
    return task


go = spawn


def sleep(seconds: float) -> None:
    """Pause the calling task; the others continue.

    Args:
        seconds: Duration, zero or more. Zero runs every other runnable task once.

    Raises:
        ValueError: ``seconds`` is negative or not a number.
        Cancelled: A scope around the task was cancelled.

    Blocks: the calling task.
    """
    if not seconds >= 0:
        raise ValueError(f"sleep() needs a number of seconds, zero or more, not {seconds!r}")
    if seconds == 0:
        yield_now()
        return
    task = current_task()
    hub = task.hub
    timer = hub.timers.add(hub.time() + seconds, task.unpark)
    try:
        task.park()
    finally:
        timer.cancel()


def yield_now() -> None:
    """Run every other runnable task once before the calling task continues.

    Raises:
        Cancelled: A scope around the task was cancelled.
    """
    task = current_task()
    task.yield_turn()


def new_task(
    hub: Hub,
    thunk: Callable[[], T],
    function: Callable[..., T],
    *,
    parent: CancelScope | None = None,
    on_end: Callable[[Task[object]], None] | None = None,
) -> Task[T]:
    """Make a task named after ``function``, in a copy of the caller's context variables."""
    refuse_deferred(function)
    name = getattr(function, "__qualname__", None) or repr(function)
    return Task(
        hub,
        thunk,
        name=name,
        context=contextvars.copy_context(),
        site=spawn_site(),
        parent=parent,
        on_end=on_end,
    )


def _leave_error_to_run(task: Task[object]) -> None:
    """Do nothing: `run` raises the error of the main task itself."""
