"""The form of a parameter between its reading and the resolution of its annotation."""

from __future__ import annotations

import inspect
from typing import Any, Final, NamedTuple

from ._scopes import Origin

Parameter = inspect.Parameter
EMPTY: Final = inspect.Parameter.empty
VARIADIC: Final = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
POSITIONAL: Final = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


class Note(NamedTuple):
    """An annotation as it was written.

    Attributes:
        value: The annotation, possibly a text.
        origins: The functions and classes that it may have been written in, the likeliest first.
    """

    value: Any
    origins: tuple[Origin, ...]


class Unresolved(NamedTuple):
    """A parameter whose annotation is not resolved yet.

    Attributes:
        name: Its name.
        kind: Its kind.
        default: Its default; `EMPTY` without one.
        notes: Its annotations, that of the outermost decorator first; empty without one.
        is_bound: True if `functools.partial` has bound it by its name.
        is_by_name: True if it is best passed by its name, though it could be passed by position.
        problem: The reason why its type cannot be known; empty without one.
    """

    name: str
    kind: Any
    default: Any
    notes: tuple[Note, ...] = ()
    is_bound: bool = False
    is_by_name: bool = False
    problem: str = ""


class Layer(NamedTuple):
    """The signature of one layer of a callable, with all layers below.

    Attributes:
        parameters: The parameters.
        results: The annotations of its result, the outermost first.
    """

    parameters: list[Unresolved]
    results: tuple[Note, ...] = ()


def note_of(value: object, *origins: Origin) -> tuple[Note, ...]:
    """Return the annotations of a parameter with one annotation, or without any."""
    return () if value is EMPTY else (Note(value, origins),)


def in_order(parameters: list[Unresolved]) -> list[Unresolved]:
    """Return parameters in the order of their kinds, as a signature has them."""
    return sorted(parameters, key=lambda each: each.kind)
