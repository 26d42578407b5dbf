"""Responses for errors: problem documents (RFC 9457)."""

from __future__ import annotations

import logging

import msgspec

from ._request import Request
from ._response import Response
from .errors import HttpError

_log = logging.getLogger("photon.http")
PROBLEM_TYPE = "application/problem+json"


def problem_response(error: HttpError) -> Response:
    """Return the response for ``error``, with a problem document (RFC 9457) as body."""
    return Response(
        error.status,
        body=msgspec.json.encode(error.document()),
        headers=error.headers,
        content_type=PROBLEM_TYPE,
    )


def failure_response(request: Request, error: Exception) -> Response:
    """Log an unexpected error with its traceback, and return a response without its details.

    The error is stored as the request's ``failure``, for middleware that reports it.
    """
    request.failure = error
    _log.error("%s %s failed", request.method, request.raw_path, exc_info=error)
    return problem_response(HttpError(500))
