"""Tracing: a span per request, in the trace that the caller began (OpenTelemetry).

The trace comes in by the header fields that the configured propagator knows, by default W3C Trace
Context, and becomes the current one: an instrumented client that a handler uses continues it,
and so does `photon_runtime.observability.span`, in this task and in those that it spawns. Names and
attributes follow the semantic conventions for HTTP.
"""

from __future__ import annotations

from functools import partial

from photon_runtime.http import Handler, Request, Response
from photon_runtime.observability import Span, TraceProvider, Tracer, add_log_fields

from ._methods import METHODS


class Tracing:
    """Middleware that makes a span of each request.

    The span is named by method and route and ends when the response was sent. Its trace id is put
    on everything that the request logs, as ``trace_id``.

    Args:
        provider: Where spans go; ``None`` for the one that is set up globally.

    Raises:
        PhotonError: opentelemetry-api is not installed.
    """

    def __init__(self, provider: TraceProvider | None = None) -> None:
        """Get a tracer."""
        self._tracer = Tracer(provider)

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Call on inside of a span."""
        route = request.route
        template = None if route is None else route.template
        method = request.method if request.method in METHODS else "HTTP"
        # The context is the request's own and ends with it, so that the span stays the current one.
        span = self._tracer.start(
            f"{method} {template}" if template else method,
            kind="server",
            carrier=request.headers,
            attributes=_attributes(request, template),
        )
        trace_id = span.trace_id
        if trace_id is not None:
            add_log_fields(trace_id=trace_id)
        request.after_response(partial(_end, span, request))
        response = call_next(request)
        span.set_attribute("http.response.status_code", response.status)
        if response.status >= 500:
            span.fail(str(response.status))
        return response


def _end(span: Span, request: Request) -> None:
    """End a span when the response was sent, or broke off: a stream may have failed since."""
    if request.failure is not None:
        span.fail(request.failure)
    span.end()


def _attributes(request: Request, template: str | None) -> dict[str, str | int]:
    client = request.client
    address = client[0] if isinstance(client, tuple) else client
    host, _, port = request.host.rpartition(":")
    has_port = port.isdecimal()
    is_known = request.method in METHODS
    found: dict[str, str | int | None] = {
        "http.request.method": request.method if is_known else "_OTHER",
        "http.request.method_original": None if is_known else request.method,
        "http.route": template,
        "url.scheme": request.scheme,
        "url.path": request.path,
        "server.address": host if has_port else request.host,
        "server.port": int(port) if has_port else None,
        "client.address": address,
        "user_agent.original": request.headers.get("user-agent"),
    }
    return {name: value for name, value in found.items() if value}
