"""`drive`: run a generator of a connection in the running task.

Theory of operation. A generator whose wait is interrupted stays suspended, and its connection is
cleaned up by `_interruption`; the call ends at once. The next use of the connection waits for the
end of the clean-up, which is bounded; in another thread, which cannot wait for it, the use is an
`OperationalError`.

*Leaving a transaction* is a command to the server too, and a cancelled task cannot wait for it.
The clean-up runs it instead: the generators of ``Transaction.__enter__``, ``Transaction.__exit__``
and ``rollback()`` are run in their order, and only ``rollback()`` returns as if it had succeeded,
because ``Connection.__exit__`` closes the connection after it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from greenlet import GreenletExit

from ..._hub import current_hub
from ..._pooled_greenlet import current_task
from ...errors import Cancelled
from ._interruption import (
    AnyConnection,
    Interruption,
    interruption_of,
    is_busy,
    refuse_if_interrupted,
)
from ._waiting import wait_on

T = TypeVar("T")

# Compared by identity: the hash of a code object is computed from all that it consists of.
_ROLLBACK = psycopg.Connection._rollback_gen.__code__
_ENTER = psycopg.Transaction._enter_gen.__code__
_EXIT = psycopg.Transaction._exit_gen.__code__


def drive(
    connection: AnyConnection,
    gen: Generator[int, int, T],
    interval: float | None = None,
    timeout: float | None = None,
) -> T:
    """Run a generator of ``connection`` in the running task, and clean up if it is interrupted.

    Raises:
        psycopg.Error: ``gen`` raised it.
        Cancelled: A scope around the task was cancelled.

    Blocks: the calling task; while the connection is interrupted, until it has been cleaned up.
    """
    code = getattr(gen, "gi_code", None)
    leaves = code is _ROLLBACK or code is _ENTER or code is _EXIT
    if not leaves and interruption_of(connection) is None:
        return _run(connection, gen, interval, timeout, is_short=False)
    # Only a call of a task that is already being cancelled may return before it is done.
    is_done_later = code is _ROLLBACK and _is_cancelled()
    try:
        try:
            _wait_until_settled(connection)
        except Cancelled:
            interruption = interruption_of(connection)
            if leaves and interruption is not None:
                interruption.undoing.append(gen)
            raise
        return _run(connection, gen, interval, timeout, is_short=leaves)
    except Cancelled:
        if is_done_later:
            return None  # type: ignore[return-value]  # the result of a rollback
        raise


def _is_cancelled() -> bool:
    return current_task().scope.cause() is not None


def _wait_until_settled(connection: AnyConnection) -> None:
    interruption = interruption_of(connection)
    while interruption is not None:
        if interruption.hub is not current_hub():
            refuse_if_interrupted(connection)
        interruption.settled.wait()
        interruption = interruption_of(connection)


def _run(
    connection: AnyConnection,
    gen: Generator[int, int, T],
    interval: float | None,
    timeout: float | None,
    *,
    is_short: bool,
) -> T:
    try:
        return wait_on(connection, gen, interval, timeout)
    except GreenletExit:  # the hub has ended, and no task can clean up
        connection.pgconn.finish()
        raise
    except BaseException as error:
        if isinstance(error, psycopg.Error) or not _is_suspended(gen):
            raise
        if is_busy(connection):
            Interruption(connection, gen, current_hub(), is_short=is_short).start()
        raise


def _is_suspended(gen: Any) -> bool:
    # Not by `inspect`: generators compiled by Cython have only these two.
    return gen.gi_frame is not None and not gen.gi_running
