"""Limits of a single operation: the size of a body, and the time for the response."""

from __future__ import annotations

import math
from collections.abc import Iterator

from photon_openapi.document import Document, Operation
from photon_runtime import deadline
from photon_runtime.errors import DeadlineExceeded
from photon_runtime.http import Handler, HttpError, Request, Response

DEADLINE = "x-photon-deadline-ms"
BODY_LIMIT = "x-photon-body-limit"


def limited(handler: Handler, operation: Operation) -> Handler:
    """Return ``handler`` with the limits of its operation, unchanged without any."""
    size = operation.data.get(BODY_LIMIT)
    if isinstance(size, int):
        handler = _with_body_limit(handler, size)
    milliseconds = operation.data.get(DEADLINE)
    if isinstance(milliseconds, int | float):
        handler = with_deadline(handler, milliseconds / 1000)
    return handler


def wrong_limits(document: Document) -> Iterator[str]:
    """Yield the invalid limits: a deadline must be above zero, a size a whole number of bytes."""
    for operation in document.operations():
        data, pointer = operation.data, operation.pointer
        if DEADLINE in data and not _is_positive(data[DEADLINE]):
            value = data[DEADLINE]
            yield f"{pointer}/{DEADLINE}: {value!r} is not a number of milliseconds above 0"
        if BODY_LIMIT in data and not _is_size(data[BODY_LIMIT]):
            yield f"{pointer}/{BODY_LIMIT}: {data[BODY_LIMIT]!r} is not a number of bytes"


def _is_positive(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value < math.inf


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


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
