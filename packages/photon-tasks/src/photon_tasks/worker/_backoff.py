"""Waits while a store does not respond: longer each time, with jitter."""

from __future__ import annotations

import random
from typing import final

_FIRST = 0.1
_LAST = 5.0


@final
class Backoff:
    """The waits between attempts to reach a store."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        """Begin with the shortest wait."""
        self._next = _FIRST

    def delay(self) -> float:
        """Return the seconds to wait now: between half of the current wait and all of it."""
        current, self._next = self._next, min(2 * self._next, _LAST)
        return current * random.uniform(0.5, 1)

    def reset(self) -> None:
        """Begin anew: the store has responded."""
        self._next = _FIRST
