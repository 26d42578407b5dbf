"""What is observed about jobs: metrics, spans, the fields of their log records.

================  ==============================================================================
``_observer``     `JobObserver`: what the parts of the package report; ignores everything
``_metrics``      `JobMetrics`: an observer that counts
``_depths``       `DepthReader`: the lengths of queues, read from the store now and then
``_attempts``     `AttemptObservation`: span, log fields and duration of one attempt
``_origin``       where a job comes from: the trace and the request, as one text with the job
================  ==============================================================================
"""

from ._attempts import AttemptObservation as AttemptObservation
from ._attempts import enqueue_span as enqueue_span
from ._attempts import step_span as step_span
from ._depths import DepthReader as DepthReader
from ._metrics import JobMetrics as JobMetrics
from ._observer import JobObserver as JobObserver
from ._origin import Origin as Origin
from ._origin import current_origin as current_origin
