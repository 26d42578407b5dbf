"""The holders of connections: who has taken one, where, and how long ago."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

import attrs

from .._call_site import CallSite, call_site

# Frames of SQLAlchemy and of the pool that every caller passes through.
_FRAMES = 6
_PURPOSE: ContextVar[object] = ContextVar("photon_database_purpose", default="")


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


def set_purpose(name: object) -> None:
    """Name the work of the caller's context, to its end; see `purpose`.

    Args:
        name: Object whose ``str`` is the name, so that it is computed only where it is shown.
    """
    _PURPOSE.set(name)


@attrs.define(eq=False)  # one for every use of a connection: a frozen one takes longer to make
class Holder:
    """The code that holds a connection.

    Args:
        purpose: Object whose ``str`` names the work, such as ``POST /orders``; empty where it is
            unknown.

    Attributes:
        site: Line of the application that caused the connection to be taken; ``None`` where only
            libraries did.
        since: When it was taken, in seconds of the monotonic clock.
    """

    _purpose: object
    site: CallSite | None
    since: float

    @property
    def purpose(self) -> str:
        """The work that the connection was taken for."""
        return str(self._purpose)

    @property
    def line(self) -> str:
        """File and line of `site`."""
        return "unknown line" if self.site is None else str(self.site)

    @property
    def age(self) -> float:
        """Seconds since the connection was taken."""
        return monotonic() - self.since

    def __str__(self) -> str:
        """Describe the holder in one phrase."""
        name = self.purpose or "a caller without a request"
        return f"{name} at {self.line} for {self.age:.1f} s"


def current_purpose() -> str:
    """Return the name of the work of the caller's context; empty where it has none."""
    return str(_PURPOSE.get())


def current_holder() -> Holder:
    """Return the caller of the pool as a holder."""
    return Holder(_PURPOSE.get(), call_site(_FRAMES), monotonic())
