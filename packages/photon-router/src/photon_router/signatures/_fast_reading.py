"""Parameters and annotations of plain functions, without `inspect` and `typing`.

`inspect.signature` and `typing.get_type_hints` handle every kind of callable and of annotation, and
take 50 µs for a function with two arguments: an eighth of the start of an application with
thousands of routes. Nearly all handlers are plain functions whose annotations are classes, for
which the code object and one evaluation of each name have everything. All others are left to the
standard library, and so is every error, whose message is the same in this way.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, Final

from photon_runtime.callables import signature_target

Parameter = inspect.Parameter
_WITH_REST: Final = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
_HIDING: Final = ("__wrapped__", "__signature__")
_BARE: Final[tuple[object, ...]] = (typing.Generic, typing.Protocol)
"""Classes that `typing` refuses as annotations."""


class FunctionParameter(typing.NamedTuple):
    """A parameter of a plain function.

    Attributes:
        name: Its name.
        default: Its default; `inspect.Parameter.empty` without one.
        kind: Its kind.
    """

    name: str
    default: Any
    kind: Any = Parameter.POSITIONAL_OR_KEYWORD


def parameters_of(function: Callable[..., object]) -> Sequence[FunctionParameter]:
    """Return the parameters of a callable.

    Raises:
        TypeError: It is not a callable with a signature.
        ValueError: Its signature is unknown.
    """
    if not _is_plain(function) or function.__code__.co_flags & _WITH_REST:
        parameters = inspect.signature(function).parameters
        return [
            FunctionParameter(each.name, each.default, each.kind) for each in parameters.values()
        ]
    code, defaults = function.__code__, function.__defaults__ or ()
    count = code.co_argcount
    names, first = code.co_varnames[: count + code.co_kwonlyargcount], count - len(defaults)
    empty, by_name = Parameter.empty, function.__kwdefaults__ or {}
    read = [
        FunctionParameter(name, empty if at < first else defaults[at - first])
        for at, name in enumerate(names[:count])
    ]
    read += [
        FunctionParameter(name, by_name.get(name, empty), Parameter.KEYWORD_ONLY)
        for name in names[count:]
    ]
    return read


def hints_of(function: Callable[..., object]) -> dict[str, Any]:
    """Return the annotations of a callable, with the names in them resolved.

    Raises:
        NameError: A name is not defined.
        AttributeError: A name is not an attribute of its module.
        SyntaxError: A text is not an expression.
        TypeError: It is not a valid annotation.
    """
    if _is_plain(function) and not getattr(function, "__type_params__", ()):
        hints = _classes_in(function)
        if hints is not None:
            return hints
    return typing.get_type_hints(signature_target(function), include_extras=True)


def _is_plain(function: object) -> typing.TypeGuard[types.FunctionType]:
    return type(function) is types.FunctionType and not any(
        name in function.__dict__ for name in _HIDING
    )


def _classes_in(function: types.FunctionType) -> dict[str, Any] | None:
    """Return the annotations if all of them are classes."""
    hints: dict[str, Any] = {}
    try:
        for name, annotation in function.__annotations__.items():
            hint: Any = annotation
            if isinstance(annotation, str):
                hint = eval(_compiled(annotation), function.__globals__)
            if hint is None:
                hint = type(None)
            if isinstance(hint, types.GenericAlias) or not isinstance(hint, type) or hint in _BARE:
                return None
            hints[name] = hint
    except Exception:  # typing raises it again, or explains it
        return None
    return hints


@functools.lru_cache(maxsize=1024)
def _compiled(annotation: str) -> types.CodeType:
    return compile(annotation, "<string>", "eval")
