"""`Backoff`: the pauses between attempts to reach a store.

They are random, so that the workers of an application do not return all at once, and short, because
one attempt costs little and members wait for messages: half a second at the most.
"""

from __future__ import annotations

from random import random

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5


class Backoff:
    """Pauses that become longer with each failure."""

    __slots__ = ("_limit",)

    def __init__(self) -> None:
        """Begin with the shortest pause."""
        self._limit = FIRST_PAUSE

    def reset(self) -> None:
        """Begin again, after a success."""
        self._limit = FIRST_PAUSE

    def next(self) -> float:
        """Return the next pause in seconds."""
        pause = self._limit * (0.5 + random() / 2)
        self._limit = min(self._limit * 2, LONGEST_PAUSE)
        return pause
