"""Extensions of operations: handlers and layers that the document names.

``x-handler: shop.pets:get_pet`` names the handler of an operation, so that a document can be served
with no decorator at all; a decorator that claims the operation goes before it.
``x-photon-middleware: [shop.layers:audit]`` names layers that lie around this operation alone,
inside of those of its router, the first one outermost. Both are imported once, at start, and what
cannot be imported is a problem of the document: who writes the document decides what runs.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import attrs

from photon_openapi.document import Operation
from photon_runtime.callables import require_function

from ..errors import SignatureError
from ..handlers import HandlerEntry, RouteScope
from ..signatures import read_signature

HANDLER: Final = "x-handler"
MIDDLEWARE: Final = "x-photon-middleware"
_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def with_extensions(
    operations: Iterable[Operation], handlers: Mapping[str, HandlerEntry], problems: list[str]
) -> dict[str, HandlerEntry]:
    """Return the handlers by operation, those that the document names included.

    Args:
        operations: The operations of the document.
        handlers: The handlers that the code has declared, by the names of their operations.
        problems: Where it is told what cannot be imported or be a handler.
    """
    found = dict(handlers)
    for operation in operations:
        path = operation.data.get(HANDLER)
        if path is not None and operation.name not in found:
            entry = _named_handler(operation, path, problems)
            if entry is not None:
                found[operation.name] = entry
        if MIDDLEWARE in operation.data and operation.name in found:
            own = RouteScope(tuple(_middleware(operation, problems)))
            entry = found[operation.name]
            found[operation.name] = attrs.evolve(entry, scope=own.inherit(entry.scope))
    return found


def _named_handler(operation: Operation, path: object, problems: list[str]) -> HandlerEntry | None:
    try:
        function = _imported(path)
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
            layer = _imported(path)
            require_function(layer, "middleware")
            yield layer
        except (SignatureError, ValueError) as error:
            problems.append(f"{operation.pointer}/{MIDDLEWARE}/{index}: {error}")


def _imported(path: object) -> Callable[..., Any]:
    """Return what ``package.module:name`` names.

    Raises:
        ValueError: There is no such thing, or it cannot be called.
    """
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no place of a function; write package.module:function")
    module, _, names = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for name in names.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{path!r} cannot be imported: {error}") from error
    if not callable(found):
        raise ValueError(f"{path!r} is no function")  # noqa: TRY004 - of the document, not the code
    return found  # type: ignore[no-any-return]  # whatever the module has
