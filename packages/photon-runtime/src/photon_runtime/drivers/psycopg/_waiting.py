"""The two functions that run psycopg's generators, waiting in the hub.

Theory of operation. psycopg talks to libpq in generators that yield the readiness they wait for.
Two functions of ``psycopg.waiting`` run them: ``wait`` for queries and ``wait_conn`` for
connecting. The first is written in C and blocks the thread. The functions of this module run the
same generators and wait in the hub; outside of tasks they call the originals.

A cancellation leaves the generator of a query suspended, for the clean-up of `_interruption`. The
generator of a connection attempt is closed, and its socket with it.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import psycopg
from psycopg import waiting

from ..._hub import current_hub
from ..._pooled_greenlet import current_task, running_task
from ...patch import READ, WRITE, let_others_run, wait_descriptor
from ._socket_watch import watch_of

T = TypeVar("T")

_READABLE, _WRITABLE = 1, 2  # of psycopg.waiting.Wait and .Ready
# The error that psycopg expects of a wait whose timeout has passed. It has no public name; psycopg
# 3.2 lacks it, and never passes a timeout.
WaitTimeout: type[psycopg.OperationalError] = getattr(
    psycopg.errors, "_WaitTimeout", psycopg.OperationalError
)
_original_wait: Callable[..., Any] = waiting.wait
_original_wait_conn: Callable[..., Any] = waiting.wait_conn


def wait(
    gen: Generator[int, int, T],
    fileno: int,
    interval: float | None = None,
    timeout: float | None = None,
) -> T:
    """Run ``gen`` to its end; it yields the readiness it waits for of the descriptor ``fileno``.

    Args:
        gen: A generator of psycopg that talks to the server.
        fileno: The descriptor of the connection.
        interval: Seconds after which ``gen`` is resumed although the descriptor is not ready.
        timeout: Seconds for the whole; ``None`` for as long as it takes.

    Returns:
        The result of ``gen``.

    Raises:
        psycopg.OperationalError: The timeout has passed (`WaitTimeout`).
        psycopg.OperationalError: The descriptor was closed.
        Cancelled: A scope around the task was cancelled; ``gen`` is suspended and may be resumed.

    Blocks: the calling task, or the calling thread outside of tasks.
    """
    if running_task() is None:
        result: T = _original_wait(gen, fileno, **without_none(interval, timeout))
        return result
    return _run(gen, lambda wanted, limit: _ready(fileno, wanted, limit), interval, timeout)


def wait_on(
    connection: Any,
    gen: Generator[int, int, T],
    interval: float | None = None,
    timeout: float | None = None,
) -> T:
    """Run ``gen``, which operates on ``connection``, to its end, in a task; see `wait`.

    Args:
        connection: A `psycopg.Connection`.
        gen: As of `wait`.
        interval: As of `wait`.
        timeout: As of `wait`.

    Raises:
        psycopg.OperationalError: The connection was closed, perhaps by another task.
    """
    pgconn = connection.pgconn
    if timeout is None and not pgconn.ssl_in_use:
        # Resumed at intervals it would only find out what closing reports at once.
        return _run_watched(connection, pgconn, gen)
    fileno = pgconn.socket

    def ready(wanted: int, limit: float | None) -> int:
        events = _ready(fileno, wanted, limit)
        _refuse_closed(pgconn)
        return events

    return _run(gen, ready, interval, timeout)


def _run_watched(connection: Any, pgconn: Any, gen: Generator[int, int, T]) -> T:
    """Run ``gen``, waiting by the connection's registration with the hub."""
    was_immediate = False
    try:
        wanted = next(gen)
        task = current_task()
        hub = current_hub()
        while True:
            if wanted != _READABLE:
                events = _ready(pgconn.socket, wanted, None)
            else:
                try:
                    is_immediate = not watch_of(connection, hub).wait_read(task)
                except OSError:
                    raise _connection_closed() from None
                if is_immediate and was_immediate:
                    let_others_run()  # a copy or large result arrives faster than it is read
                was_immediate = is_immediate
                events = _READABLE
            _refuse_closed(pgconn)
            wanted = gen.send(events)
    except StopIteration as end:
        result: T = end.value
        return result


def _refuse_closed(pgconn: Any) -> None:
    """Raise an error if the connection was closed during a wait.

    The number of its socket may belong to another descriptor by now. And generators written in C
    keep the pointer: a resumed one would use freed memory.
    """
    if pgconn.pgconn_ptr is None:
        raise _connection_closed()


def wait_conn(
    gen: Generator[tuple[int, int], int, T],
    interval: float | None = None,
    timeout: float | None = None,
) -> T:
    """Run ``gen`` to its end; it yields descriptors and the readiness it waits for. See `wait`."""
    if running_task() is None:
        result: T = _original_wait_conn(gen, **without_none(interval, timeout))
        return result

    def ready(wanted: tuple[int, int], limit: float | None) -> int:
        return _ready(wanted[0], wanted[1], limit)

    try:
        return _run(gen, ready, interval, timeout)
    finally:
        gen.close()  # closes the socket of a failed attempt


def without_none(interval: float | None, timeout: float | None) -> dict[str, float]:
    """Return the arguments that have a value; psycopg 3.2 does not know ``timeout``."""
    both = {"interval": interval, "timeout": timeout}
    return {name: value for name, value in both.items() if value is not None}


def _run(
    gen: Generator[Any, int, T],
    ready: Callable[[Any, float | None], int],
    interval: float | None,
    timeout: float | None,
) -> T:
    hub = current_hub()
    expires = None if timeout is None else hub.time() + timeout
    try:
        wanted = next(gen)
        while True:
            limit = interval
            if expires is not None:
                left = max(0.0, expires - hub.time())
                limit = left if interval is None else min(interval, left)
            wanted = gen.send(ready(wanted, limit))
            if expires is not None and hub.time() >= expires:
                raise WaitTimeout("wait timeout expired")
    except StopIteration as end:
        result: T = end.value
        return result


def _ready(fd: int, wanted: int, limit: float | None) -> int:
    """Wait until ``fd`` is ready for some of ``wanted``; return for what, 0 for nothing."""
    mask = (wanted & _READABLE and select.POLLIN) | (wanted & _WRITABLE and select.POLLOUT)
    events = wait_descriptor(fd, mask, limit)
    if events & select.POLLNVAL:
        raise _connection_closed()
    return wanted & ((events & READ and _READABLE) | (events & WRITE and _WRITABLE))


def _connection_closed() -> psycopg.OperationalError:
    return psycopg.OperationalError("connection socket closed")
