"""Whether a callable accepts the arguments of its role.

A function with other arguments than its role passes would raise a `TypeError` for each request, or
when the application stops. It is refused where it is registered. A callable of an extension, whose
signature is unknown, is accepted.
"""

from __future__ import annotations

from collections.abc import Callable

from ..callables import location, require_function
from ..errors import SignatureError
from ._parameter import EMPTY, POSITIONAL, Parameter, Unresolved
from ._reading import read_names


def require_call(function: Callable[..., object], role: str, *names: str) -> None:
    """Refuse a callable that does not return a value when it is called with these arguments.

    Args:
        function: Callable to register.
        role: Role that it is registered for, for the message: ``"an error handler"``.
        names: Names of the arguments, for the message.

    Raises:
        SignatureError: It is not callable, its call does not run its body, or it takes other
            arguments; the message has its file and line.
    """
    require_function(function, role)
    require_arguments(function, role, *names)


def require_arguments(function: Callable[..., object], role: str, *names: str) -> None:
    """Refuse a callable that cannot be called with these arguments, by their positions.

    Args:
        function: Callable to register.
        role: Role that it is registered for, for the message: ``"an error handler"``.
        names: Names of the arguments, for the message.

    Raises:
        SignatureError: It takes fewer arguments, or needs further ones.
    """
    try:
        parameters = read_names(function)
    except SignatureError:
        return
    positional = [each for each in parameters if each.kind in POSITIONAL]
    others = [each for each in parameters if each not in positional]
    has_rest = any(each.kind is Parameter.VAR_POSITIONAL for each in parameters)
    missing = [
        each.name
        for each in (*positional[len(names) :], *others)
        if each.default is EMPTY and each.kind not in _REST
    ]
    if missing or (len(positional) < len(names) and not has_rest):
        wanted = f"def {_name(function)}({', '.join(names)})"
        raise SignatureError(
            f"{location(function)} takes {_shown(parameters)}, but {role} is called with "
            f"{_listed(names)}: write `{wanted}`"
        )


def takes(function: Callable[..., object], count: int) -> bool:
    """Return true if a callable takes so many arguments by position, or more."""
    try:
        parameters = read_names(function)
    except SignatureError:
        return True
    has_rest = any(each.kind is Parameter.VAR_POSITIONAL for each in parameters)
    return has_rest or sum(each.kind in POSITIONAL for each in parameters) >= count


def require_instance(value: object, role: str, example: str) -> None:
    """Refuse a class where an instance of it was meant.

    Args:
        value: Object to register.
        role: Role that it is registered for, for the message.
        example: The call that registers it, with ``{}`` for the instance.

    Raises:
        SignatureError: It is a class.
    """
    if isinstance(value, type):
        call = f"{value.__name__}(...)"
        raise SignatureError(
            f"{role} must be a function or an object, and {value.__qualname__} is a class: write "
            f"`{example.format(call)}`"
        )


_REST = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def _name(function: object) -> str:
    return str(getattr(function, "__name__", "__call__"))


def _shown(parameters: list[Unresolved]) -> str:
    stars = dict(zip(_REST, ("*", "**"), strict=True))
    return "(" + ", ".join(stars.get(each.kind, "") + each.name for each in parameters) + ")"


def _listed(names: tuple[str, ...]) -> str:
    return f"({', '.join(names)})" if names else "no arguments"
