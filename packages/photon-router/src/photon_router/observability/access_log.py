"""One structured log event per request, written when the response was sent.

Theory of operation. The event goes to the logger ``photon.access`` with structured fields, so that
a JSON log can be searched by them; the fields of the request's context (`photon_runtime.logs`) add
the request's id and the fields of the application. The query is omitted because it often contains
secrets. The log wraps the whole application, as the metrics do: this saves a call, and the match is
part of the duration.

Where only Photon's own handler would see the event and writes JSON, a usual response leaves a tuple
in the list of lines, see `EventLog`: one whose body is small and known, which certainly can be
encoded, and which nothing follows. It is sent in one piece right after that, and no call after the
response is needed. All other responses are logged by such a call: streams, large bodies, errors,
those with header fields of the application, and those of requests with other fields in their
context than the id.
"""

from __future__ import annotations

import logging
from functools import partial
from time import perf_counter

from photon_runtime.http import CheckedName, Handler, Request, Response, is_field_value
from photon_runtime.logs import BATCH, REPEATED_STATE, EventLog, current_fields, log_request_id

_LOGGER = "photon.access"
_SMALL = 16 * 1024
"""Size in bytes below which a body is certainly sent together with its head."""
_MOST_TYPES = 100


class AccessLog:
    """Middleware that logs requests: method, path, route, status, duration, client.

    A response with status 500 and above, and one whose stream is incomplete, is logged as a
    warning, one that an open page repeats by itself (`photon_runtime.logs.REPEATED_STATE`) for
    debugging, all others as information; ``error`` names the class of an unexpected exception. The
    duration ends with the last byte of the response; that of a small one, which is sent in one
    piece, when it has been made.
    """

    def __init__(self) -> None:
        """Create the event log."""
        self._events = EventLog(_LOGGER)
        self._types: set[str | None] = set()

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Call the next handler, and log when the response was sent; `wrap` is faster."""
        return self.wrap(call_next)(request)

    def wrap(self, call_next: Handler) -> Handler:
        """Return a handler that calls ``call_next`` and logs."""
        write, events, types = self._write, self._events, self._types
        find_lines, log_fields, request_id = (
            events.find_lines_of_requests,
            current_fields.get,
            log_request_id.get,
        )

        def log(request: Request) -> Response:
            started = perf_counter()
            response = call_next(request)
            body, status, headers = response.body, response.status, response.headers
            callbacks, state, peer = request._callbacks, request._state, request._peer
            # Nothing can happen to this response any more that its line has to show.
            if (
                callbacks is None
                and request.failure is None
                and type(body) is bytes
                and len(body) < _SMALL
                and type(status) is int
                and 200 <= status < 500
                and response.content_type in types
                and (not headers or (len(headers) == 1 and type(headers[0][0]) is CheckedName))
                and type(peer) is tuple
                and (state is None or REPEATED_STATE not in state)
                and not log_fields()
                and (lines := find_lines()) is not None
            ):
                route, pending = request.route, lines.pending
                pending.append(
                    (
                        started,
                        perf_counter(),
                        request_id(),
                        request.method,
                        request.raw_path,
                        status,
                        None if route is None else route.template,
                        peer[0],
                    )
                )
                if not lines.is_scheduled or len(pending) >= BATCH:
                    lines.begin_batch()
                return response
            callback = partial(write, request, status, started)
            if callbacks is None:  # `after_response` would examine the function each time
                request._callbacks = [callback]
            else:
                callbacks.append(callback)
            if response.content_type not in types:
                self._note_type(response.content_type)
            return response

        return log

    def _note_type(self, content_type: str | None) -> None:
        """Note that a response with this type can be encoded; of not many types."""
        if len(self._types) < _MOST_TYPES and is_field_value(str(content_type)):
            self._types.add(content_type)

    def _write(self, request: Request, status: int, started: float) -> None:
        # A whole number divided by 1000 has three decimals; `round` takes ten times as long.
        duration = (perf_counter() - started) * 1e6 // 1.0 / 1000.0
        failure, state, level = request.failure, request._state, logging.INFO
        if status >= 500 or failure is not None:
            level = logging.WARNING
        elif state is not None and REPEATED_STATE in state:
            level = logging.DEBUG
        if not self._events.is_enabled_for(level):
            return
        route, address = request.route, request.client
        method, path = request.method, request.raw_path
        fields: dict[str, object] = {
            "method": method,
            "path": request.path if "%" in path else path,
            "status": status,
            "duration_ms": duration,
            "route": None if route is None else route.template,
            "client": address[0] if isinstance(address, tuple) else address,
        }
        if failure is not None:
            fields["error"] = type(failure).__qualname__
        # The raw path: a decoded one can contain line ends, which not every formatter escapes.
        self._events.log(level, f"{method} {path} {status}", fields)
