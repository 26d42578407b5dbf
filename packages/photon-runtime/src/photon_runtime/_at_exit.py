"""The end of the process while hubs run on other threads.

Theory of operation. When the interpreter is finalized it stops the remaining threads: before
CPython 3.14 each of them ends in ``pthread_exit`` as soon as it requests the interpreter's lock,
and that unwinds its stack. But a task's stack is not the stack of a thread: its own frames are
followed by remains of the hub's, and unwinding those releases freed objects, without the lock.
Usually this has no effect; occasionally the process ends with SIGSEGV. So when finalization begins,
no task may run on another thread.

Hence an exit hook: it ends the hubs of the other threads, services too, as `SystemExit` ends the
run of a program, and waits for them. A hub whose scheduler is blocked, or whose tasks ignore their
cancellation, cannot be ended. Then the hook reports its stack, and ends the process at once, with
status 1.

After the hook has ended hubs, no other one may start, not even on this thread: greenlet's clean-up
of the threads that have just ended is not safe while tasks switch. Only exit hooks that were
registered before this module was imported run that late.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from ._hub import Hub
from ._report import own_stack

_END_TIME = 5.0
_MOST_NAMES = 10
# The originals, read at import before any patch.
_get_ident = _thread.get_ident
_allocate_lock = _thread.allocate_lock
_monotonic = time.monotonic


class _Run:
    """One hub, and a lock that is released when its run has ended."""

    __slots__ = ("ended", "hub", "thread")

    def __init__(self, hub: Hub) -> None:
        """Begin a run on the calling thread."""
        self.hub = hub
        self.thread = _get_ident()
        self.ended = _allocate_lock()
        self.ended.acquire()


_runs: set[_Run] = set()
_exiting: set[int] = set()  # the thread that runs the exit hooks, once it does
_ended: list[_Run] = []  # the runs that the exit hook has ended
os.register_at_fork(after_in_child=_runs.clear)  # the threads do not exist in the child


def hub_of_this_thread() -> Hub | None:
    """Return the hub that runs on the calling thread; also in the hub itself, outside of tasks."""
    own = _get_ident()
    return next((run.hub for run in list(_runs) if run.thread == own), None)


@contextmanager
def ended_before_exit(hub: Hub) -> Iterator[None]:
    """Ensure that the block, which runs ``hub``, ends before the interpreter is finalized.

    Raises:
        RuntimeError: The process is already ending.
    """
    run = _Run(hub)
    _runs.add(run)
    try:
        if _exiting and run.thread not in _exiting:  # checked after the run was registered
            raise RuntimeError("the process is ending: a hub can no longer start on another thread")
        if _ended:
            raise RuntimeError(
                "the process is ending and its hubs have ended: another hub can no longer start"
            )
        yield
    finally:
        _runs.discard(run)
        run.ended.release()


@contextmanager
def ending_runs_last() -> Iterator[None]:
    """Leave the hook of this module to the interpreter, while the block runs all other ones."""
    atexit.unregister(_end_runs)
    try:
        yield
    finally:
        atexit.register(_end_runs)


@atexit.register
def _end_runs() -> None:
    """End the hubs of all other threads, or the process."""
    own = _get_ident()
    _exiting.add(own)
    others = [run for run in list(_runs) if run.thread != own]
    _ended.extend(others)
    try:
        for run in others:
            run.hub.post(run.hub.end)
        deadline = _monotonic() + _END_TIME
        for run in others:
            run.ended.acquire(timeout=max(0.0, deadline - _monotonic()))
    finally:  # also when Ctrl-C interrupts the wait
        if left := [run for run in others if run in _runs]:
            _give_up(left)


def _give_up(left: list[_Run]) -> None:
    """Report the hubs that did not end, and end the process without finalizing."""
    with contextlib.suppress(Exception):
        from .logs import flush_logs  # needs hubs, and these this module

        flush_logs()
    with contextlib.suppress(Exception):
        for run in left:
            sys.stderr.write(_describe(run))
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(1)


def _describe(run: _Run) -> str:
    tasks = list(run.hub.tasks)
    names = ", ".join(repr(task.name) for task in tasks[:_MOST_NAMES])
    more = f" and {len(tasks) - _MOST_NAMES} more" if len(tasks) > _MOST_NAMES else ""
    lines = [
        "photon_runtime: the process ends while a hub still runs on another thread. It did not "
        "end in time: a task blocks the scheduler or ignores its cancellation. "
        f"Tasks that have not ended: {names}{more}. Stack of the thread:\n"
    ]
    if frame := sys._current_frames().get(run.thread):
        lines += traceback.format_list(own_stack(frame))
    return "".join(lines)
