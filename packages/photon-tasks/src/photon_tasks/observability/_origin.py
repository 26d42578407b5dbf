"""Where a job comes from: the trace and the request, as one text that is kept with the job.

Theory of operation. The text is the ``traceparent`` of the W3C's Trace Context, and after it, if
the code that enqueues belongs to a request with an id, ``;request_id=…``. The worker continues the
trace and logs the id, so the lines of a request and of its jobs are found together, with or without
a tracer. Each attempt at a job continues the same trace.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from photon_runtime.logs import current_log_fields
from photon_runtime.observability import current_tracer, trace_headers

_REQUEST: Final = ";request_id="
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._~+/=:@-]{1,128}")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@attrs.frozen
class Origin:
    """The origin of a job.

    Attributes:
        traceparent: Header field of the trace; empty without one.
        request_id: Id of the request; empty without one.
    """

    traceparent: str = ""
    request_id: str = ""

    def __str__(self) -> str:
        """Return the text that is kept with a job."""
        if not self.request_id:
            return self.traceparent
        return f"{self.traceparent}{_REQUEST}{self.request_id}"

    @classmethod
    def of(cls, text: str) -> Origin:
        """Return the origin that a text describes; parts that are invalid are empty."""
        traceparent, _, request_id = text.partition(_REQUEST)
        return cls(
            traceparent if _TRACEPARENT.fullmatch(traceparent) else "",
            request_id if _REQUEST_ID.fullmatch(request_id) else "",
        )


def current_origin() -> str:
    """Return the origin of jobs that the calling code enqueues, as the text of an `Origin`."""
    request_id = current_log_fields().get("request_id")
    if current_tracer() is None:
        if request_id is None:
            return ""
        traceparent = ""
    else:
        traceparent = trace_headers().get("traceparent", "")
    is_id = isinstance(request_id, str) and _REQUEST_ID.fullmatch(request_id)
    return str(Origin(traceparent, str(request_id) if is_id else ""))
