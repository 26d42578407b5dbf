"""The end of a process: threads, exit hooks, and the time that they have.

Theory of operation. When a Python program ends, the interpreter calls the exit hooks of `threading`
(executors finish their queues there), joins the threads that are not daemons, and calls the hooks
of `atexit`, the latest first, while daemons still run: exporters of telemetry flush through their
threads, `multiprocessing` ends its children, `weakref.finalize` removes temporary directories, and
`logging.shutdown` comes last. `finish_process` does the same, in this order, where the interpreter
does not (a worker ends by ``os._exit``) or could not: under the patch threads are tasks, so a hub
that has paused with them runs once more, and threads and hooks run in it.

*The limit.* A program of its own may take any time to end, as with plain Python; only threads that
were left by a run, which may belong to a loop without an end, have some seconds. A process that
serves has one limit for everything (`_end_limit`). When it is over, what has not ended is named in
the log, threads with their stacks; threads are left behind and child processes killed. The exit
hooks run nevertheless, for a second. Under the patch, a hook that waits for longer is interrupted,
and the next one runs.

In a hub, exit hooks run in the main task. One that calls `run` gets a task of the same hub.

*The interpreter's own end* would wait for the threads that were left behind, and clear all modules,
which takes some tenths of a second. `end_process` does without both.

*The hook of `_at_exit`* is left to the interpreter: after it has ended the hubs of other threads no
task may run.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NoReturn

from ._at_exit import ending_runs_last
from ._end_limit import close_log_handlers, limit
from ._hub import Hub
from ._paused_hub import can_pause, take_paused
from ._pooled_greenlet import running_task
from ._report import describe_tasks
from ._run import run_in
from ._scope import deadline
from .errors import DeadlineExceeded

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

_log = logging.getLogger("photon.runtime")
_THREAD_TIME = 10.0
"""Seconds that threads of a run have at the end of a program without a limit."""

_HOOK_TIME = 1.0
"""Seconds beyond the limit that exit hooks have."""

_MOST_NAMES = 20
# The originals, read at import before any patch.
_start_thread = _thread.start_new_thread
_allocate_lock = _thread.allocate_lock
_monotonic = time.monotonic
_RealLock = threading.Lock
_shut_down_threads: Callable[[], None] = threading._shutdown  # type: ignore[attr-defined]  # what the interpreter calls


def finish_process(status: int = 0) -> None:
    """End the threads and run the exit hooks as the interpreter does at the end of a program.

    To be called on the main thread, outside of tasks, as the last thing or almost. A second call
    does nothing.

    Args:
        status: Exit status that the process is going to have. If it does not end within the limit
            of `limit_end`, that is 1 instead of 0.

    Blocks: the calling thread, until the limit of `limit_end` or without one.
    """
    if limit.is_finished:
        return
    limit.is_finished = True
    limit.status = status or 1
    if limit.seconds is not None:
        limit.start(limit.seconds)
    is_patched = threading.Lock is not _RealLock
    hub = take_paused()
    if hub is None and is_patched and limit.by is not None:
        hub = _hub_of_the_end()
    if hub is None:
        finish_threads_and_hooks()
        return
    hub.is_final = True
    threads_by = limit.by or _monotonic() + _THREAD_TIME
    run_in(hub, lambda: finish_threads_and_hooks(threads_by), finish_threads_and_hooks)
    if (left := take_paused()) is not None:
        left.close()


def _hub_of_the_end() -> Hub | None:
    """Return a hub, whose waits can be interrupted; ``None`` if it cannot be made."""
    try:
        hub = Hub()
    except OSError as error:  # no descriptor is left; what has to end and run does so without
        _log.warning("the end of this process has no scheduler: %s", error)
        return None
    hub.can_pause = can_pause()
    return hub


def end_process(status: int = 0) -> NoReturn:
    """End this process as the interpreter would at the end of a program, but at once after that.

    `finish_process` first, then the last hooks, and standard output and error are flushed. Frames
    are not unwound, objects not freed, and threads that were left behind not waited for.

    Args:
        status: Exit status.

    Blocks: the calling thread, as `finish_process`.
    """
    try:
        finish_process(status)
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            from .logs import flush_logs  # a supervisor does without

            flush_logs()  # also if the end has failed
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def finish_threads_and_hooks(threads_by: float | None = None) -> None:
    """Do the work of `finish_process` in the running task, or on the thread without one.

    Args:
        threads_by: Time at which threads are left behind; by default the limit of `limit_end`, or
            never.
    """
    by = limit.by
    threads_by = threads_by or by
    with ending_runs_last():
        try:
            if threads_by is None:
                _shut_down_threads()
            else:
                _end_threads(threads_by)
        finally:
            hooks = atexit._run_exitfuncs
            if by is None or running_task() is None:
                hooks()
            else:
                latest = by + _HOOK_TIME
                _in_time(hooks, latest)
                if _monotonic() >= latest:  # hooks were interrupted, perhaps the last one
                    close_log_handlers()


def _end_threads(by: float) -> None:
    """Do what ``threading._shutdown`` does, until ``by`` at the latest; name what is left."""
    seconds = limit.seconds or _THREAD_TIME
    calls: list[Callable[[], object]] = threading._threading_atexits  # type: ignore[attr-defined]  # private
    ours, calls[:] = calls[::-1], []
    threading._SHUTTING_DOWN = True  # type: ignore[attr-defined]  # private
    for call in ours:
        _in_time(call, by)
    _end_main_thread()
    left: list[threading.Thread] = []
    while threads := [each for each in _joined() if each not in left]:
        threads[0].join(max(0.0, by - _monotonic()))
        if threads[0].is_alive():
            left += threads
    if left:
        _log.error(
            "threads that have not ended within %g s are left behind: %s\n%s",
            seconds,
            _names(_described(thread) for thread in left),
            _stacks(left),
        )
    _end_children(by, seconds)


def _joined() -> list[threading.Thread]:
    """Return the threads that a program joins at its end."""
    main, current = threading.main_thread(), threading.current_thread()
    return [
        thread
        for thread in threading.enumerate()
        if not thread.daemon and thread is not main and thread is not current
        if not isinstance(thread, threading._DummyThread)
    ]


def _end_main_thread() -> None:
    """Let the main thread count as ended, as threads may wait for that."""
    main: object = threading.main_thread()
    handle = getattr(main, "_handle", None)
    if handle is not None:
        handle._set_done()
        return
    lock = getattr(main, "_tstate_lock", None)
    if lock is not None:
        with contextlib.suppress(RuntimeError):
            lock.release()
        main._stop()  # type: ignore[attr-defined]  # private


def _end_children(by: float, seconds: float) -> None:
    """Join the processes of `multiprocessing`, or kill them: its exit hook waits without limit."""
    module = sys.modules.get("multiprocessing.process")
    if module is None:
        return
    left: list[BaseProcess] = []
    for child in module.active_children():
        if not child.daemon:
            child.join(max(0.0, by - _monotonic()))
            if child.is_alive():
                left.append(child)
    if left:
        _log.error(
            "child processes that have not ended within %g s are killed: %s",
            seconds,
            _names(f"{child.name} (pid {child.pid})" for child in left),
        )
    for child in left:  # as orphans they would keep the listening sockets that they inherited
        child.kill()


def _in_time(call: Callable[[], object], by: float) -> bool:
    """Call a function; return whether it has returned by a time. Its errors are shown."""
    seconds = max(0.0, by - _monotonic())
    if running_task() is not None:
        try:
            with deadline(seconds):
                _shown(call)
        except DeadlineExceeded:
            return False
        return True
    ended = _allocate_lock()
    ended.acquire()

    def run() -> None:
        try:
            _shown(call)
        finally:
            ended.release()

    _start_thread(run, ())
    return ended.acquire(timeout=seconds)


def _shown(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception:
        traceback.print_exc()


# -- the report -----------------------------------------------------------------------------------


def _described(thread: threading.Thread) -> str:
    """Return the name of a thread, and how many calls it leaves undone if it works for a pool."""
    module = sys.modules.get("concurrent.futures.thread")
    queues = {} if module is None else dict(module._threads_queues)
    queue = queues.get(thread)
    waiting = 0
    if queue is not None:
        orders = sum(other is queue for other in queues.values())  # to end, one for each thread
        waiting = queue.qsize() - orders
    return thread.name if waiting < 1 else f"{thread.name} ({waiting} calls have not begun)"


def _names(names: Iterable[str]) -> str:
    all_names = list(names)
    more = len(all_names) - _MOST_NAMES
    return ", ".join(all_names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _stacks(threads: list[threading.Thread]) -> str:
    """Return the stacks of threads, whether they are tasks or real ones."""
    task = running_task()
    tasks = {} if task is None else {id(each): each for each in getattr(task.hub, "tasks", ())}
    frames = sys._current_frames()
    lines = []
    for thread in threads[:_MOST_NAMES]:
        ident = thread.ident or 0
        if ident in tasks:
            lines.append(describe_tasks([tasks[ident]]))
        elif (frame := frames.get(ident)) is not None:
            stack = "".join(traceback.format_stack(frame))
            lines.append(f"{thread.name}:\n{stack}")
    return "".join(lines)
