"""The fields of log records: those of the task that logs, and those that a record was given.

The id of a request has a context variable of its own: it is set for each request, and read for each
line of the access log, and a mapping would take longer to make than the line.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

current_fields: Final[ContextVar[Mapping[str, object]]] = ContextVar(
    "photon_log_fields",
    default={},  # noqa: B039 - never changed in place
)
"""The fields of all records of a context, but for the id of its request."""
log_request_id: Final[ContextVar[str | None]] = ContextVar("photon_log_request_id", default=None)
"""The field ``request_id`` of all records of a context, unless one of its fields replaces it."""
_STANDARD: Final = frozenset(
    (*vars(logging.makeLogRecord({})), "message", "asctime", "color_message", "taskName")
)


@contextmanager
def bind_log_fields(**fields: object) -> Iterator[None]:
    """Add ``fields`` to every record that is logged in the block, also by tasks spawned there."""
    token = current_fields.set({**current_fields.get(), **fields})
    try:
        yield
    finally:
        current_fields.reset(token)


def add_log_fields(**fields: object) -> None:
    """Add ``fields`` to every record that the current context logs from now on.

    For code that begins a context, as a request does; inside of a function use `bind_log_fields`.
    """
    current_fields.set({**current_fields.get(), **fields})


def current_log_fields() -> Mapping[str, object]:
    """Return the fields that records of the current context have; not to be changed.

    For work that continues elsewhere, such as a job, whose records should have them, too.
    """
    request_id = log_request_id.get()
    fields = current_fields.get()
    return fields if request_id is None else {"request_id": request_id, **fields}


class EventRecord(logging.LogRecord):
    """A record with known fields, which do not have to be derived from its attributes."""

    __slots__ = ("attributes", "own_fields")

    attributes: int
    own_fields: Mapping[str, object]


def log_fields(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields of a record: the context's, overridden by its own."""
    if type(record) is EventRecord and len(vars(record)) == record.attributes:
        return {**current_log_fields(), **record.own_fields}
    own = {
        name: value
        for name, value in vars(record).items()
        if name not in _STANDARD and not name.startswith("_")
    }
    return {**current_log_fields(), **own}
