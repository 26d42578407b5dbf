"""psycopg 3 waits in the hub.

Theory of operation. psycopg talks to libpq in generators that yield what they wait for, and hands
each to one of two functions of ``psycopg.waiting``, looked up at every call: ``wait`` for queries,
``wait_conn`` for connecting. The first is written in C and blocks the thread. Both are replaced by
functions that drive the same generators and wait in the hub, and call the originals outside of
tasks. They use nothing that the patch puts in place.

*Cancellation* interrupts a wait and leaves the generator where it was, in the midst of a query
that the server goes on with; the next command on that connection would fail, or worse, take the
answer of this one. psycopg itself knows the case from Ctrl-C. As it does then, the query is
cancelled on the server and the rest of its answer read, shielded and for at most `GRACE` seconds;
after that the connection can be used again, in a transaction that has failed. One that is still
busy then, as in the midst of a copy or a stream, or because the server did not answer in time, is
closed. So no connection is ever used again in an unknown state.

A *rollback* gives back what is held. It is done, and waited for, in a task that is being cancelled
too, so that ``with psycopg.connect()`` closes its connection and does not leave it to the garbage.
"""

from __future__ import annotations

import functools
import logging
import select
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from .._hub import current_hub
from .._run import yield_now
from .._scope import deadline, shield
from ..errors import Cancelled
from . import _saved
from ._descriptors import READ, WRITE, wait_until
from ._running import running_task

T = TypeVar("T")

GRACE = 5.0
"""Seconds in which a cancelled query, or a rollback, must have come to its end."""

_READABLE, _WRITABLE = 1, 2  # of psycopg.waiting.Wait and .Ready
_ACTIVE = 1  # psycopg.pq.TransactionStatus
_logger = logging.getLogger(__name__)


def cooperate(psycopg: Any) -> None:
    """Let the module ``psycopg`` wait in the hub where a task calls it. Doing it again is harmless.

    Args:
        psycopg: The package, version 3.2 or later.
    """
    if isinstance(getattr(psycopg.waiting.wait, "__self__", None), _Waiting):
        return
    waiting = _Waiting(psycopg)
    psycopg.waiting.wait = waiting.wait
    psycopg.waiting.wait_conn = waiting.wait_conn
    psycopg.Connection.wait = _ending_what_is_cancelled(psycopg)
    psycopg.Connection.rollback = _done_in_any_case(psycopg.Connection.rollback)


class _Waiting:
    """The functions of ``psycopg.waiting``."""

    def __init__(self, psycopg: Any) -> None:
        self._errors = psycopg.errors
        self._original_wait = psycopg.waiting.wait
        self._original_wait_conn = psycopg.waiting.wait_conn

    def wait(
        self,
        gen: Generator[int, int, T],
        fileno: int,
        interval: float | None = None,
        timeout: float | None = None,
    ) -> T:
        """Run ``gen`` to its end; it yields what it waits for of the descriptor ``fileno``.

        Args:
            gen: Talks to the server.
            fileno: The descriptor of the connection.
            interval: Seconds after which ``gen`` is told that nothing was ready.
            timeout: Seconds for the whole.

        Raises:
            psycopg.errors._WaitTimeout: The timeout has passed.
            psycopg.OperationalError: The descriptor was closed.
            Cancelled: A scope around the task was cancelled; ``gen`` may be run on.

        Blocks: the calling task.
        """
        if running_task() is None:
            result: T = self._original_wait(gen, fileno, **_given(interval, timeout))
            return result
        return self._run(gen, lambda wanted: (fileno, wanted), interval, timeout)

    def wait_conn(
        self,
        gen: Generator[tuple[int, int], int, T],
        interval: float | None = None,
        timeout: float | None = None,
    ) -> T:
        """Run ``gen`` to its end; it yields descriptors and what it waits for. See `wait`."""
        if running_task() is None:
            result: T = self._original_wait_conn(gen, **_given(interval, timeout))
            return result
        try:
            return self._run(gen, lambda wanted: wanted, interval, timeout)
        finally:
            gen.close()  # what holds a socket that did not become a connection goes now

    def _run(
        self,
        gen: Generator[Any, int, T],
        place_of: Callable[[Any], tuple[int, int]],
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
                wanted = gen.send(self._ready(*place_of(wanted), limit))
                if expires is not None and hub.time() >= expires:
                    raise self._errors._WaitTimeout("wait timeout expired")
        except StopIteration as end:
            result: T = end.value
            return result

    def _ready(self, fd: int, wanted: int, limit: float | None) -> int:
        """Wait until ``fd`` is ready for some of ``wanted``; return for what, 0 for nothing."""
        mask = (wanted & _READABLE and select.POLLIN) | (wanted & _WRITABLE and select.POLLOUT)
        poll = _saved.select_poll()
        poll.register(fd, mask)
        events = poll.poll(0)
        if events:
            yield_now()  # a copy that never has to wait must not keep the others from running
        else:
            events = wait_until(lambda: poll.poll(0), interest=lambda: {fd: mask}, timeout=limit)
        found = events[0][1] if events else 0
        if found & select.POLLNVAL:
            raise self._errors.OperationalError("connection socket closed")
        return wanted & ((found & READ and _READABLE) | (found & WRITE and _WRITABLE))


def _given(interval: float | None, timeout: float | None) -> dict[str, float]:
    """Return the arguments that were given; early versions do not know all of them."""
    both = {"interval": interval, "timeout": timeout}
    return {name: value for name, value in both.items() if value is not None}


def _ending_what_is_cancelled(psycopg: Any) -> Callable[..., Any]:
    """Return `psycopg.Connection.wait` that ends the query when its task is cancelled."""
    original = psycopg.Connection.wait

    @functools.wraps(original)
    def wait(self: Any, gen: Generator[int, int, T], *args: Any, **kwargs: Any) -> T:
        try:
            result: T = original(self, gen, *args, **kwargs)
        except Cancelled:
            if self.pgconn.transaction_status == _ACTIVE:
                _end_query(psycopg, self, gen)
            raise
        else:
            return result

    return wait


def _end_query(psycopg: Any, connection: Any, gen: Generator[int, int, object]) -> None:
    """Cancel the query on the server and read the rest of its answer, or close the connection."""
    pgconn = connection.pgconn
    try:
        with shield(), deadline(GRACE):
            connection.cancel_safe()
            psycopg.waiting.wait(gen, pgconn.socket)
    except psycopg.errors.QueryCanceled:
        pass
    except Exception as error:
        _logger.warning("a cancelled query did not end in order: %r", error)
    finally:
        if pgconn.transaction_status == _ACTIVE:  # a copy or a stream, of which this was a part
            pgconn.finish()


def _done_in_any_case(original: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return `psycopg.Connection.rollback` that is not interrupted by what calls for it."""

    @functools.wraps(original)
    def rollback(self: Any) -> None:
        task = running_task()
        if task is None or task.scope.cause() is None:
            original(self)
        else:
            with shield(), deadline(GRACE):
                original(self)

    return rollback
