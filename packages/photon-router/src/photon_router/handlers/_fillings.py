"""Arguments that are always filled with their defaults, which is known at start.

Spec first an argument with a default and without a parameter in the document never gets a value
from a request. A function that several operations share, such as a dependency for pages, may have
arguments that only some of them have; so an argument counts only if it is filled in none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs


@attrs.define
class Fillings:
    """The arguments of all functions that have a source in some operation, or in none."""

    _filled: set[tuple[int, str]] = attrs.field(factory=set)
    _unfilled: dict[tuple[int, str], str] = attrs.field(factory=dict)
    _functions: list[Callable[..., Any]] = attrs.field(factory=list)

    def note_filled(self, function: Callable[..., Any], argument: str) -> None:
        """Note that an operation fills an argument."""
        self._filled.add(self._key(function, argument))

    def note_unfilled(self, function: Callable[..., Any], argument: str, problem: str) -> None:
        """Note that an operation cannot fill an argument.

        Args:
            function: The function.
            argument: The key of its argument.
            problem: The problem, if no other operation fills it.
        """
        self._unfilled.setdefault(self._key(function, argument), problem)

    def problems(self) -> Iterator[str]:
        """Yield the problems of the arguments that no operation fills."""
        for key, problem in self._unfilled.items():
            if key not in self._filled:
                yield problem

    def _key(self, function: Callable[..., Any], argument: str) -> tuple[int, str]:
        self._functions.append(function)  # ids are those of functions that are kept
        return id(function), argument
