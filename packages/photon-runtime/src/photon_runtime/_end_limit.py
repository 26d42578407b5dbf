"""The time that the end of a process has, and the guard that ends it when that is over.

Theory of operation. A process that serves has one limit for everything, which begins with the
signal to stop (`limit_end`). `_process_end` uses what is left of it. A real thread, the guard, ends
the process if even that does not help: it names what runs, flushes the logs and calls ``os._exit``.

The guard must not wait for anything: the lock of a log handler may be held by the very hook that
does not return. So it logs from another thread, and writes to standard error if that does not
return either.
"""

from __future__ import annotations

import _thread
import contextlib
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable

import attrs

_log = logging.getLogger("photon.runtime")
_GUARD_TIME = 1.5
"""Seconds beyond the limit after which the process ends whatever runs."""

_REPORT_TIME = 0.3
"""Seconds that a log record of the guard may take."""

# The originals, read at import before any patch.
_start_thread = _thread.start_new_thread
_allocate_lock = _thread.allocate_lock
_get_ident = _thread.get_ident
_monotonic = time.monotonic


@attrs.define(eq=False)
class Limit:
    """The time that the end of this process has.

    Attributes:
        seconds: The last limit; ``None`` without one.
        by: Time on the monotonic clock at which it is over; ``None`` while it does not run.
        lifted: Lock that the guard waits for; it is released when the limit is lifted.
        status: Exit status if the guard has to end the process.
        is_finished: True once the threads and hooks of this process have ended.
    """

    seconds: float | None = None
    by: float | None = None
    lifted: _thread.LockType | None = None
    status: int = 1
    is_finished: bool = False

    def start(self, seconds: float) -> None:
        """Begin to count, unless it counts already."""
        if self.by is not None:
            return
        self.seconds = seconds
        self.by = _monotonic() + seconds
        self.lifted = lifted = _allocate_lock()
        lifted.acquire()
        by = self.by
        _start_thread(lambda: _guard(lifted, by, seconds), ())

    def lift(self) -> None:
        """Stop to count."""
        self.by = None
        if self.lifted is not None:
            self.lifted.release()
            self.lifted = None

    def forget(self) -> None:
        """Be without a limit, in the child of a fork, which has no guard."""
        self.seconds = self.by = self.lifted = None
        self.is_finished = False


limit = Limit()
os.register_at_fork(after_in_child=limit.forget)


def limit_end(seconds: float) -> None:
    """Have this process end within ``seconds`` from now, exit hooks included.

    It ends about two seconds later at the latest, with a report of what ran. A second call does not
    change the limit. It may be called by signal handlers.

    Args:
        seconds: Time for threads, child processes and exit hooks, zero or more. What still runs
            then is named in the log.
    """
    limit.start(seconds)


def remaining_limit(default: float) -> float:
    """Return the seconds until the limit of `limit_end`, or ``default`` if it does not run."""
    return default if limit.by is None else limit.by - _monotonic()


def lift_limit() -> None:
    """Stop the time of `limit_end`: the process goes on. Its end will have the same time again."""
    limit.lift()


def _guard(lifted: _thread.LockType, by: float, seconds: float) -> None:
    """End the process some time after its limit."""
    if lifted.acquire(timeout=max(0.0, by + _GUARD_TIME - _monotonic())):
        return
    report = (
        f"the process has not ended within {seconds:g} s and is ended now: "
        f"something in it does not return. The stacks of its threads:\n{_all_stacks()}"
    )
    if not _returns(lambda: _log.critical("%s", report)):
        with contextlib.suppress(Exception):
            os.write(2, f"photon_runtime: {report}\n".encode(errors="replace"))
    _returns(close_log_handlers)
    _returns(_flush)
    os._exit(limit.status)


def _all_stacks() -> str:
    names = {thread.ident: thread.name for thread in list(threading._active.values())}  # type: ignore[attr-defined]  # enumerate() takes a lock
    own = _get_ident()
    return "".join(
        f"{names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()
        if ident != own
    )


def _returns(call: Callable[[], object]) -> bool:
    """Call a function on a thread of its own; return whether it returns soon."""
    ended = _allocate_lock()
    ended.acquire()

    def run() -> None:
        try:
            call()
        except Exception:
            return
        ended.release()

    try:
        _start_thread(run, ())
    except RuntimeError:  # the interpreter is ending
        return False
    return ended.acquire(timeout=_REPORT_TIME)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def close_log_handlers() -> None:
    """Do what `logging.shutdown` does, with those handlers that are not busy."""
    handlers: list[Callable[[], logging.Handler | None]] = logging._handlerList  # type: ignore[attr-defined]  # private
    busy = []
    for handler in [reference() for reference in handlers[::-1]]:
        lock = None if handler is None else handler.lock
        if handler is None or (lock is not None and not lock.acquire(timeout=0)):
            busy += [] if handler is None else [handler]
            continue
        try:
            with contextlib.suppress(Exception):
                handler.flush()
                handler.close()
        finally:
            if lock is not None:
                lock.release()
    if busy:
        _log.error(
            "log handlers that do not return are left behind, with the records that they have not "
            "written: %s",
            ", ".join(map(repr, busy)),
        )
