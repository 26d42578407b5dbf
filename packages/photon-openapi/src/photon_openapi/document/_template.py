"""Path templates: literal text with parameters in braces, as in ``/items/{id}``."""

from __future__ import annotations

import re

import attrs

PARAMETER = re.compile(r"\{([^{}]*)\}")


@attrs.frozen
class Partial:
    """A segment of literal text and parameters in turn.

    Each parameter takes as little as it can, one character at least. Looking for the first
    place of each literal is enough: taking a later one only leaves less for what follows. So no
    regular expression is needed, which could be made to try all divisions of a long segment.

    Attributes:
        literals: The text before, between and after the parameters; may be empty.
    """

    literals: tuple[str, ...]

    @property
    def literal_length(self) -> int:
        """How much of the segment is literal."""
        return sum(map(len, self.literals))

    def match(self, segment: str) -> tuple[str, ...] | None:
        """Return the values of the parameters, ``None`` where the segment does not fit."""
        first, *between, last = self.literals
        if not segment.startswith(first) or not segment.endswith(last):
            return None
        begin, end = len(first), len(segment) - len(last)
        values = []
        for literal in between:
            found = segment.find(literal, begin + 1, end)
            if found < 0:
                return None
            values.append(segment[begin:found])
            begin = found + len(literal)
        if begin >= end:
            return None
        return (*values, segment[begin:end])


def partial_of(segment: str) -> Partial:
    """Return the parts of a segment that has a parameter, and more than it."""
    return Partial(tuple(PARAMETER.split(segment)[::2]))


def parameters_of(template: str) -> list[str]:
    """Return the names of a template's parameters in order."""
    return PARAMETER.findall(template)


def split_segment(segment: str, text: str) -> tuple[str, ...] | None:
    """Return the values of the parameters of one segment, ``None`` where ``text`` does not fit.

    Args:
        segment: A segment of a template, with one parameter at least.
        text: What stands in its place; nothing is decoded.
    """
    return partial_of(segment).match(text)


def shape_of(template: str) -> str:
    """Return ``template`` without the names of its parameters: equal shapes match alike."""
    return PARAMETER.sub("{}", template)
