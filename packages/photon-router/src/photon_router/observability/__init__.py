"""What an application tells of itself: health, metrics, traces, a log event per request.

==============  ===============================================================================
``health``      `Readiness`: may this process get requests, asked of what the application needs
``metrics``     `Metrics`: counts and durations for Prometheus, by route
``tracing``     `Tracing`: a span per request, in the trace of the caller (OpenTelemetry)
``access_log``  `AccessLog`: one structured event per request
``settings``    `ObservabilitySettings`: the section ``[observability]``
==============  ===============================================================================

Nothing is global: an application has its own checks, its own metrics and its own layers.
"""

from .access_log import AccessLog as AccessLog
from .health import Readiness as Readiness
from .metrics import Metrics as Metrics
from .settings import ObservabilitySettings as ObservabilitySettings
from .tracing import Tracing as Tracing
from .tracing import trace_headers as trace_headers
