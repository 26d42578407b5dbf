"""What programs ask of the hub: to run, to spawn tasks, to sleep, to give up a turn."""

from __future__ import annotations

import contextvars
import functools
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from greenlet import getcurrent

from ._at_exit import ended_before_exit
from ._cancel import CancelScope
from ._carrier import Carrier, current_task
from ._hub import Hub, current_hub
from ._report import spawn_site
from ._task import Task
from .callables import refuse_put_off, require_function

P = ParamSpec("P")
T = TypeVar("T")


def run(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``function`` as the first task of a new hub and return its result.

    When it returns, the tasks that it left behind are cancelled and waited for.

    Raises:
        RuntimeError: The calling thread runs a hub already.
        SignatureError: ``function`` is a coroutine function or a generator function.
        Exception: Whatever ``function`` raised.

    Blocks: the calling thread, until everything has ended.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> int:
        ...     return rt.spawn(lambda: 42).result()
        >>> rt.run(main)
        42
    """
    require_function(function, "the main function of run()")
    if isinstance(getcurrent(), Carrier):
        # The call is wrong here, not the type of an argument.
        raise RuntimeError(  # noqa: TRY004
            "run() was called in a task: this thread runs a hub already"
        )
    return run_in(Hub(), functools.partial(function, *args, **kwargs), function)


def run_in(hub: Hub, thunk: Callable[[], T], function: Callable[..., T]) -> T:
    """Run ``thunk`` as the first task of ``hub``, which is new, and close the hub; see `run`."""
    main = new_task(hub, thunk, function)
    main.on_end = _leave_error_to_run
    with ended_before_exit(hub):
        try:
            hub.spawn(main)
            with _woken_by_signals(hub):
                hub.run_until(main)
        finally:
            hub.close()
    return main.result()


@contextmanager
def _woken_by_signals(hub: Hub) -> Iterator[None]:
    """Let every signal ring the hub's bell, so that what its handler did is seen at once.

    A handler written in Python runs while the poll waits, and the poll then goes on waiting
    (PEP 475): without the bell, a task that the handler woke would stay where it is.
    """
    try:
        before = signal.set_wakeup_fd(hub.poller.bell.rope, warn_on_full_buffer=False)
    except ValueError:  # signals are the main thread's
        yield
        return
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)


def spawn(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Task[T]:
    """Run ``function`` concurrently and return its `Task`. Does not wait.

    The task gets a copy of the caller's context variables. It belongs to nobody: it may outlive
    the caller and ends at the latest with the hub. An error in it is logged and ends it alone.
    For tasks that must not be left behind, use ``scope()``.

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
    """Pause the calling task; the others go on.

    Args:
        seconds: Zero or more. Zero lets every other runnable task have its turn.

    Raises:
        ValueError: ``seconds`` is negative or not a number.
        Cancelled: A scope around the task was cancelled.

    Blocks: the calling task.
    """
    if not seconds >= 0:
        raise ValueError(f"sleep takes seconds, zero or more, not {seconds!r}")
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
    """Let every other runnable task have its turn.

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
    refuse_put_off(function)
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
