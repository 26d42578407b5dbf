"""The choices of a selection."""

from __future__ import annotations

import enum
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from ._labels import label_of
from ._values import text_of

Choices: TypeAlias = Mapping[Any, str] | Iterable[Any]
"""The choices of a field: labels by value, or pairs of a value and its label, or values alone."""


class Option(NamedTuple):
    """One choice.

    Attributes:
        value: The text that the form sends.
        label: The text that people read.
    """

    value: str
    label: str


def options_of(choices: Choices) -> tuple[Option, ...]:
    """Return the options of choices."""
    pairs = choices.items() if isinstance(choices, Mapping) else choices
    return tuple(_option(each) for each in pairs)


def _option(choice: Any) -> Option:
    if isinstance(choice, tuple) and len(choice) == 2:
        return Option(text_of(choice[0]), str(choice[1]))
    if isinstance(choice, enum.Enum):
        return Option(text_of(choice), label_of(choice.name.lower()))
    return Option(text_of(choice), str(choice))


def options_of_type(type_: Any) -> tuple[Option, ...] | None:
    """Return the options of a type with few values; ``None`` for other types."""
    if isinstance(type_, type) and issubclass(type_, enum.Enum):
        return options_of(list(type_))
    if typing.get_origin(type_) is Literal:
        values = typing.get_args(type_)
        labels = [label_of(each) if isinstance(each, str) else str(each) for each in values]
        return options_of(zip(values, labels, strict=True))
    return None
