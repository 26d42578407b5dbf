"""Error to response: the problem document on the wire."""

from __future__ import annotations

import msgspec

from ._messages import Response
from .errors import HttpError

PROBLEM_TYPE = "application/problem+json"


def problem_response(error: HttpError) -> Response:
    """Return the response that tells ``error`` as a problem document (RFC 9457)."""
    return Response(
        error.status,
        body=msgspec.json.encode(error.document()),
        headers=error.headers,
        content_type=PROBLEM_TYPE,
    )
