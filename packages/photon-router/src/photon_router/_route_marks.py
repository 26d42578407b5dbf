"""Marks: handlers that are declared without an application."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Final, TypeVar, Unpack

import attrs

from .errors import SignatureError
from .handlers import RouteOptions, check_handler, check_method, check_options, path_problem
from .signatures import read_signature

F = TypeVar("F", bound=Callable[..., object])
_NAME: Final = "__photon_routes__"


@attrs.frozen
class RouteMark:
    """The mark of `photon_route` on a function.

    Attributes:
        method: Method in capitals.
        path: Template.
        options: Further options.
    """

    method: str
    path: str
    options: RouteOptions


def photon_route(*, method: str, path: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
    """Mark a function as a handler, without an application.

    The function is not changed; ``app.include(function)`` or ``app.include(module)`` makes it an
    operation. Several marks make several operations.

    Args:
        method: HTTP method, in any case.
        path: Template with parameters in braces.
        options: See `RouteOptions`.

    Raises:
        SignatureError: The function cannot be a handler, or an option is unknown.
    """
    check_options(options)
    check_method(method)
    problem = path_problem(path)
    if problem is not None:
        raise SignatureError(problem)

    def mark(function: F) -> F:
        check_handler(function)
        read_signature(function)
        marks = [*getattr(function, _NAME, ()), RouteMark(method.upper(), path, options)]
        setattr(function, _NAME, marks)
        return function

    return mark


def marks_in(
    source: Callable[..., object] | ModuleType,
) -> list[tuple[Callable[..., object], RouteMark]]:
    """Return the marks of a function, or of all functions of a module, in their order."""
    functions = vars(source).values() if isinstance(source, ModuleType) else [source]
    distinct = {id(function): function for function in functions}.values()  # one may have two names
    return [(function, mark) for function in distinct for mark in getattr(function, _NAME, ())]
