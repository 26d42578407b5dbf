"""Checks of what is registered on a router or an application.

What can never work is refused where it is registered, with the place and the correct form: a class
where an instance was meant, a function with other arguments than those that it is called with, and
what other frameworks take at that place. Otherwise it would start, and fail for each request.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from photon_openapi.document import METHODS
from photon_runtime.callables import CallableKind, kind_of, location, require_context_manager
from photon_runtime.signatures import (
    names_of,
    read_callable,
    require_arguments,
    require_call,
    require_instance,
)

from ..errors import SignatureError
from ._route_scope import ErrorHandler, Middleware


def check_list(value: object, option: str, example: str) -> None:
    """Reject a single value, or a text, where a list is required.

    Raises:
        SignatureError: It is not a list; a text would count as a list of its letters.
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise SignatureError(f"{option}=... is a list, as in {option}={example}, not {value!r}")


def check_middleware(middleware: Iterable[Middleware]) -> None:
    """Reject invalid middleware.

    Raises:
        SignatureError: It is not a list, or one of them is not a function that takes a request and
            the next handler and returns a response.
    """
    check_list(middleware, "middleware", "[Cors(...)]")
    for each in middleware:
        if not callable(each):
            raise SignatureError(
                f"middleware must be a function, not {each!r}: write @app.middleware without "
                "brackets"
            )
        require_instance(each, "middleware", "app.middleware({})")
        require_call(each, "middleware", "request", "call_next")
        if is_wsgi(each):
            raise SignatureError(
                f"{location(each)} is an application or middleware of WSGI: mount it, as in "
                'app.mount("/", Wsgi(application))'
            )


def check_handler(function: Callable[..., object]) -> None:
    """Reject a function that is registered as a handler, but is a method or a view.

    Raises:
        SignatureError: It is a method without its instance, or a class with methods of HTTP.
    """
    if isinstance(function, type):
        methods = [name for name in METHODS if inspect.isfunction(getattr(function, name, None))]
        if methods:
            raise SignatureError(
                f"{function.__qualname__} is a class with the methods {', '.join(methods)}: write "
                "@app.view(path) above it"
            )
        return
    if type(function) is not types.FunctionType:
        return
    code = function.__code__
    name = code.co_varnames[0] if code.co_argcount else ""
    if name not in ("self", "cls"):
        return
    parent = code.co_qualname.rpartition(".")[0]
    if parent and not parent.endswith("<locals>") and name not in function.__annotations__:
        raise SignatureError(
            f"{location(function)} is a method without its {name!r}: register the method of an "
            "instance, as in app.get(path)(service.method), or write @app.view(path) above the "
            "class"
        )


def check_method(method: object) -> None:
    """Reject a missing method, and what is not one.

    Raises:
        SignatureError: It is not a method that OpenAPI has.
    """
    if not isinstance(method, str) or method.lower() not in METHODS:
        got = "" if method == "" else f", not {method!r}"
        raise SignatureError(
            f"a route has one method of {', '.join(each.upper() for each in METHODS)}{got}: write "
            '@app.route("/items", method="GET"), or '
            '@app.get("/items"), and decorate the function once for each method'
        )


def is_wsgi(function: Callable[..., object]) -> bool:
    """Return true for an application or middleware of WSGI, by the names of its arguments."""
    try:
        names = names_of(function)
    except SignatureError:
        return False
    return len(names) == 2 and names[0] in ("environ", "env")


def check_error_handlers(handlers: Mapping[type[BaseException], ErrorHandler]) -> None:
    """Reject error handlers that are not functions, or not for a class of exceptions.

    Raises:
        SignatureError: One of them is invalid.
    """
    if not isinstance(handlers, Mapping):
        raise SignatureError(
            f"error_handlers=... has functions by classes, as in {{HttpError: respond}}, not "
            f"{handlers!r}"
        )
    check_error_classes(handlers)
    for handler in handlers.values():
        check_error_handler(handler)


def check_error_handler(handler: ErrorHandler) -> None:
    """Reject an error handler that is not a function of a request and an error.

    Raises:
        SignatureError: It is another object, or takes other arguments.
    """
    require_instance(handler, "an error handler", "@app.error_handler(SomeError)")
    require_call(handler, "an error handler", "request", "error")


def check_error_classes(classes: Iterable[object]) -> None:
    """Reject objects that are not classes of exceptions.

    Raises:
        SignatureError: One of them is not such a class, or its errors never reach error handlers.
    """
    for each in classes:
        if not (isinstance(each, type) and issubclass(each, BaseException)):
            raise SignatureError(
                f"error handlers are registered for classes of errors, not for {each!r}: write "
                "@app.error_handler(HttpError), and read the status of the error"
            )
        if each is not BaseException and not issubclass(each, Exception):
            raise SignatureError(
                f"an error handler is never called for {each.__qualname__}, which ends a program: "
                "in a request it becomes a photon_runtime.errors.ProgramExit"
            )


def check_lifespan(life: Callable[[], AbstractContextManager[object]]) -> None:
    """Reject a lifespan that is not a function without arguments that returns a context manager.

    Raises:
        SignatureError: It is the context manager itself, a function with arguments, asynchronous,
            a generator function without decorator, or it returns nothing.
    """
    value: object = life
    is_entered = isinstance(value, AbstractContextManager) and not _takes_nothing(value)
    if inspect.isgenerator(value) or is_entered:
        raise SignatureError(
            f"a lifespan is a function that returns a context manager, not {life!r}: pass the "
            "function, without calling it"
        )
    if not callable(life):
        raise SignatureError(
            f"a lifespan is a function that returns a context manager, not {life!r}: write "
            "@app.lifespan above a function with contextlib.contextmanager"
        )
    require_context_manager(life, "a lifespan")
    if isinstance(life, type):
        _check_class(life)
    require_arguments(life, "a lifespan")
    if kind_of(life) is CallableKind.VALUE and _returns_none(life):
        raise SignatureError(f"{location(life)} {_NOT_ENTERED}")


_NOT_ENTERED = (
    "cannot be a lifespan: it does not return a context manager. Write a generator function with "
    "contextlib.contextmanager: what is above its `yield` runs at the start, what is below at the "
    "end"
)


def entered(life: Callable[[], AbstractContextManager[object]]) -> AbstractContextManager[object]:
    """Return the context manager of a lifespan.

    Raises:
        SignatureError: The function has returned something else.
    """
    found: object = life()
    if not isinstance(found, AbstractContextManager):
        raise SignatureError(f"{location(life)} {_NOT_ENTERED}; it returned {found!r}")
    return found


def _check_class(cls: type) -> None:
    if not hasattr(cls, "__enter__") or not hasattr(cls, "__exit__"):
        is_async = hasattr(cls, "__aenter__")
        raise SignatureError(
            f"{cls.__qualname__} cannot be a lifespan: "
            + (
                "it is an asynchronous context manager, and Photon runs plain functions: write "
                "`__enter__` and `__exit__`"
                if is_async
                else "its instances are not context managers, which have `__enter__` and `__exit__`"
            )
        )


def _takes_nothing(function: Any) -> bool:
    if not callable(function):
        return False
    try:
        require_arguments(function, "")
    except SignatureError:
        return False
    return True


def _returns_none(function: Callable[..., object]) -> bool:
    try:
        return read_callable(function).result is type(None)
    except SignatureError:  # a result that cannot be resolved is not needed here
        return False
