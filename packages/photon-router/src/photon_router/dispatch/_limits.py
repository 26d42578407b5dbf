"""Limits that an operation states for itself: how large a body, and how long it may take."""

from __future__ import annotations

import math
from collections.abc import Iterator

from photon_openapi.document import Document, OpenApi, Operation
from photon_runtime import deadline
from photon_runtime.errors import DeadlineExceeded
from photon_runtime.http import Handler, HttpError, Request, Response

DEADLINE = "x-photon-deadline-ms"
BODY_LIMIT = "x-photon-body-limit"
# The names that BRRTRouter has for them; there the size stands at the schema of the body.
_DEADLINES = (DEADLINE, "x-brrtrouter-deadline-ms")
_BODY_LIMITS = (BODY_LIMIT, "x-brrtrouter-body-size-bytes")


def limited(plan: Handler, operation: Operation) -> Handler:
    """Return ``plan`` within the limits that its operation states, itself where it has none."""
    size = _stated(operation.data, _BODY_LIMITS)[1]
    size = _size_at_schema(operation) if size is None else size
    if isinstance(size, int):
        plan = _with_body_limit(plan, size)
    milliseconds = _stated(operation.data, _DEADLINES)[1]
    if isinstance(milliseconds, int | float):
        plan = with_deadline(plan, milliseconds / 1000)
    return plan


def wrong_limits(document: Document) -> Iterator[str]:
    """Tell the limits that are none: a deadline is above zero, a size a whole number of bytes."""
    for operation in document.operations():
        key, milliseconds = _stated(operation.data, _DEADLINES)
        if key and not _is_positive(milliseconds):
            yield (
                f"{operation.pointer}/{key}: {milliseconds!r} is no number of milliseconds above 0"
            )
        key, size = _stated(operation.data, _BODY_LIMITS)
        if key and not _is_size(size):
            yield f"{operation.pointer}/{key}: {size!r} is no number of bytes"


def _stated(data: OpenApi, keys: tuple[str, ...]) -> tuple[str, object]:
    return next(((key, data[key]) for key in keys if key in data), ("", None))


def _is_positive(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value < math.inf


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _size_at_schema(operation: Operation) -> object:
    for media in (operation.body or {}).get("content", {}).values():
        schema = media.get("schema")
        if isinstance(schema, dict) and _is_size(schema.get(_BODY_LIMITS[1])):
            return schema[_BODY_LIMITS[1]]
    return None


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
