"""The route of a request: the resource and operation that a router matched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen
class Route:
    """The resource of a request, and the operation if the method has one.

    Made once, at start-up, and shared by all requests: metrics, traces and logs label requests with
    it, and middleware reads the OpenAPI document through it.

    Attributes:
        template: Path template including the base path, such as ``/items/{id}``; the same for all
            requests to a resource, so usable as a label.
        operation: Operation object of the OpenAPI document, including references and extensions;
            ``None`` for pages, mounts, and methods that the resource does not have.
        has_method: False if the resource does not have the method of the request, which is answered
            by 405.
    """

    template: str
    operation: Mapping[str, Any] | None = None
    has_method: bool = True

    @property
    def operation_id(self) -> str | None:
        """The ``operationId``; ``None`` without an operation or a name."""
        return None if self.operation is None else self.operation.get("operationId")
