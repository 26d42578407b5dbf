"""The holders of connections: who has taken one, where, and how long ago."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import PurePath
from time import monotonic
from types import FrameType

import attrs
import sqlalchemy

import photon_runtime

_LIBRARIES = (
    str(PurePath(sqlalchemy.__file__).parent),
    str(PurePath(__file__).parent.parent),
    str(PurePath(photon_runtime.__file__).parent),
)
_DEPTH = 60
_PURPOSE: ContextVar[str] = ContextVar("photon_database_purpose", default="")


@contextmanager
def purpose(name: str) -> Iterator[None]:
    """Name the work that connections are taken for inside of the block.

    Args:
        name: Text for logs and error messages, such as ``POST /orders``.
    """
    token = _PURPOSE.set(name)
    try:
        yield
    finally:
        _PURPOSE.reset(token)


def set_purpose(name: str) -> None:
    """Name the work of the caller's context, to its end; see `purpose`."""
    _PURPOSE.set(name)


@attrs.frozen
class Holder:
    """The code that holds a connection.

    Attributes:
        purpose: The work it belongs to, such as ``POST /orders``; empty where it is unknown.
        line: File and line of the application that caused the connection to be taken.
        since: When it was taken, in seconds of the monotonic clock.
    """

    purpose: str
    line: str
    since: float

    @property
    def age(self) -> float:
        """Seconds since the connection was taken."""
        return monotonic() - self.since

    def __str__(self) -> str:
        """Describe the holder in one phrase."""
        name = self.purpose or "a caller without a request"
        return f"{name} at {self.line} for {self.age:.1f} s"


def current_holder() -> Holder:
    """Return the caller as a holder."""
    return Holder(_PURPOSE.get(), _line_of_application(), monotonic())


def _line_of_application() -> str:
    """Return file and line of the innermost frame outside of the libraries."""
    frame: FrameType | None = sys._getframe(2)
    for _ in range(_DEPTH):
        if frame is None:
            break
        name = frame.f_code.co_filename
        if not name.startswith(_LIBRARIES) and not name.startswith("<"):
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return "unknown line"
