"""The routes of a document, as ``photon routes`` lists them."""

from __future__ import annotations

from collections.abc import Collection

import attrs

from photon_openapi.document import WEBSOCKET, Document

_SOCKET = "WS"
_METHODS = (_SOCKET, "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "QUERY")


@attrs.frozen
class ListedRoute:
    """One operation of the document; its method is ``WS`` if it becomes a WebSocket.

    Attributes:
        method: The method in capitals.
        path: The path, base path included.
        operation_id: The ``operationId``; empty without one.
        summary: The summary; empty without one.
        has_handler: False if the code has no handler for it; the application then does not start.
    """

    method: str
    path: str
    operation_id: str
    summary: str
    has_handler: bool = True

    def as_json(self) -> dict[str, object]:
        """Return the members that are not empty, with their names in OpenAPI."""
        members: dict[str, object] = {
            "method": self.method,
            "path": self.path,
            "operationId": self.operation_id,
            "summary": self.summary,
        }
        shown = {name: value for name, value in members.items() if value}
        return shown if self.has_handler else {**shown, "hasHandler": False}


def list_routes(document: dict[str, object], *, missing: Collection[str] = ()) -> list[ListedRoute]:
    """List the operations of a document, sorted by path, methods in their usual order.

    The paths include the base paths of the servers: an operation with several is listed several
    times.

    Args:
        document: The document.
        missing: The names of the operations without a handler.
    """
    routes = []
    for operation in Document(document).operations():
        method = _SOCKET if WEBSOCKET in operation.data else operation.method.upper()
        name, summary = (str(operation.data.get(key, "")) for key in ("operationId", "summary"))
        for base in operation.base_paths:
            path, has_handler = base + operation.path, operation.name not in missing
            routes.append(ListedRoute(method, path, name, summary, has_handler))
    return sorted(routes, key=lambda route: (route.path, _rank(route.method)))


def _rank(method: str) -> tuple[int, str]:
    return _METHODS.index(method) if method in _METHODS else len(_METHODS), method
