"""Limits that an operation states for itself: how large a body, and how long it may take."""

from __future__ import annotations

import math
from collections.abc import Iterator

from photon_openapi.document import Document, Operation
from photon_runtime import deadline
from photon_runtime.errors import DeadlineExceeded
from photon_runtime.http import Handler, HttpError, Request, Response

DEADLINE = "x-photon-deadline-ms"
BODY_LIMIT = "x-photon-body-limit"


def limited(plan: Handler, operation: Operation) -> Handler:
    """Return ``plan`` within the limits that its operation states, itself where it has none."""
    size = operation.data.get(BODY_LIMIT)
    if isinstance(size, int):
        plan = _with_body_limit(plan, size)
    milliseconds = operation.data.get(DEADLINE)
    if isinstance(milliseconds, int | float):
        plan = with_deadline(plan, milliseconds / 1000)
    return plan


def wrong_limits(document: Document) -> Iterator[str]:
    """Tell the limits that are none: a deadline is above zero, a size a whole number of bytes."""
    for operation in document.operations():
        data, pointer = operation.data, operation.pointer
        if DEADLINE in data and not _is_positive(data[DEADLINE]):
            found = data[DEADLINE]
            yield f"{pointer}/{DEADLINE}: {found!r} is no number of milliseconds above 0"
        if BODY_LIMIT in data and not _is_size(data[BODY_LIMIT]):
            yield f"{pointer}/{BODY_LIMIT}: {data[BODY_LIMIT]!r} is no number of bytes"


def _is_positive(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value < math.inf


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _with_body_limit(plan: Handler, size: int) -> Handler:
    def run(request: Request) -> Response:
        request.body_limit = size  # what the operation says counts, be it less or more
        return plan(request)

    return run


def with_deadline(handler: Handler, seconds: float) -> Handler:
    """Return ``handler``, given ``seconds`` for its answer; then it is 504.

    A limit of the handler's own that runs out is an error as any other.
    """

    def run(request: Request) -> Response:
        try:
            with deadline(seconds):
                try:
                    return handler(request)
                except DeadlineExceeded as error:
                    own = error
        except DeadlineExceeded:
            raise HttpError(504, f"there was no answer within {seconds:g} seconds") from None
        try:
            raise own
        finally:
            del own  # its traceback holds this frame

    return run
