"""What the call of a callable returns, determined before it is called.

Theory of operation. Photon calls functions of the application and uses their results: an identity,
the result of a check, a response. A coroutine, a generator or a context manager instead of a result
is an object whose body has not run, and it is truthy: a check written
as ``async def`` would accept every credential. So every registration of a callable determines here,
once, what its call returns, and refuses a callable that cannot be run, with the file and line of
the function. Objects that still arrive at run time, because inspection could not detect them, are
refused by `require_value`.

The inspection follows ``functools.partial`` and ``partialmethod``, bound methods, static and class
methods, objects with ``__call__`` (any kind of attribute), classes (``__new__``, ``__init__`` and
the ``__call__`` of a metaclass), and the chain of ``__wrapped__`` that ``functools.wraps`` leaves.
Flags of the code object decide, so functions compiled by Cython and ``unittest.mock.AsyncMock`` are
recognised, too.

What a decorator does with the function that it wraps cannot be determined. A decorated coroutine
function is refused: a check that cannot decide refuses. For a decorated generator function the
returned object decides (`CallableKind.WRAPS_GENERATOR`), where generators are accepted at all.
"""

from __future__ import annotations

import enum
import functools
import inspect
import sys
import types
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Hashable,
    Iterator,
)
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any, Final, TypeVar, cast

from .errors import SignatureError

T = TypeVar("T")

_ASYNC: Final = inspect.CO_COROUTINE | inspect.CO_ITERABLE_COROUTINE | inspect.CO_ASYNC_GENERATOR


_DEFERRED: Final = _ASYNC | inspect.CO_GENERATOR


class CallableKind(enum.Enum):
    """What a call of a callable returns.

    Attributes:
        VALUE: The return value of its body.
        GENERATOR: A generator; the body has not run.
        CONTEXT_MANAGER: A context manager made by `contextlib.contextmanager`; the body has not
            run.
        WRAPS_GENERATOR: The result of a decorated generator function, known only after a call.
    """

    VALUE = "value"
    GENERATOR = "generator"
    CONTEXT_MANAGER = "context manager"
    WRAPS_GENERATOR = "wrapped generator"


@contextmanager
def _sample() -> Iterator[None]:
    yield


# The results of asynccontextmanager() have the same form for all functions.
_async_sample: Final = asynccontextmanager(cast("Callable[[], AsyncIterator[None]]", _sample))

# All functions made by contextmanager() share the code object of its inner function, and return
# objects of one class; the same applies to asynccontextmanager().
_CONTEXT_MANAGER_CODE: Final = getattr(_sample, "__code__", None)
_ASYNC_CONTEXT_MANAGER_CODE: Final = getattr(_async_sample, "__code__", None)
_UNRUN: Final[tuple[type, ...]] = (
    Generator,
    AsyncGenerator,
    Awaitable,
    type(_sample()),
    type(_async_sample()),
)


def kind_of(function: Callable[..., object]) -> CallableKind:
    """Return what a call of ``function`` returns.

    Raises:
        SignatureError: It is not callable, or a call returns a coroutine, an asynchronous generator
            or an asynchronous context manager; the message has its file and line.
    """
    if type(function) is types.FunctionType and not function.__dict__:  # most are plain functions
        return _kind_of_layer(function, function, is_wrapped=False)
    if not callable(function):
        raise SignatureError(f"{function!r} is not callable: pass a function")
    kinds = [
        _kind_of_layer(layer, function, is_wrapped=is_wrapped)
        for layer, is_wrapped in _layers(function)
    ]
    if kinds[0] is not CallableKind.VALUE:
        return kinds[0]
    is_value = all(kind is CallableKind.VALUE for kind in kinds)
    return CallableKind.VALUE if is_value else CallableKind.WRAPS_GENERATOR


def require_function(function: Callable[..., object], role: str) -> None:
    """Refuse a callable whose call does not return a value.

    Args:
        function: Callable to register.
        role: Role that it is registered for, for the message: ``"a readiness check"``.

    Raises:
        SignatureError: It is not callable, or a coroutine function, a generator function, or the
            like; the message has its file and line.
    """
    if not callable(function):
        raise SignatureError(f"{role} is a function, not {function!r}")
    try:
        kind = kind_of(function)
    except SignatureError as error:
        raise SignatureError(f"{role}: {error}") from None
    if kind is not CallableKind.VALUE:
        raise SignatureError(
            f"{location(function)} cannot be {role}: calling it makes a {kind.value} and does not "
            "run its body. Write a plain function that returns the value"
        )


def require_context_manager(function: Callable[..., object], role: str) -> None:
    """Refuse a callable whose call cannot return a context manager.

    Args:
        function: Callable to register.
        role: Role that it is registered for, for the message.

    Raises:
        SignatureError: It is not callable, asynchronous, or a generator function that
            `contextlib.contextmanager` does not decorate.
    """
    if kind_of(function) is CallableKind.GENERATOR:
        raise SignatureError(
            f"{location(function)} cannot be {role}: it is a generator function. Decorate it with "
            "contextlib.contextmanager"
        )


def refuse_deferred(function: Callable[..., object]) -> None:
    """Refuse a coroutine function or a generator function as a task; a fast `require_function`.

    It checks only the function itself, not functions that it wraps, because a task is made in a few
    microseconds. The result of a task is checked when it ends.

    Raises:
        SignatureError: It is one.
    """
    code = getattr(function, "__code__", None)
    if code is not None and getattr(code, "co_flags", 0) & _DEFERRED:
        require_function(function, "a task")


def refuse_coroutine(value: object) -> None:
    """Refuse a coroutine as the result of a task.

    Raises:
        TypeError: It is one.
    """
    if type(value) is types.CoroutineType:
        value.close()
        raise TypeError(
            f"the task returned the coroutine {value.__qualname__}, whose body has not run: "
            "write a plain function (`def`)"
        )


def require_value(result: T, function: object, *, is_decision: bool = False) -> T:
    """Return ``result``, unless it is an object whose body has not run.

    Args:
        result: Result of a call.
        function: Function that was called, for the message.
        is_decision: True if the truth value of the result decides something. Then context managers
            of all classes are refused; otherwise objects such as sessions and locks are values.

    Raises:
        TypeError: It is a coroutine, a generator, a context manager that was not entered, or
            another awaitable.
    """
    if is_unrun(result) or (is_decision and isinstance(result, AbstractContextManager)):
        close_unrun(result)
        raise TypeError(
            f"{location(function)} returned a {type(result).__name__}, which is not a value: its "
            "body has not run. Write a plain function that returns the value"
        )
    return result


def is_unrun(result: object) -> bool:
    """Return whether ``result`` is a call whose body has not run, such as a coroutine."""
    return _is_unrun_class(type(result))  # type: ignore[arg-type]  # classes are hashable


@functools.lru_cache(maxsize=1024)  # checking abstract classes costs a microsecond
def _is_unrun_class(cls: Hashable) -> bool:
    return isinstance(cls, type) and issubclass(cls, _UNRUN)


def close_unrun(result: object) -> None:
    """Close a coroutine or generator that has not begun, so that Python does not warn about it."""
    if isinstance(result, types.CoroutineType | types.GeneratorType):
        result.close()


def location(function: object) -> str:
    """Return the name of a callable, with file and line if they are known, for messages."""
    target: Any = function
    for layer, _ in _layers(function):
        target = layer
    name = getattr(target, "__qualname__", None) or repr(target)
    code = getattr(target, "__code__", None)
    if not isinstance(code, types.CodeType):
        return str(name)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})"


def place_of(function: object) -> str:
    """Return the name of a callable itself, not of what it wraps, with file and line."""
    target: Any = function
    while isinstance(target, functools.partial | types.MethodType):
        target = target.func if isinstance(target, functools.partial) else target.__func__
    code = getattr(target, "__code__", None)
    if not isinstance(code, types.CodeType):
        code = getattr(inspect.getattr_static(target, "__call__", None), "__code__", None)
    if not isinstance(code, types.CodeType):
        return str(getattr(target, "__qualname__", None) or repr(target))
    return f"{code.co_qualname} ({code.co_filename}:{code.co_firstlineno})"


_PACKAGES = {"photon"} | {
    f"photon_{name}"
    for name in ("cli", "lifeguard", "openapi", "router", "runtime", "tasks", "templates", "ws")
}


def calling_module() -> str:
    """Return the name of the module whose code has called a package of Photon. Does not wait.

    It is the innermost one in the stack that does not belong to such a package.
    """
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        module: str = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in _PACKAGES:
            return module
        frame = frame.f_back
    return "__main__"


def _kind_of_layer(
    layer: object, function: Callable[..., object], *, is_wrapped: bool
) -> CallableKind:
    """Return the kind by the flags of one layer of ``function``.

    Raises:
        SignatureError: It is asynchronous.
    """
    code = getattr(layer, "__code__", None)
    flags = getattr(code, "co_flags", 0)
    flags = flags if isinstance(flags, int) else 0
    is_async = flags & _ASYNC or (
        # The mark of inspect.markcoroutinefunction is in the dictionary of the function.
        (type(layer) is not types.FunctionType or bool(layer.__dict__))
        and inspect.iscoroutinefunction(layer)
    )
    if is_async or (code is not None and code is _ASYNC_CONTEXT_MANAGER_CODE):
        raise SignatureError(
            f"{location(function)} is an async function"
            + (", and the effect of its decorator is unknown" if is_wrapped else "")
            + ". Photon runs plain functions: write `def` and call what blocks directly (without "
            "`await`); only its own coroutine waits"
        )
    if flags & inspect.CO_GENERATOR:
        return CallableKind.GENERATOR
    if code is not None and code is _CONTEXT_MANAGER_CODE:
        return CallableKind.CONTEXT_MANAGER
    return CallableKind.VALUE


def _layers(function: object) -> Iterator[tuple[object, bool]]:
    """Yield the functions that a call passes through, and whether a decorator wraps them.

    The outermost function is first; there is at least one, ``function`` itself if it is opaque.
    """
    seen: set[int] = set()
    waiting = [(function, False)]
    while waiting:
        layer, is_wrapped = waiting.pop(0)
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        targets = list(_targets(layer))
        attributes = getattr(layer, "__dict__", {})
        if not targets or "__code__" in attributes:  # AsyncMock has a code object of its own
            yield layer, is_wrapped
        waiting += [(target, is_wrapped) for target in targets]
        if not isinstance(layer, staticmethod | classmethod | types.MethodType):
            wrapped = attributes.get("__wrapped__")
            waiting += [] if wrapped is None else [(wrapped, True)]


def _targets(layer: Any) -> Iterator[object]:
    """Yield the callables that a callable delegates to."""
    if isinstance(layer, functools.partial | functools.partialmethod):
        yield layer.func
    elif isinstance(layer, staticmethod | classmethod | types.MethodType):
        yield layer.__func__
    elif isinstance(layer, type):
        yield from _constructors(layer)
    elif isinstance(layer, types.FunctionType):
        # A partialmethod that was looked up is inside a function of functools.
        names = ("__partialmethod__", "_partialmethod")
        yield from (vars(layer)[name] for name in names if name in vars(layer))
    else:
        yield from _call_of(layer)


def _constructors(cls: type) -> Iterator[object]:
    for owner, name in ((type(cls), "__call__"), (cls, "__new__"), (cls, "__init__")):
        found = inspect.getattr_static(owner, name, None)
        if isinstance(found, types.FunctionType | staticmethod | classmethod):
            yield found


def _call_of(layer: object) -> Iterator[object]:
    """Yield the ``__call__`` of an object, unless it is one of the interpreter's own."""
    found = inspect.getattr_static(type(layer), "__call__", None)
    if found is not None and not isinstance(found, types.WrapperDescriptorType):
        yield found
