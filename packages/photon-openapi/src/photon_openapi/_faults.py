"""What is wrong with a request, as a complete list.

Messages are our own and never repeat the value, which may be large or secret; names of members are
shortened, and a list ends after ``MAX_FAULTS``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal, TypeAlias

import attrs

from photon_runtime.errors import PhotonError

Location: TypeAlias = Literal["path", "query", "header", "cookie", "body"]
"""The part of a request that a value is in."""

MAX_FAULTS = 100
_LONGEST_NAME = 80
_LONGEST_POINTER = 500
_LONGEST_LIST = 300


@attrs.frozen
class Fault:
    """One thing that is wrong with a request.

    Attributes:
        location: Where: ``path``, ``query``, ``header``, ``cookie`` or ``body``.
        message: What is wrong, for the people who sent it. The value is not repeated.
        name: Name of the parameter; ``None`` when a pointer says it.
        pointer: JSON pointer (RFC 6901) into the body; ``""`` is the whole document.
    """

    location: Location
    message: str
    name: str | None = attrs.field(default=None, kw_only=True)
    pointer: str | None = attrs.field(default=None, kw_only=True)

    def as_dict(self) -> dict[str, str]:
        """Return its form in a problem document: ``in``, ``name`` or ``pointer``, ``message``."""
        where = {"pointer": self.pointer or ""} if self.name is None else {"name": self.name}
        return {"in": self.location, **where, "message": self.message}


class ValidationFailed(PhotonError):
    """A request does not fit what the operation declares.

    Attributes:
        faults: Everything that is wrong with it, in order.
        status: The HTTP status that says so.
    """

    status = 422

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Keep the faults."""
        self.faults = tuple(faults)
        super().__init__("; ".join(_as_text(fault) for fault in self.faults))


class MalformedBody(ValidationFailed):
    """A body cannot be read at all: no JSON, no UTF-8, or nested too deeply."""

    status = 400

    def __init__(self, message: str) -> None:
        """Make the one fault of it."""
        super().__init__([Fault("body", message, pointer="")])


def pointer_of(path: Iterable[str | int]) -> str:
    """Write a path as a JSON pointer, shortened when it is absurdly long."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return shorten("".join(f"/{step}" for step in steps), limit=_LONGEST_POINTER)


def shorten(text: str, *, limit: int = _LONGEST_NAME) -> str:
    """Cut a text that somebody else chose to at most ``limit`` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _as_text(fault: Fault) -> str:
    where = fault.name if fault.name is not None else fault.pointer or "the whole document"
    return f"{fault.location} {where}: {fault.message}"


def choices(values: Iterable[object]) -> str:
    """List allowed values for a message, shortened when there are many."""
    return shorten(
        ", ".join(json.dumps(value, ensure_ascii=False, default=str) for value in values),
        limit=_LONGEST_LIST,
    )
