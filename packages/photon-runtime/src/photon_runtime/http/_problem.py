"""Error to response: the problem document on the wire."""

from __future__ import annotations

import logging

import msgspec

from ._request import Request
from ._response import Response
from .errors import HttpError

_log = logging.getLogger("photon.http")
PROBLEM_TYPE = "application/problem+json"


def problem_response(error: HttpError) -> Response:
    """Return the response that tells ``error`` as a problem document (RFC 9457)."""
    return Response(
        error.status,
        body=msgspec.json.encode(error.document()),
        headers=error.headers,
        content_type=PROBLEM_TYPE,
    )


def failure_response(request: Request, error: Exception) -> Response:
    """Log an unexpected error with its traceback, and return the response that hides it.

    The error is kept as the request's ``failure``, for those around the handler who report it.
    """
    request.failure = error
    _log.error("%s %s failed", request.method, request.raw_path, exc_info=error)
    return problem_response(HttpError(500))
