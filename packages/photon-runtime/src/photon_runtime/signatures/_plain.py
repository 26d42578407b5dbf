"""Parameters and annotations of plain functions, without `inspect` and `typing`.

`inspect.signature` and `typing.get_type_hints` handle every kind of callable and of annotation, and
take 50 µs for a function with two arguments: an eighth of the start of an application with
thousands of routes. Nearly all handlers are plain functions whose annotations are classes of their
module, for which the code object and one evaluation of each name have everything. All others are
read by `_reading`, and so is every error.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from typing import Any, Final

from ._type_variables import without_variables

Parameter = inspect.Parameter
_WITH_REST: Final = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
_HIDING: Final = ("__wrapped__", "__signature__", "_partialmethod", "__partialmethod__")
_BARE: Final[tuple[object, ...]] = (typing.Generic, typing.Protocol)
"""Classes that `typing` refuses as annotations."""


class CallableParameter(typing.NamedTuple):
    """A parameter of a callable.

    Attributes:
        name: Its name.
        kind: Its kind; see `inspect.Parameter`.
        default: Its default; `inspect.Parameter.empty` without one.
        annotation: Its type, `inspect.Parameter.empty` without one.
        is_bound: True if `functools.partial` has bound it by its name: the call may override its
            default, but need not know it.
        is_by_name: True if a decorator takes it by its ``**kwargs``, where it may look for it: pass
            it by its name, though its kind may admit its position.
    """

    name: str
    kind: Any
    default: Any
    annotation: Any
    is_bound: bool = False
    is_by_name: bool = False


def is_plain(function: object) -> typing.TypeGuard[types.FunctionType]:
    """Return true for a function whose code object has its parameters: it wraps nothing."""
    return type(function) is types.FunctionType and not (
        function.__dict__ and any(name in function.__dict__ for name in _HIDING)
    )


def plain_parameters(
    function: types.FunctionType, hints: dict[str, Any]
) -> list[CallableParameter]:
    """Return the parameters of a plain function without ``*args`` and ``**kwargs``.

    Args:
        function: The function.
        hints: Its annotations, resolved or as they are written.
    """
    code, defaults = function.__code__, function.__defaults__ or ()
    positional, count = code.co_posonlyargcount, code.co_argcount
    names, first = code.co_varnames[: count + code.co_kwonlyargcount], count - len(defaults)
    empty, by_name = Parameter.empty, function.__kwdefaults__ or {}
    read = [
        CallableParameter(
            name,
            Parameter.POSITIONAL_ONLY if at < positional else Parameter.POSITIONAL_OR_KEYWORD,
            empty if at < first else defaults[at - first],
            hints.get(name, empty),
        )
        for at, name in enumerate(names[:count])
    ]
    read += [
        CallableParameter(
            name, Parameter.KEYWORD_ONLY, by_name.get(name, empty), hints.get(name, empty)
        )
        for name in names[count:]
    ]
    return read


def has_rest(function: types.FunctionType) -> bool:
    """Return true if a function takes ``*args`` or ``**kwargs``."""
    return bool(function.__code__.co_flags & _WITH_REST)


def hints_in(function: types.FunctionType) -> dict[str, Any] | None:
    """Return the annotations of a function, if all names in them are those of its module.

    Returns:
        ``None`` if a name may belong to an enclosing function or class, or cannot be resolved.
    """
    is_nested = "." in function.__code__.co_qualname or bool(
        getattr(function, "__type_params__", ())
    )
    hints = _classes_in(function, is_nested=is_nested)
    if hints is not None or (is_nested and any(map(has_text, function.__annotations__.values()))):
        return hints
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception:  # raised again, or explained, by the slow way
        return None
    return {name: without_variables(hint) for name, hint in hints.items()}


def has_text(annotation: Any) -> bool:
    """Return true if an annotation is a text, or contains one, as in ``list["Item"]``."""
    if isinstance(annotation, str | typing.ForwardRef):
        return True
    return type(annotation) is not type and any(map(has_text, typing.get_args(annotation)))


def _classes_in(function: types.FunctionType, *, is_nested: bool) -> dict[str, Any] | None:
    """Return the annotations if all of them are classes."""
    hints: dict[str, Any] = {}
    try:
        for name, annotation in function.__annotations__.items():
            hint: Any = annotation
            if isinstance(annotation, str):
                if is_nested:
                    return None
                hint = eval(compiled(annotation), function.__globals__)
            if hint is None:
                hint = type(None)
            if not is_plain_class(hint):
                return None
            hints[name] = hint
    except Exception:  # raised again, or explained, by the slow way
        return None
    return hints


def is_plain_class(hint: Any) -> bool:
    """Return true for an annotation that is a class, without type arguments."""
    if type(hint) is types.GenericAlias:  # list[int] is an instance of type for isinstance()
        return False
    return isinstance(hint, type) and hint not in _BARE


@functools.lru_cache(maxsize=1024)
def compiled(annotation: str) -> types.CodeType:
    """Return the code of a text annotation.

    Raises:
        SyntaxError: It is not an expression.
    """
    return compile(annotation, "<string>", "eval")
