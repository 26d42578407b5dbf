"""Observability of requests: health and metrics pages, a span and a log event per request.

==============  ===============================================================================
``health``      the pages ``/health`` and ``/ready``
``metrics``     `Metrics`: counts and durations of requests by route; the page of all metrics
``tracing``     `Tracing`: a span per request, in the trace of the caller (OpenTelemetry)
``access_log``  `AccessLog`: one structured event per request
``settings``    `ObservabilitySettings`: the section ``[observability]``
==============  ===============================================================================

Meters, spans, log fields and readiness themselves are in `photon_runtime.observability`, for
packages without a router. Nothing is global: an application has its own checks, its own metrics and
its own middleware.
"""

from photon_runtime.observability import Readiness as Readiness
from photon_runtime.observability import trace_headers as trace_headers

from .access_log import AccessLog as AccessLog
from .metrics import Metrics as Metrics
from .settings import ObservabilitySettings as ObservabilitySettings
from .settings import Observation as Observation
from .settings import Observer as Observer
from .settings import observe as observe
from .settings import observers as observers
from .tracing import Tracing as Tracing
