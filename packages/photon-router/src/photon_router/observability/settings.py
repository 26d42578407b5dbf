"""The ``[observability]`` section of photon.toml, and what it puts around an application."""

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
    """What an application tells of itself, and where.

    Attributes:
        health: Path that says whether the process lives; empty for none.
        ready: Path that says whether it may get requests; empty for none.
        ready_timeout: Seconds that the checks of readiness may take together.
        metrics: Path of the metrics for Prometheus, as in ``/metrics``; empty, the default, for
            none. Whoever can reach the server can read them.
        access_log: Whether each request is logged; unset, it is in development.
        tracing: Whether each request gets a span; an OpenTelemetry SDK must be set up for it.
    """

    health: str = attrs.field(default="/health", validator=_path)
    ready: str = attrs.field(default="/ready", validator=_path)
    ready_timeout: float = attrs.field(default=5.0, validator=attrs.validators.gt(0))
    metrics: str = attrs.field(default="", validator=_path)
    access_log: bool | None = None
    tracing: bool = False


@attrs.frozen
class Observer:
    """A layer that observes requests, not yet made.

    Attributes:
        make: Makes it; its class.
        key: What switches it on, in ``[observability]``.
    """

    make: type[Metrics] | type[Tracing] | type[AccessLog]
    key: str

    @property
    def name(self) -> str:
        """What people call it."""
        return self.make.__qualname__

    @property
    def origin(self) -> str:
        """Where it comes from."""
        return "settings"

    @property
    def place(self) -> str:
        """What switches it on."""
        return f"[observability] {self.key}"

    @property
    def options(self) -> Mapping[str, object]:
        """Its options: it has none."""
        return {}


def observers(settings: ObservabilitySettings, *, development: bool) -> list[Observer]:
    """Return the layers that the settings ask for, the outermost first; none is made."""
    has_log = development if settings.access_log is None else settings.access_log
    chosen = {
        Observer(Metrics, "metrics"): bool(settings.metrics),
        Observer(Tracing, "tracing"): settings.tracing,
        Observer(AccessLog, "access_log"): has_log,
    }
    return [observer for observer, is_on in chosen.items() if is_on]


@attrs.frozen
class Observation:
    """What the settings put around an application.

    Attributes:
        metrics: Counts requests, outside of all middleware; ``None`` where metrics are off.
        middleware: The other observers, outermost first.
        pages: The pages of health and metrics.
    """

    metrics: Metrics | None
    middleware: list[Middleware]
    pages: list[Mount]

    def around(self, handler: Handler) -> Handler:
        """Return the handler with the counting around it."""
        return handler if self.metrics is None else self.metrics.around(handler)


def observe(
    settings: ObservabilitySettings, readiness: Readiness, meter: Meter, *, development: bool
) -> Observation:
    """Return what the settings ask for. The meter is exposed where there is a page of metrics.

    Raises:
        PhotonError: A library that it needs is not installed.
    """
    metrics = Metrics(meter) if settings.metrics else None
    chosen = observers(settings, development=development)
    middleware = [each.make() for each in chosen if each.make is not Metrics]
    pages: dict[str, Callable[[Request], Response]] = {}
    if settings.health:
        pages[settings.health] = alive
    if settings.ready:
        pages[settings.ready] = ready_page(readiness)
    if metrics is not None:
        pages[settings.metrics] = metrics.page
    mounts = [Mount(path, page, is_optional=True) for path, page in pages.items()]
    return Observation(metrics, list[Middleware](middleware), mounts)
