"""The statements of a request: how many, and in development which are repeated.

A context variable holds the request's record, so that tasks which the request spawns count for it.

After an upgrade each message counts for itself, as if it were a request. What a handler executes
after its last call for a message, or without ever receiving one, is not counted: nothing says
where such a piece of work ends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import final

from photon_runtime.http import Request, Response
from photon_runtime.units_of_work import after_each_message

from ..pool import set_purpose
from ._metrics import DatabaseMetrics
from ._repetitions import Repetitions

_log = logging.getLogger("photon.database.repeated")
_MAX_REPORTS = 10


@final
class Work:
    """The statements of one request, or of one message of a socket.

    Attributes:
        method: Method of the request.
        route: Template of its route; empty where none matches.
        statements: Number of its statements.
        repetitions: Finds repeated ones; ``None`` where they are not looked for.
    """

    __slots__ = ("method", "repetitions", "route", "statements")

    def __init__(self, method: str, route: str, repetitions: Repetitions | None) -> None:
        """Begin without statements."""
        self.method = method
        self.route = route
        self.statements = 0
        self.repetitions = repetitions

    def __str__(self) -> str:
        """Return the name of the work in logs."""
        return f"{self.method} {self.route or 'without a route'}"


WORK: ContextVar[Work | None] = ContextVar("photon_database_work", default=None)
UNCOUNTED: ContextVar[bool] = ContextVar("photon_database_uncounted", default=False)


@contextmanager
def uncounted() -> Iterator[None]:
    """Do not count the statements of the block for a request or for `count_queries`.

    For what works in the background: readiness checks, polling.
    """
    token, other = UNCOUNTED.set(True), WORK.set(None)
    try:
        yield
    finally:
        WORK.reset(other)
        UNCOUNTED.reset(token)


class RequestStatements:
    """Middleware that counts the statements of requests, and reports repeated ones.

    Args:
        metrics: Receiver of the numbers.
        threshold: Number of executions from which a statement is reported; zero for none.
    """

    def __init__(self, metrics: DatabaseMetrics, threshold: int) -> None:
        """Note the settings."""
        self._metrics = metrics
        self._threshold = threshold

    def __call__(self, request: Request, call_next: Callable[[Request], Response]) -> Response:
        """Call the next handler, and count what it executes."""
        route = request.route
        template = "" if route is None else route.template
        threshold = self._threshold
        work = Work(request.method, template, Repetitions(threshold) if threshold else None)
        WORK.set(work)  # the context is the request's own and ends with it
        set_purpose(work)
        try:
            response = call_next(request)
        except BaseException:
            _end(work, self._metrics)
            raise
        if isinstance(response.body, bytes) or _is_endless(response):
            _end(work, self._metrics)
            if response.status == 101:
                after_each_message(partial(self._next_message, work))  # after those of sessions
        else:
            request.after_response(partial(_end, work, self._metrics))  # a stream may execute more
        return response

    def _next_message(self, work: Work) -> None:
        """End the statements of a message, and begin those of the next."""
        _end(work, self._metrics)
        work.statements = 0
        work.repetitions = Repetitions(self._threshold) if self._threshold else None


def _is_endless(response: Response) -> bool:
    """Return whether a body may last for ever, and what it executes is no longer one request."""
    return response.status == 101 or response.content_type == "text/event-stream"


def _end(work: Work, metrics: DatabaseMetrics) -> None:
    if work.statements:
        metrics.count_statements(work.method, work.route, work.statements)
    repetitions, work.repetitions = work.repetitions, None
    if repetitions is None:
        return
    for found in repetitions.find()[:_MAX_REPORTS]:
        _log.warning(
            "%s: %s",
            work,
            found,
            extra={
                "statement": found.statement,
                "statements": found.count,
                "duration_ms": round(found.seconds * 1000, 3),
                "all_statements": work.statements,
            },
        )
