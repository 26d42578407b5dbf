"""Extensions of operations: handlers and middleware that the document names.

``x-handler: shop.pets:get_pet`` names the handler of an operation, so that a document can be served
without decorators; a decorator for the operation takes precedence. ``x-photon-middleware:
[shop.middleware:audit]`` names middleware that wraps this operation alone, inside the middleware of
its router, the first one outermost. Both are imported once, at start-up, and a failed import is a
problem of the document. So the author of the document decides which code runs.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import attrs

from photon_openapi.document import Operation

from ..errors import SignatureError
from ..handlers import HandlerEntry, RouteScope, check_handler, check_middleware
from ..signatures import read_signature

HANDLER: Final = "x-handler"
MIDDLEWARE: Final = "x-photon-middleware"
_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def with_extensions(
    operations: Iterable[Operation], handlers: Mapping[str, HandlerEntry], problems: list[str]
) -> dict[str, HandlerEntry]:
    """Return the handlers by operation, including those that the document names.

    Args:
        operations: The operations of the document.
        handlers: The handlers that the code has declared, by the names of their operations.
        problems: List to which failed imports and invalid handlers are added.
    """
    entries = dict(handlers)
    for operation in operations:
        path = operation.data.get(HANDLER)
        if path is not None and operation.name not in entries:
            entry = _named_handler(operation, path, problems)
            if entry is not None:
                entries[operation.name] = entry
        if MIDDLEWARE in operation.data and operation.name in entries:
            own = RouteScope(tuple(_middleware(operation, problems)))
            entry = entries[operation.name]
            entries[operation.name] = attrs.evolve(entry, scope=own.inherit(entry.scope))
    return entries


def _named_handler(operation: Operation, path: object, problems: list[str]) -> HandlerEntry | None:
    try:
        function = _imported(path)
        check_handler(function)
        return HandlerEntry(function, read_signature(function), operation.name, {})
    except (ValueError, SignatureError) as error:
        problems.append(f"{operation.pointer}/{HANDLER}: {error}")
        return None


def _middleware(operation: Operation, problems: list[str]) -> Iterable[Callable[..., Any]]:
    paths = operation.data[MIDDLEWARE]
    if not isinstance(paths, list):
        problems.append(f"{operation.pointer}/{MIDDLEWARE}: write a list of package.module:name")
        return
    for index, path in enumerate(paths):
        try:
            middleware = _imported(path)
            check_middleware([middleware])
            yield middleware
        except (SignatureError, ValueError) as error:
            problems.append(f"{operation.pointer}/{MIDDLEWARE}/{index}: {error}")


def _imported(path: object) -> Callable[..., Any]:
    """Return the function at ``package.module:name``.

    Raises:
        ValueError: The object does not exist, or is not callable.
    """
    value = import_object(path, "function")
    if not callable(value):
        raise ValueError(f"{path!r} is not a function")  # noqa: TRY004 - an error of the document
    return value


def import_object(path: object, kind: str) -> object:
    """Import the object at ``package.module:name``.

    Args:
        path: The path.
        kind: The noun for the object, for messages.

    Raises:
        ValueError: The path is not of that form, or the object does not exist.
    """
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} does not name a {kind}; write package.module:{kind}")
    module, _, names = path.partition(":")
    try:
        value: object = importlib.import_module(module)
        for name in names.split("."):
            value = getattr(value, name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{path!r} cannot be imported: {error}") from error
    return value
