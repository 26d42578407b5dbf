"""The choices among possible values: always the plainest, or pseudo-random by a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """Makes choices.

    Args:
        seed: ``None`` for the plainest choice everywhere; any other value for pseudo-random
            choices, which are the same for the same seed.
        length: The number of repetitions above the minimum, for all repeated parts of a string.
    """

    def __init__(self, seed: object = None, *, length: int = 0) -> None:
        """Start with no choices made."""
        self._random = None if seed is None else random.Random(repr(seed))
        self._left = length

    @property
    def is_plain(self) -> bool:
        """Whether every choice is the plainest."""
        return self._random is None

    def pick(self, options: Sequence[T]) -> T:
        """Return one of ``options``, which must not be empty; the first is the plainest."""
        return options[0] if self._random is None else self._random.choice(options)

    def between(self, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``; ``low`` is the plainest."""
        return low if self._random is None else self._random.randint(low, max(low, high))

    def repeats(self, low: int, high: int | None) -> int:
        """Return the number of repetitions of a part of a string; ``None`` means no maximum."""
        more = self._left if high is None else min(self._left, high - low)
        self._left -= more
        return low + more
