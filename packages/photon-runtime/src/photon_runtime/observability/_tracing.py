"""Traces: the operations within a request or a job, and their durations (OpenTelemetry).

Theory of operation. A `Tracer` makes spans. Which tracer is in use is a context variable, and so is
the current span, which OpenTelemetry keeps: both follow a request or a job into the tasks that it
spawns, and end with its context. So `span` can be called by any package without the application
being passed to it; where no tracer is in use, it does nothing, and OpenTelemetry is not imported.

Only the API is needed; without an SDK that the application sets up, spans cost next to nothing and
are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

from ..errors import PhotonError

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

_NOT_INSTALLED = "tracing needs opentelemetry-api: pip install 'photon-runtime[tracing]'"

TraceProvider: TypeAlias = "TracerProvider"
"""OpenTelemetry's provider of tracers, for annotations outside of this package."""
AttributeValue: TypeAlias = "str | bool | int | float | list[str]"
"""The value of an attribute of a span."""
SpanKind = Literal["internal", "server", "client", "producer", "consumer"]


@final
class Span:
    """One operation of a trace; without a tracer, all its methods do nothing."""

    __slots__ = ("_error", "_span")

    def __init__(self, span: Any = None, error: Any = None) -> None:
        """Wrap a span of OpenTelemetry; `Tracer` and `span` do it."""
        self._span = span
        self._error = error

    @property
    def trace_id(self) -> str | None:
        """The trace's id as 32 hexadecimal digits; ``None`` where nothing is recorded."""
        if self._span is None:
            return None
        context = self._span.get_span_context()
        return format(context.trace_id, "032x") if context.is_valid else None

    def set_attribute(self, name: str, value: AttributeValue) -> None:
        """Set an attribute; OpenTelemetry's conventions give the names."""
        if self._span is not None:
            self._span.set_attribute(name, value)

    def add_event(self, name: str, **attributes: AttributeValue) -> None:
        """Record that something happened now."""
        if self._span is not None:
            self._span.add_event(name, attributes)

    def fail(self, error: BaseException | str) -> None:
        """Mark the operation as failed.

        Args:
            error: Exception, or the kind of failure for ``error.type``.
        """
        if self._span is None:
            return
        if isinstance(error, BaseException):
            self._span.record_exception(error)
            error = type(error).__qualname__
        self._span.set_attribute("error.type", error)
        self._span.set_status(self._error)

    def end(self) -> None:
        """End it; for spans of `Tracer.start`."""
        if self._span is not None:
            self._span.end()


_NO_SPAN = Span()
_NOTHING = nullcontext(_NO_SPAN)


@final
class Tracer:
    """Makes spans.

    Args:
        provider: Receiver of the spans; ``None`` for the one that is set up globally.

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
        self._kinds = {kind.name.lower(): kind for kind in trace.SpanKind}

    def start(
        self,
        name: str,
        *,
        kind: SpanKind = "internal",
        carrier: Mapping[str, str] | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> Span:
        """Start a span and make it, and this tracer, the current ones of this context.

        For code that begins a context, as a request or a job does: both end with the context. The
        caller calls ``end()``. Inside of a function use `span`.

        Args:
            name: Its name, from a small set: a route, not a path.
            kind: What side of an exchange it is.
            carrier: Header fields that may carry the trace of the caller; ``None`` continues the
                current trace.
            attributes: Its first attributes.
        """
        parent = None if carrier is None else self._propagate.extract(carrier)
        started = self._tracer.start_span(
            name, context=parent, kind=self._kinds[kind], attributes=attributes
        )
        self._context.attach(self._trace.set_span_in_context(started))
        _tracer.set(self)
        return Span(started, self._trace.StatusCode.ERROR)

    @contextmanager
    def use(self) -> Iterator[None]:
        """Let `span` record in this tracer within the block, also in tasks spawned there."""
        token = _tracer.set(self)
        try:
            yield
        finally:
            _tracer.reset(token)

    @contextmanager
    def span(
        self, name: str, kind: SpanKind, attributes: Mapping[str, AttributeValue]
    ) -> Iterator[Span]:
        """Record a child of the current span; see the function `span`."""
        started = self._tracer.start_span(name, kind=self._kinds[kind], attributes=attributes)
        token = self._context.attach(self._trace.set_span_in_context(started))
        recorded = Span(started, self._trace.StatusCode.ERROR)
        try:
            yield recorded
        except BaseException as error:
            if not isinstance(error, GeneratorExit):
                recorded.fail(error)
            raise
        finally:
            self._context.detach(token)
            started.end()


_tracer: ContextVar[Tracer | None] = ContextVar("photon_tracer", default=None)


def current_tracer() -> Tracer | None:
    """Return the tracer that `span` records in; ``None`` where nothing is recorded.

    For code that prepares attributes only where they are recorded.
    """
    return _tracer.get()


def span(
    name: str, /, *, kind: SpanKind = "internal", **attributes: AttributeValue
) -> AbstractContextManager[Span]:
    """Record the block as a span: a child of the current span, and the parent of spans in tasks.

    Without a tracer in use, for example if tracing is off or opentelemetry-api is not installed,
    it does nothing. An exception of the block, cancellation included, marks the span as failed.

    Args:
        name: Its name, from a small set: ``query``, not its text.
        kind: What side of an exchange it is.
        attributes: Attributes of the span; with dots by ``**{"db.system.name": "sqlite"}``.

    Example:
        >>> from photon_runtime.observability import span
        >>> with span("read stock", item=7) as recorded:
        ...     recorded.set_attribute("rows", 3)
    """
    tracer = _tracer.get()
    return _NOTHING if tracer is None else tracer.span(name, kind, attributes)


def trace_headers() -> Mapping[str, str]:
    """Return the header fields that carry the current trace to another service.

    For clients that are not instrumented, and for messages.

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
