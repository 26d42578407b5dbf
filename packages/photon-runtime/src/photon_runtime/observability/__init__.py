"""Observability: metrics, spans, log fields and readiness, for every package and application.

===================  ==========================================================================
``_meter``           `Meter`: declares the instruments of one application, writes their figures
``_instruments``     `Counter`, `Gauge`, `Histogram`; `Family`: one for each set of label values
``_observables``     figures that a function returns when they are read
``_exposition``      a meter's figures in Prometheus' text formats
``_worker_folder``   one process responds for all workers: the folder with their figures
``_mmap_dict``       the file format of prometheus-client, its private part
``_tracing``         `Tracer`, `Span`, `span`: traces (OpenTelemetry)
``_readiness_checks``  `Readiness`: decides whether this process may receive requests
===================  ==========================================================================

The libraries are imported when an application switches metrics or tracing on, and not before.
Until then instruments count in memory and `span` does nothing. Nothing is global: an application
has its own meter, its own tracer and its own checks.

Log fields are those of `photon_runtime.logs`.
"""

from ..errors import MetricsBusy as MetricsBusy
from ..logs import add_log_fields as add_log_fields
from ..logs import bind_log_fields as bind_log_fields
from ..logs import current_log_fields as current_log_fields
from ..logs import log_fields as log_fields
from ._instruments import Cell as Cell
from ._instruments import Counter as Counter
from ._instruments import Family as Family
from ._instruments import Gauge as Gauge
from ._instruments import Histogram as Histogram
from ._meter import Meter as Meter
from ._readiness_checks import CheckResult as CheckResult
from ._readiness_checks import Readiness as Readiness
from ._tracing import AttributeValue as AttributeValue
from ._tracing import Span as Span
from ._tracing import SpanKind as SpanKind
from ._tracing import TraceProvider as TraceProvider
from ._tracing import Tracer as Tracer
from ._tracing import current_tracer as current_tracer
from ._tracing import span as span
from ._tracing import trace_headers as trace_headers
