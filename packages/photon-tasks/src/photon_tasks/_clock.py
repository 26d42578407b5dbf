"""`MovableClock`: the time of jobs in tests, which can be moved forward."""

from __future__ import annotations

import time
from typing import final


@final
class MovableClock:
    """The time of the machine, and what it was moved by."""

    __slots__ = ("_offset",)

    def __init__(self) -> None:
        """Begin with the time of the machine."""
        self._offset = 0.0

    def __call__(self) -> float:
        """Return the time in seconds since the epoch."""
        return time.time() + self._offset

    def move(self, seconds: float) -> None:
        """Move it forward.

        Raises:
            ValueError: ``seconds`` is negative: the time of jobs does not go back.
        """
        if not seconds >= 0:
            raise ValueError(f"the time of jobs is moved forward, not by {seconds!r} s")
        self._offset += seconds
