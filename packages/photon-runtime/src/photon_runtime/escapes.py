"""Exceptions that end programs, raised by code of an application that a service calls.

Theory of operation. ``sys.exit()``, the errors of `argparse`, the time limits of some libraries and
code that was written for a program of its own raise a `BaseException` that is not an `Exception`.
In a program that ends the program. In a service (a server, a worker of jobs) it ends what has
raised it: one request, one job, one task. So every place that calls code of the application asks
`as_failure` what the code has failed with, and handles that as any other error: the response is a
500, the log has the traceback, the others go on.

Three exceptions are not failures and pass through: `Cancelled`, the Ctrl-C of a program that has
kept Python's own handler of it, and the `GreenletExit` by which a task that never runs again is
unwound. Outside of a service all of them pass: a program ends by them, and what hosts an
application in its own process (a WSGI server) stops its workers by them.
"""

from __future__ import annotations

import _thread
import signal
import threading
from contextlib import AbstractContextManager

from greenlet import GreenletExit

from ._pooled_greenlet import current_task, running_task
from .errors import Cancelled, ProgramExit

_get_ident = _thread.get_ident  # the original, read at import before any patch


def as_failure(error: BaseException) -> Exception:
    """Return the error that a call of the application's code has failed with.

    To be called in an ``except BaseException`` clause around the call.

    Returns:
        ``error``, or a `ProgramExit` that it is the cause of.

    Raises:
        BaseException: ``error`` itself, if it is not to be handled here.
    """
    if isinstance(error, Exception):
        return error
    if isinstance(error, Cancelled) or is_interrupt(error) or not _is_in_service(error):
        raise error
    failure = ProgramExit(
        f"{error!r} was raised, which ends a program: in a service it ends only what raised it"
    )
    failure.__cause__ = error
    return failure


def in_service() -> AbstractContextManager[None]:
    """Let the calling task's run be a service while the block runs, as a server does.

    Raises:
        NotRunning: The caller does not run in a task.
    """
    return current_task().hub.in_service()


def is_interrupt(error: BaseException) -> bool:
    """Return whether ``error`` is the Ctrl-C of a program that has not replaced its handler."""
    return (
        isinstance(error, KeyboardInterrupt)
        and threading.main_thread().ident == _get_ident()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )


def _is_in_service(error: BaseException) -> bool:
    task = running_task()
    if task is None or not task.hub.is_service:
        return False
    # A task that is unwound because nothing refers to it any longer is not the one that runs.
    return task.hub.running is task or not isinstance(error, GreenletExit)
