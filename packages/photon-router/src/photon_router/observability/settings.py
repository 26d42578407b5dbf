"""The ``[observability]`` section of photon.toml, and the observers of an application."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from photon_runtime.http import Handler, Request, Response
from photon_runtime.observability import Meter, Readiness
from photon_runtime.settings import section

from ..dispatch import Mount
from ..handlers import Middleware
from .access_log import AccessLog
from .health import alive, ready_page
from .metrics import Metrics
from .tracing import Tracing


def _path(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if value and not value.startswith("/"):
        raise ValueError(f"is a path and begins with a slash, not {value!r}; empty for none")


@section("observability")
@attrs.frozen(kw_only=True)
class ObservabilitySettings:
    """The observability of an application.

    Attributes:
        health: Path of the liveness page; empty to disable it.
        ready: Path of the readiness page; empty to disable it.
        ready_timeout: Time limit in seconds of all checks of readiness together.
        metrics: Path of the metrics for Prometheus, as in ``/metrics``; empty, the default, to
            disable them. Every client that can reach the server can read them.
        access_log: True to log each request; by default, requests are logged in development.
        tracing: True to record a span for each request; requires a configured OpenTelemetry SDK.
    """

    health: str = attrs.field(default="/health", validator=_path)
    ready: str = attrs.field(default="/ready", validator=_path)
    ready_timeout: float = attrs.field(default=5.0, validator=attrs.validators.gt(0))
    metrics: str = attrs.field(default="", validator=_path)
    access_log: bool | None = None
    tracing: bool = False


@attrs.frozen
class Observer:
    """Middleware that observes requests, before it is created.

    Attributes:
        make: The class of the middleware.
        key: The key of ``[observability]`` that enables it.
    """

    make: type[Metrics] | type[Tracing] | type[AccessLog]
    key: str

    @property
    def name(self) -> str:
        """The name of its class."""
        return self.make.__qualname__

    @property
    def origin(self) -> str:
        """The origin of the middleware: the settings."""
        return "settings"

    @property
    def place(self) -> str:
        """The key that enables it, with its section."""
        return f"[observability] {self.key}"

    @property
    def options(self) -> Mapping[str, object]:
        """The options of the middleware, which are always empty."""
        return {}


def observers(settings: ObservabilitySettings, *, development: bool) -> list[Observer]:
    """Return the observers that the settings enable, the outermost first, without creating them."""
    has_log = development if settings.access_log is None else settings.access_log
    enabled = {
        Observer(Metrics, "metrics"): bool(settings.metrics),
        Observer(Tracing, "tracing"): settings.tracing,
        Observer(AccessLog, "access_log"): has_log,
    }
    return [observer for observer, is_enabled in enabled.items() if is_enabled]


@attrs.frozen
class Observation:
    """The observers and pages that the settings enable for an application.

    Attributes:
        metrics: The metrics, outside of all others; ``None`` if metrics are disabled.
        access_log: The access log, outside of all middleware; ``None`` if it is disabled, or
            middleware inside of the tracing.
        middleware: The other observers, outermost first.
        pages: The health and metrics pages.
    """

    metrics: Metrics | None
    access_log: AccessLog | None
    middleware: list[Middleware]
    pages: list[Mount]

    def wrap(self, handler: Handler) -> Handler:
        """Return a handler that calls ``handler``, and logs and counts as far as enabled."""
        if self.access_log is not None:
            handler = self.access_log.wrap(handler)
        return handler if self.metrics is None else self.metrics.wrap(handler)


def observe(
    settings: ObservabilitySettings, readiness: Readiness, meter: Meter, *, development: bool
) -> Observation:
    """Create the observers and pages; exposes the meter if there is a metrics page.

    Raises:
        PhotonError: A required library is not installed.
    """
    metrics = Metrics(meter) if settings.metrics else None
    enabled = {each.make for each in observers(settings, development=development)}
    access_log = AccessLog() if AccessLog in enabled else None
    middleware: list[Middleware] = []
    if Tracing in enabled:
        middleware.append(Tracing())
        if access_log is not None:
            middleware.append(access_log)
            access_log = None
    pages: dict[str, Callable[[Request], Response]] = {}
    if settings.health:
        pages[settings.health] = alive
    if settings.ready:
        pages[settings.ready] = ready_page(readiness)
    if metrics is not None:
        pages[settings.metrics] = metrics.page
    mounts = [Mount(path, page, is_optional=True) for path, page in pages.items()]
    return Observation(metrics, access_log, middleware, mounts)
