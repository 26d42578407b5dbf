"""`Backoff`: the waits between attempts to reach something that is down.

They become longer with each attempt, so that a service that comes back is not overrun, and are
random, so that the processes of an application do not all return at once.
"""

from __future__ import annotations

import random
from typing import final


@final
class Backoff:
    """Waits that become longer with each failure.

    Args:
        first: The limit of the first wait, in seconds.
        longest: The limit of all waits, in seconds.

    Example:
        >>> backoff = Backoff(first=1.0, longest=3.0)
        >>> 0.5 <= backoff.delay() <= 1.0
        True
    """

    __slots__ = ("_first", "_limit", "_longest")

    def __init__(self, *, first: float = 0.1, longest: float = 5.0) -> None:
        """Begin with the shortest wait."""
        self._first = self._limit = first
        self._longest = longest

    def delay(self) -> float:
        """Return the seconds to wait now: between half of the current limit and all of it."""
        limit, self._limit = self._limit, min(2 * self._limit, self._longest)
        return limit * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin again with the shortest wait, after a success."""
        self._limit = self._first
