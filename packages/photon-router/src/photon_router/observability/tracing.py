"""Tracing: a span per request, in the trace of the caller (OpenTelemetry).

The configured propagator reads the trace from header fields, by default W3C Trace Context, and the
trace becomes the current one: an instrumented client that a handler uses continues it, and so does
`photon_runtime.observability.span`, in this task and in the tasks that it spawns. Names and
attributes follow the semantic conventions for HTTP.
"""

from __future__ import annotations

from functools import partial

from photon_runtime.http import Handler, Request, Response
from photon_runtime.observability import Span, TraceProvider, Tracer, add_log_fields

from ._methods import METHODS


class Tracing:
    """Middleware that records a span for each request.

    The name of the span is method and route, and it ends when the response was sent. All log
    records of the request have its trace id as ``trace_id``.

    Args:
        provider: The provider of the tracer; ``None`` for the global one.

    Attributes:
        tracer: Makes the spans.

    Raises:
        PhotonError: opentelemetry-api is not installed.
    """

    def __init__(self, provider: TraceProvider | None = None) -> None:
        """Create a tracer."""
        self.tracer = Tracer(provider)

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Call the next handler inside of a span."""
        route = request.route
        template = None if route is None else route.template
        method = request.method if request.method in METHODS else "HTTP"
        # The context is the request's own and ends with it, so the span may remain the current one.
        span = self.tracer.start(
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
    """End a span when the response was sent, or is incomplete because its stream has failed."""
    if request.failure is not None:
        span.fail(request.failure)
    span.end()


def _attributes(request: Request, template: str | None) -> dict[str, str | int]:
    client = request.client
    address = client[0] if isinstance(client, tuple) else client
    host, _, port = request.host.rpartition(":")
    has_port = port.isdecimal()
    is_known = request.method in METHODS
    attributes: dict[str, str | int | None] = {
        "http.request.method": request.method if is_known else "_OTHER",
        "http.request.method_original": None if is_known else request.method,
        "http.route": template,
        "url.scheme": request.scheme,
        "url.path": request.root_path + request.path,
        "server.address": host if has_port else request.host,
        "server.port": int(port) if has_port else None,
        "client.address": address,
        "user_agent.original": request.headers.get("user-agent"),
    }
    return {name: value for name, value in attributes.items() if value}
