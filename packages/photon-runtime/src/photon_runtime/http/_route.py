"""Where a request has led: what a router found for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen
class Route:
    """The resource that a request is for, and the operation if it asks for one.

    Made once, at start, and shared by all requests: metrics, traces and logs name requests by
    it, and middleware reads from it what the document says.

    Attributes:
        template: The template of the path, base path included, as in ``/items/{id}``; the same
            for all requests to a resource, and so fit for a label.
        operation: The operation object of the OpenAPI document, references and extensions
            included; ``None`` for pages, mounts, and methods that the resource does not have.
    """

    template: str
    operation: Mapping[str, Any] | None = None

    @property
    def operation_id(self) -> str | None:
        """The name of the operation; ``None`` where it is none or has none."""
        return None if self.operation is None else self.operation.get("operationId")
