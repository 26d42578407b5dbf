"""The extensions that limit a single operation: the size of its body, and the time for it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from ..document import Document, Problem

DEADLINE: Final = "x-photon-deadline-ms"
"""The extension for the time limit of an operation, in milliseconds."""
BODY_LIMIT: Final = "x-photon-body-limit"
"""The extension for the size limit of a body, in bytes."""


def wrong_limits(document: Document) -> Iterator[Problem]:
    """Yield the invalid limits: a deadline must be above zero, a size a whole number of bytes."""
    for operation in document.operations():
        data, pointer = operation.data, operation.pointer
        if DEADLINE in data and not _is_positive(data[DEADLINE]):
            message = f"{data[DEADLINE]!r} is not a number of milliseconds above 0"
            yield Problem(f"{pointer}/{DEADLINE}", message, operation=pointer)
        if BODY_LIMIT in data and not _is_size(data[BODY_LIMIT]):
            message = f"{data[BODY_LIMIT]!r} is not a number of bytes"
            yield Problem(f"{pointer}/{BODY_LIMIT}", message, operation=pointer)


def _is_positive(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value < math.inf


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
