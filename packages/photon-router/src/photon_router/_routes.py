"""The routes of a document, as ``photon routes`` lists them."""

from __future__ import annotations

import attrs

from photon_openapi.document import WEBSOCKET, Document

_SOCKET = "WS"
_METHODS = (_SOCKET, "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "QUERY")


@attrs.frozen
class ListedRoute:
    """One operation of the document; its method is ``WS`` if it becomes a WebSocket."""

    method: str
    path: str
    operation_id: str
    summary: str

    def as_json(self) -> dict[str, str]:
        """Return the members that are not empty, with their names in OpenAPI."""
        members = {
            "method": self.method,
            "path": self.path,
            "operationId": self.operation_id,
            "summary": self.summary,
        }
        return {name: value for name, value in members.items() if value}


def list_routes(document: dict[str, object]) -> list[ListedRoute]:
    """List the operations of a document, sorted by path, methods in their usual order.

    The paths include the base paths of the servers: an operation with several is listed several
    times.
    """
    routes = []
    for operation in Document(document).operations():
        method = _SOCKET if WEBSOCKET in operation.data else operation.method.upper()
        names = [str(operation.data.get(key, "")) for key in ("operationId", "summary")]
        for base in operation.base_paths:
            routes.append(ListedRoute(method, base + operation.path, *names))
    return sorted(routes, key=lambda route: (route.path, _rank(route.method)))


def _rank(method: str) -> tuple[int, str]:
    return _METHODS.index(method) if method in _METHODS else len(_METHODS), method
