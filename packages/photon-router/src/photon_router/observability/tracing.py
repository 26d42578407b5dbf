"""Tracing: a span per request, in the trace that the caller began (OpenTelemetry).

The trace comes in by the header fields that the configured propagator knows, by default W3C Trace
Context, and becomes the current one: an instrumented client that a handler uses goes on with it,
in this task and in those that it spawns, because OpenTelemetry keeps it in context variables.
Names and attributes follow the semantic conventions for HTTP. Only the API is needed here; without
an SDK that the application sets up, spans cost next to nothing and go nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from photon_runtime.errors import PhotonError
from photon_runtime.http import Handler, Request, Response
from photon_runtime.logs import add_log_fields

from ._methods import METHODS

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider

_NOT_INSTALLED = "tracing needs opentelemetry-api: pip install 'photon-router[tracing]'"


class Tracing:
    """Middleware that makes a span of each request.

    The span is named by method and route and ends when the answer was sent. Its trace id is put
    on what the request logs, as ``trace_id``.

    Args:
        provider: Where spans go; ``None`` for the one that is set up globally.

    Raises:
        PhotonError: opentelemetry-api is not installed.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        """Get a tracer."""
        try:
            from opentelemetry import context, propagate, trace
        except ImportError:
            raise PhotonError(_NOT_INSTALLED) from None
        self._trace, self._context, self._propagate = trace, context, propagate
        self._tracer = trace.get_tracer("photon", tracer_provider=provider)

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Call on inside of a span."""
        trace = self._trace
        route = request.route
        template = None if route is None else route.template
        method = request.method if request.method in METHODS else "HTTP"
        span = self._tracer.start_span(
            f"{method} {template}" if template else method,
            context=self._propagate.extract(request.headers),
            kind=trace.SpanKind.SERVER,
            attributes=_attributes(request, template),
        )
        # The context is the request's own and ends with it: nothing to be put back.
        self._context.attach(trace.set_span_in_context(span))
        identity = span.get_span_context()
        if identity.is_valid:
            add_log_fields(trace_id=format(identity.trace_id, "032x"))
        request.after_response(partial(self._end, span, request))
        response = call_next(request)
        span.set_attribute("http.response.status_code", response.status)
        if response.status >= 500:
            span.set_attribute("error.type", str(response.status))
            span.set_status(self._trace.StatusCode.ERROR)
        return response

    def _end(self, span: Span, request: Request) -> None:
        """End a span when the answer was sent, or broke off: a stream may have failed since."""
        failure = request.failure
        if failure is not None:
            span.record_exception(failure)
            span.set_attribute("error.type", type(failure).__qualname__)
            span.set_status(self._trace.StatusCode.ERROR)
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


def trace_headers() -> Mapping[str, str]:
    """Return the header fields that carry the current trace to another service.

    For clients that are not instrumented.

    Raises:
        PhotonError: opentelemetry-api is not installed.
    """
    try:
        from opentelemetry import propagate
    except ImportError:
        raise PhotonError(_NOT_INSTALLED) from None
    fields: dict[str, str] = {}
    propagate.inject(fields)
    return fields
