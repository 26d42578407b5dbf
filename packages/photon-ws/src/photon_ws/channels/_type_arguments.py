"""The type arguments of a generic class in an annotation, also through subclasses of it."""

from __future__ import annotations

import typing
from typing import Any, TypeVar


def type_arguments(annotation: Any, base: type) -> tuple[Any, ...]:
    """Return the arguments that an annotation gives to a generic class.

    Args:
        annotation: ``Chat`` or ``Socket[int]``; the class, or one derived from it.
        base: The generic class.

    Returns:
        The arguments; type variables of ``base`` where the annotation gives it none.
    """
    cls = typing.get_origin(annotation) or annotation
    own = typing.get_args(annotation)
    parameters = getattr(cls, "__parameters__", ())
    if cls is base:
        return own or parameters
    filled = dict(zip(parameters, own, strict=False))
    for each in getattr(cls, "__orig_bases__", ()):
        origin = typing.get_origin(each) or each
        if isinstance(origin, type) and issubclass(origin, base):
            return tuple(_fill(argument, filled) for argument in type_arguments(each, base))
    return getattr(base, "__parameters__", ())


def _fill(type_: Any, filled: dict[Any, Any]) -> Any:
    """Return a type with its type variables replaced."""
    if isinstance(type_, TypeVar):
        return filled.get(type_, type_)
    parameters = getattr(type_, "__parameters__", ())
    if not parameters or isinstance(type_, type):
        return type_
    return type_[tuple(filled.get(each, each) for each in parameters)]
