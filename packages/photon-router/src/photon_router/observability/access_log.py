"""One structured log event per request, written when the response was sent.

Theory of operation. The event goes to the logger ``photon.access`` with structured fields, so that
a JSON log can be searched by them; the fields of the request's context (`photon_runtime.logs`) add
the request's id and the fields of the application. The query is omitted because it often contains
secrets. The log wraps the whole application, as the metrics do: this saves a call, and the match is
part of the duration. Where only Photon's own handler would see the event, its line is encoded at
once and written with others, see `EventLog`.
"""

from __future__ import annotations

import logging
from functools import partial
from time import perf_counter

from photon_runtime.http import Handler, Request, Response
from photon_runtime.logs import REPEATED_STATE, EventLog


class AccessLog:
    """Middleware that logs requests: method, path, route, status, duration, client.

    A response with status 500 and above, and one whose stream is incomplete, is logged as a
    warning, one that an open page repeats by itself (`photon_runtime.logs.REPEATED_STATE`) for
    debugging, all others as information; ``error`` names the class of an unexpected exception. The
    duration ends with the last byte of the response.
    """

    def __init__(self) -> None:
        """Create the event log."""
        self._events = EventLog("photon.access")

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Call the next handler, and log when the response was sent."""
        started = perf_counter()
        response = call_next(request)
        callback = partial(self._write, request, response.status, started)
        callbacks = request._callbacks  # `after_response` would examine the function each time
        if callbacks is None:
            request._callbacks = [callback]
        else:
            callbacks.append(callback)
        return response

    def wrap(self, call_next: Handler) -> Handler:
        """Return a handler that calls ``call_next`` and logs."""
        return partial(self, call_next=call_next)

    def _write(self, request: Request, status: int, started: float) -> None:
        failure = request.failure
        level = logging.INFO
        if status >= 500 or failure is not None:
            level = logging.WARNING
        elif request._state is not None and REPEATED_STATE in request._state:
            level = logging.DEBUG
        events = self._events
        if not events.is_enabled_for(level):
            return
        client, route, method = request.client, request.route, request.method
        fields: dict[str, object] = {
            "method": method,
            "path": request.path,
            "status": status,
            # An integer divided by 1000 is the shortest number with three decimals; `round` takes
            # ten times as long.
            "duration_ms": int((perf_counter() - started) * 1e6) / 1000.0,
            "route": None if route is None else route.template,
            "client": client[0] if type(client) is tuple else client,
        }
        if failure is not None:
            fields["error"] = type(failure).__qualname__
        # The raw path: a decoded one can contain line ends, which not every formatter escapes.
        events.log(level, f"{method} {request.raw_path} {status}", fields)
