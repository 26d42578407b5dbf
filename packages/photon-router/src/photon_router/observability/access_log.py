"""One structured log event per request, written when the response was sent.

Theory of operation. The event goes to the logger ``photon.access`` with structured fields, so that
a JSON log can be searched by them; the fields of the request's context (`photon_runtime.logs`) add
the request's id and the fields of the application. The query is omitted because it often contains
secrets. The log wraps the whole application, as the metrics do: this saves a call, and the match is
part of the duration. Where only Photon's own handler would see the event and writes JSON, a request
leaves a plain object, and one call encodes many of them later, see `EventLog`. An event with other
fields of its context than the id becomes a line at once.
"""

from __future__ import annotations

import logging
from functools import partial
from time import perf_counter, time
from typing import Any

import msgspec

from photon_runtime.http import Handler, Request, Response
from photon_runtime.logs import (
    REPEATED_STATE,
    EventLog,
    JsonFormatter,
    has_log_fields,
    log_request_id,
)

_LOGGER = "photon.access"
_UNSET = msgspec.UNSET
_DEBUG = (logging.DEBUG, "debug")
_INFO = (logging.INFO, "info")
_WARNING = (logging.WARNING, "warning")


class _Line(msgspec.Struct, gc=False):
    """The members of a line, in their order."""

    time: str
    level: str
    logger: str
    message: str
    request_id: Any  # usually a string, and often unset
    method: str
    path: str
    status: int
    duration_ms: float
    route: str | None
    client: str | None
    error: str | msgspec.UnsetType


class AccessLog:
    """Middleware that logs requests: method, path, route, status, duration, client.

    A response with status 500 and above, and one whose stream is incomplete, is logged as a
    warning, one that an open page repeats by itself (`photon_runtime.logs.REPEATED_STATE`) for
    debugging, all others as information; ``error`` names the class of an unexpected exception. The
    duration ends with the last byte of the response.
    """

    def __init__(self) -> None:
        """Create the event log."""
        self._events = EventLog(_LOGGER)

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Call the next handler, and log when the response was sent; `wrap` is faster."""
        return self.wrap(call_next)(request)

    def wrap(self, call_next: Handler) -> Handler:
        """Return a handler that calls ``call_next`` and logs."""
        write = self._write

        def log(request: Request) -> Response:
            started = perf_counter()
            response = call_next(request)
            callback = partial(write, request, response.status, started)
            callbacks = request._callbacks  # `after_response` would examine the function each time
            if callbacks is None:
                request._callbacks = [callback]
            else:
                callbacks.append(callback)
            return response

        return log

    def _write(  # noqa: C901 - calls would cost more than the line
        self, request: Request, status: int, started: float
    ) -> None:
        # A whole number divided by 1000 has three decimals; `round` takes ten times as long.
        duration = (perf_counter() - started) * 1e6 // 1.0 / 1000.0
        failure, state = request.failure, request._state
        level, name = _INFO
        if status >= 500 or failure is not None:
            level, name = _WARNING
        elif state is not None and REPEATED_STATE in state:
            level, name = _DEBUG
        found = self._events.find_lines()
        if found is None:
            if not self._events.is_enabled_for(level):
                return
        elif level < found[2]:
            return
        route, peer = request.route, request._peer
        template = None if route is None else route.template
        if type(peer) is tuple:
            client: str | None = peer[0]
        else:  # the connection is encrypted, or comes from a proxy
            address = request.client
            client = address[0] if isinstance(address, tuple) else address
        method, path = request.method, request.raw_path
        # The raw path: a decoded one can contain line ends, which not every formatter escapes.
        message = f"{method} {path} {status}"
        if "%" in path:
            path = request.path
        error = _UNSET if failure is None else type(failure).__qualname__
        if found is not None and type(found[1]) is JsonFormatter and not has_log_fields():
            found[0].add(
                _Line(
                    found[1].moment(time()),
                    name,
                    _LOGGER,
                    message,
                    log_request_id.get(_UNSET),  # unset without the middleware
                    method,
                    path,
                    status,
                    duration,
                    template,
                    client,
                    error,
                )
            )
            return
        fields: dict[str, object] = {
            "method": method,
            "path": path,
            "status": status,
            "duration_ms": duration,
            "route": template,
            "client": client,
        }
        if failure is not None:
            fields["error"] = error
        self._events.log(level, message, fields)
