"""Choices that a sample leaves open: always the same ones, or by a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """Makes choices.

    Args:
        seed: ``None`` makes the plainest choice everywhere; anything else makes choices that look
            like chance, the same ones for the same seed.
        length: How many characters more than the fewest the parts of a text that may repeat get.
    """

    def __init__(self, seed: object = None, *, length: int = 0) -> None:
        """Begin anew."""
        self._random = None if seed is None else random.Random(repr(seed))
        self._left = length

    @property
    def is_plain(self) -> bool:
        """Whether every choice is the plainest."""
        return self._random is None

    def pick(self, options: Sequence[T]) -> T:
        """Return one of ``options``, which are not empty; the first is the plainest."""
        return options[0] if self._random is None else self._random.choice(options)

    def between(self, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``; ``low`` is the plainest."""
        return low if self._random is None else self._random.randint(low, max(low, high))

    def repeats(self, low: int, high: int | None) -> int:
        """Return how often a part of a text is repeated; ``None`` is without end."""
        more = self._left if high is None else min(self._left, high - low)
        self._left -= more
        return low + more
