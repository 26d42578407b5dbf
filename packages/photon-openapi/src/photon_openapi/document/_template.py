"""Path templates: literal text with parameters in braces, as in ``/items/{id}``."""

from __future__ import annotations

import re

import attrs

PARAMETER = re.compile(r"\{([^{}]*)\}")


@attrs.frozen
class Partial:
    """A segment in which literal text and parameters alternate.

    Each parameter matches as few characters as possible, at least one. Searching the first
    occurrence of each literal is enough: a later occurrence only leaves less for the rest. So no
    regular expression is needed, which could be made to try all divisions of a long segment.

    Attributes:
        literals: The text before, between and after the parameters; may be empty.
    """

    literals: tuple[str, ...]

    @property
    def literal_length(self) -> int:
        """The number of literal characters in the segment."""
        return sum(map(len, self.literals))

    def match(self, segment: str) -> tuple[str, ...] | None:
        """Return the values of the parameters, ``None`` if the segment does not match."""
        first, *between, last = self.literals
        if not segment.startswith(first) or not segment.endswith(last):
            return None
        begin, end = len(first), len(segment) - len(last)
        values = []
        for literal in between:
            position = segment.find(literal, begin + 1, end)
            if position < 0:
                return None
            values.append(segment[begin:position])
            begin = position + len(literal)
        if begin >= end:
            return None
        return (*values, segment[begin:end])


def partial_of(segment: str) -> Partial:
    """Return the literals of a segment that has a parameter and literal text."""
    return Partial(tuple(PARAMETER.split(segment)[::2]))


def parameters_of(template: str) -> list[str]:
    """Return the names of a template's parameters, in order."""
    return PARAMETER.findall(template)


def split_segment(segment: str, text: str) -> tuple[str, ...] | None:
    """Return the values of the parameters of one segment, ``None`` if ``text`` does not match.

    Args:
        segment: A segment of a template, with at least one parameter.
        text: The segment of a path; it is not decoded.
    """
    return partial_of(segment).match(text)


def shape_of(template: str) -> str:
    """Return ``template`` without parameter names: equal shapes match the same paths."""
    return PARAMETER.sub("{}", template)
