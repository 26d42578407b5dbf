"""The chain of an application: all layers around every request, and where each comes from."""

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
class PlacedLayer:
    """A layer in the chain.

    Attributes:
        layer: The layer.
        origin: ``settings`` or ``code``.
        table: What switches it on in the settings; ``None`` for what the code adds.
    """

    layer: Middleware
    origin: str
    table: str | None = None

    @property
    def name(self) -> str:
        """What people call it: its class, or the function's name."""
        name: str = getattr(self.layer, "__qualname__", type(self.layer).__qualname__)
        return name

    @property
    def options(self) -> Mapping[str, object]:
        """The options of a built-in layer that differ from their defaults; secrets are ``…``."""
        if not isinstance(self.layer, Layer):
            return {}
        fields = [field for field in attrs.fields(type(self.layer)) if field.init]
        given = ((field, getattr(self.layer, field.name)) for field in fields)
        return {
            field.name: value if field.repr else "…"
            for field, value in given
            if not _is_default(field, value)
        }

    @property
    def place(self) -> str | None:
        """Its table, ``[middleware.cors]``, or where own code is written, as ``file:line``."""
        if isinstance(self.layer, Layer):
            return self.table
        written = self.layer if inspect.isfunction(self.layer) else type(self.layer)
        try:
            file = inspect.getsourcefile(written)
            line = inspect.getsourcelines(written)[1]
        except (OSError, TypeError):
            return None
        return f"{file}:{line}"


def chain(settings: Settings | None, own: Sequence[Middleware]) -> list[PlacedLayer]:
    """Return the layers around every request, outermost first; those switched off are left out.

    Args:
        settings: Whose section ``middleware`` comes first; ``None`` for none.
        own: What the code adds.

    Raises:
        SettingsError: The section is wrong.
    """
    first: list[PlacedLayer] = []
    if settings is not None:
        told = settings.read(MiddlewareSettings)
        names = {getattr(told, field.name): field.name for field in attrs.fields(type(told))}
        first = [
            PlacedLayer(layer, "settings", f"[middleware.{names[layer]}]")
            for layer in told.layers()
        ]
    return [
        *first,
        *(PlacedLayer(layer, "code") for layer in own if getattr(layer, "enabled", True)),
    ]


def settled(placed: Sequence[PlacedLayer], operations: Operations) -> list[Middleware]:
    """Return what is put around requests, each layer with its rules for these operations.

    Raises:
        DocumentError: The document has rules that are wrong; tells all.
    """
    layers, problems = [], []
    for each in placed:
        layer = each.layer
        try:
            layers.append(layer.settle(operations) if isinstance(layer, Layer) else layer)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise DocumentError(problems)
    return layers


def operations_of(document: Document) -> Operations:
    """Return the operations of a document with the routes that requests have for them.

    Where the operations of a path have different servers, one stands under the templates of all:
    a preflight has the template of any of them.
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
