"""The names that an annotation written as text can use.

Theory of operation. A text annotation is evaluated later than it was written, and elsewhere. Its
names are those of the module, of the type parameters, of the class whose body it is in, and of the
enclosing functions. The last ones are the difficulty: ``from __future__ import annotations`` makes
every annotation a text, and a class of the enclosing function that only an annotation uses is not
in the closure. But a decorator runs while the enclosing function runs. So its frame is on the
stack, found by the qualified name and the module of the function, and its local names are read
there. After the enclosing function has returned, they are lost: code that stores a function to read
it later calls `resolve_local_names` at once.

Names of a class body count last, as in `typing.get_type_hints`: ``date: date`` would otherwise mean
the default of the member. A class that is defined in the body is an exception, since it was meant.
"""

from __future__ import annotations

import builtins
import inspect
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_LOCALS = "<locals>"


class Origin(NamedTuple):
    """A function or a class that an annotation was written in.

    Attributes:
        definition: The function or class.
        owner: The class that has the function as a method; ``None`` if it is not known.
    """

    definition: Any
    owner: type | None = None

    @property
    def is_local(self) -> bool:
        """True if it was defined in a function."""
        return _LOCALS in _qualified_name(self.definition)


class Scope(NamedTuple):
    """The names of an annotation.

    Attributes:
        names: The names of the module.
        local_names: All others, which take precedence.
    """

    names: dict[str, Any]
    local_names: dict[str, Any]


def scope_of(origin: Origin) -> Scope:
    """Return the names that annotations of a function or a class can use."""
    definition, owner = origin
    if isinstance(definition, type):
        module = sys.modules.get(definition.__module__)
        names: dict[str, Any] = {} if module is None else module.__dict__
        owner = definition
    else:
        names = getattr(definition, "__globals__", {})
    qualified = _qualified_name(definition)
    local_names = _enclosing(qualified, names) if _LOCALS in qualified else {}
    local_names |= _closure(definition)
    owner = owner or _owner(qualified, names, local_names)
    if owner is not None:
        local_names = _class_names(owner, names, local_names) | _type_parameters(owner)
    return Scope(names, local_names | _type_parameters(definition))


def _qualified_name(definition: object) -> str:
    code = getattr(definition, "__code__", None)
    if isinstance(code, types.CodeType):
        return code.co_qualname  # decorators may have replaced that of the function
    return getattr(definition, "__qualname__", "")


def _enclosing(qualified: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """Return the local names of the enclosing functions that run."""
    frames: dict[str, types.FrameType] = {}
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if (
            code.co_flags & inspect.CO_OPTIMIZED
            and frame.f_globals is names
            and qualified.startswith(f"{code.co_qualname}.{_LOCALS}.")
        ):
            frames.setdefault(code.co_qualname, frame)  # of a recursion the innermost one
        frame = frame.f_back
    found: dict[str, Any] = {}
    for name in sorted(frames, key=len):
        found |= frames[name].f_locals
    return found


def _closure(definition: object) -> dict[str, Any]:
    code, cells = getattr(definition, "__code__", None), getattr(definition, "__closure__", None)
    if code is None or not cells:
        return {}
    return dict(_filled(zip(code.co_freevars, cells, strict=False)))


def _filled(cells: Any) -> Iterator[tuple[str, Any]]:
    for name, cell in cells:
        try:
            yield name, cell.cell_contents
        except ValueError:  # a variable of the enclosing function without a value yet
            continue


def _owner(qualified: str, names: Mapping[str, Any], local_names: Mapping[str, Any]) -> type | None:
    """Return the class whose body has a definition, by the qualified name."""
    path = qualified.rpartition(f"{_LOCALS}.")[2].split(".")[:-1]
    if not path:
        return None
    found: Any = (local_names if _LOCALS in qualified else names).get(path[0])
    for name in path[1:]:
        found = getattr(found, name, None)
    return found if isinstance(found, type) else None


def _class_names(
    owner: type, names: Mapping[str, Any], local_names: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the local names with those of the body of a class."""
    found = dict(local_names)
    for name, value in vars(owner).items():
        is_own = isinstance(value, type) and value.__qualname__ == f"{owner.__qualname__}.{name}"
        if is_own or not (name in found or name in names or hasattr(builtins, name)):
            found[name] = value
    if _LOCALS in owner.__qualname__ or owner.__name__ not in names:
        found.setdefault(owner.__name__, owner)
    return found


def _type_parameters(definition: object) -> dict[str, Any]:
    """Return the type parameters of a definition in the syntax of Python 3.12."""
    parameters = getattr(definition, "__type_params__", ())
    return {each.__name__: each for each in parameters}
