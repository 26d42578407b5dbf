"""Limits of a single operation: the size of a body, and the time for the response."""

from __future__ import annotations

from photon_openapi.document import Operation
from photon_openapi.serving import BODY_LIMIT, DEADLINE
from photon_runtime import deadline
from photon_runtime.errors import DeadlineExceeded
from photon_runtime.http import Handler, HttpError, Request, Response


def limited(handler: Handler, operation: Operation) -> Handler:
    """Return ``handler`` with the limits of its operation, unchanged without any."""
    size = operation.data.get(BODY_LIMIT)
    if isinstance(size, int):
        handler = _with_body_limit(handler, size)
    milliseconds = operation.data.get(DEADLINE)
    if isinstance(milliseconds, int | float):
        handler = with_deadline(handler, milliseconds / 1000)
    return handler


def _with_body_limit(handler: Handler, size: int) -> Handler:
    def run(request: Request) -> Response:
        request.body_limit = size  # the limit of the operation takes precedence, even if larger
        return handler(request)

    return run


def with_deadline(handler: Handler, seconds: float) -> Handler:
    """Return ``handler`` with ``seconds`` for its response; after that the response is 504.

    A deadline of the handler's own that expires is an ordinary error.
    """

    def run(request: Request) -> Response:
        try:
            with deadline(seconds):
                try:
                    return handler(request)
                except DeadlineExceeded as error:
                    own = error
        except DeadlineExceeded:
            raise HttpError(504, f"no response within {seconds:g} seconds") from None
        try:
            raise own
        finally:
            del own  # its traceback refers to this frame

    return run
