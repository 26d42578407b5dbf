"""The middleware chain of an application, and the origin of each entry."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from photon_openapi.document import Document
from photon_openapi.errors import DocumentError
from photon_runtime.http import Route
from photon_runtime.settings import Settings

from ..handlers import Middleware
from ._layer import Layer, Operations
from ._settings import MiddlewareSettings


@attrs.frozen
class ChainEntry:
    """Middleware in the chain of an application.

    Attributes:
        middleware: The middleware.
        origin: ``settings`` or ``code``.
        table: The table of the settings that enables it; ``None`` for middleware of the code.
    """

    middleware: Middleware
    origin: str
    table: str | None = None

    @property
    def name(self) -> str:
        """The name of the function, or of the class."""
        default = type(self.middleware).__qualname__
        name: str = getattr(self.middleware, "__qualname__", default)
        return name

    @property
    def options(self) -> Mapping[str, object]:
        """Options of a `Layer` that differ from their defaults; secrets are ``…``."""
        if not isinstance(self.middleware, Layer):
            return {}
        fields = [field for field in attrs.fields(type(self.middleware)) if field.init]
        values = ((field, getattr(self.middleware, field.name)) for field in fields)
        return {
            field.name: value if field.repr else "…"
            for field, value in values
            if not _is_default(field, value)
        }

    @property
    def place(self) -> str | None:
        """The table, ``[middleware.cors]``, or the source of the code, as ``file:line``."""
        if isinstance(self.middleware, Layer):
            return self.table
        is_function = inspect.isfunction(self.middleware)
        definition = self.middleware if is_function else type(self.middleware)
        try:
            file = inspect.getsourcefile(definition)
            line = inspect.getsourcelines(definition)[1]
        except (OSError, TypeError):
            return None
        return f"{file}:{line}"


def chain(settings: Settings | None, own: Sequence[Middleware]) -> list[ChainEntry]:
    """Return the middleware of every request, outermost first, without disabled middleware.

    Args:
        settings: Settings whose section ``middleware`` comes first; ``None`` for no settings.
        own: Middleware that the code adds.

    Raises:
        SettingsError: The section is invalid.
    """
    first: list[ChainEntry] = []
    if settings is not None:
        values = settings.read(MiddlewareSettings)
        names = {getattr(values, field.name): field.name for field in attrs.fields(type(values))}
        first = [
            ChainEntry(layer, "settings", f"[middleware.{names[layer]}]")
            for layer in values.layers()
        ]
    return [
        *first,
        *(ChainEntry(each, "code") for each in own if getattr(each, "enabled", True)),
    ]


def bind_chain(entries: Sequence[ChainEntry], operations: Operations) -> list[Middleware]:
    """Return the middleware of a chain, bound to the operations of the document.

    Raises:
        DocumentError: Rules of the document are invalid; lists all errors.
    """
    bound, problems = [], []
    for entry in entries:
        own = entry.middleware
        try:
            bound.append(own.bind(operations) if isinstance(own, Layer) else own)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise DocumentError(problems)
    return bound


def operations_of(document: Document) -> Operations:
    """Return the operations of a document with the routes of their requests.

    If the operations of a path have different servers, each operation is listed with the templates
    of all of them: a preflight may have any of these templates.
    """
    operations = list(document.operations())
    templates: dict[str, dict[str, None]] = {}
    for operation in operations:
        own = operation.base_paths[0] + operation.path
        templates.setdefault(operation.path, {})[own] = None
    return [
        (operation.method.upper(), Route(template, operation.data))
        for operation in operations
        for template in templates[operation.path]
    ]


def _is_default(field: attrs.Attribute[Any], value: object) -> bool:
    default: Any = field.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class in all but its stub
        default = default.factory()
    return bool(value == default)
