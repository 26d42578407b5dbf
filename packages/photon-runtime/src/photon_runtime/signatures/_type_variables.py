"""Type variables in the annotations of functions.

A request or a job has no type that a variable of the function could stand for. So it stands for its
bound, the union of its constraints, or its default (PEP 696). A variable without these is left:
every value fits it.
"""

from __future__ import annotations

import functools
import operator
import typing
from typing import Any, TypeVar


def without_variables(hint: Any) -> Any:
    """Return a type with the type variables in it replaced by the types that they stand for."""
    if isinstance(hint, TypeVar):
        return substitute_of(hint)
    parameters = getattr(hint, "__parameters__", ())
    if not parameters or isinstance(hint, type) or not typing.get_args(hint):
        return hint
    known = [substitute_of(each) if isinstance(each, TypeVar) else each for each in parameters]
    if all(new is old for new, old in zip(known, parameters, strict=True)):
        return hint
    return hint[tuple(known)]


def substitute_of(variable: TypeVar) -> Any:
    """Return what a type variable stands for if nothing else is known; itself if that is open."""
    if variable.__constraints__:
        return functools.reduce(operator.or_, variable.__constraints__)
    bound = variable.__bound__
    if bound is not None:
        return variable if isinstance(bound, typing.ForwardRef | str) else bound
    default = getattr(variable, "__default__", None)
    has_default = getattr(variable, "has_default", lambda: False)()
    return default if has_default else variable
