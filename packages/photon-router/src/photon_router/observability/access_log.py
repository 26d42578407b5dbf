"""One structured log event per request, written when the answer was sent.

The event goes to the logger ``photon.access`` with its parts as fields, so that a JSON log can be
searched by them; with the fields of the request's context (`photon_runtime.logs`) come the
request's id and whatever else the application has bound. The query is left out: it is where
secrets end up.
"""

from __future__ import annotations

import logging
from functools import partial
from time import perf_counter

from photon_runtime.http import Handler, Request, Response
from photon_runtime.logs import EventLog


class AccessLog:
    """Middleware that logs requests: method, path, route, status, duration, client.

    An answer of 500 and above, and one whose stream broke off, is logged as a warning, all others
    as information; ``error`` names the class of what was raised and not expected. The duration ends
    with the last byte of the answer.
    """

    def __init__(self) -> None:
        """Get the logger."""
        self._events = EventLog("photon.access")

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Call on, and log when the answer was sent."""
        if not self._events.is_enabled_for(logging.WARNING):
            return call_next(request)
        begun = perf_counter()
        response = call_next(request)
        request.after_response(partial(self._write, request, response.status, begun))
        return response

    def _write(self, request: Request, status: int, begun: float) -> None:
        failure = request.failure
        level = logging.WARNING if status >= 500 or failure is not None else logging.INFO
        if not self._events.is_enabled_for(level):
            return
        client, route, method = request.client, request.route, request.method
        fields: dict[str, object] = {
            "method": method,
            "path": request.path,
            "status": status,
            "duration_ms": round((perf_counter() - begun) * 1000, 3),
            "route": None if route is None else route.template,
            "client": client[0] if isinstance(client, tuple) else client,
        }
        if failure is not None:
            fields["error"] = type(failure).__qualname__
        # As it was sent: decoded it could have line ends, and not every formatter escapes them.
        self._events.log(level, f"{method} {request.raw_path} {status}", fields)
