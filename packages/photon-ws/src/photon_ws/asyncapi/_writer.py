"""The AsyncAPI document of an application, written from its OpenAPI document.

Theory of operation. The OpenAPI document has an operation for each socket: the request of the
handshake, with its parameters and its security, and the schemas of the messages in ``x-websocket``.
So this document is a projection of that one. Each such operation becomes a channel, with an
operation for the messages that the application receives and one for those that it sends.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from photon_openapi.document import WEBSOCKET, Document, Operation, components_of
from photon_openapi.messages import pointer_of
from photon_runtime.http import is_below

from ._channel import channel_of
from ._messages import Messages
from ._schemas import lowered, reached_components
from ._security import security_of, security_scheme

VERSION: Final = "3.0.0"
_INFO: Final = ("title", "version", "description", "termsOfService", "contact", "license")
_PROTOCOLS: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_URL: Final = re.compile(r"(\w+)://([^/?#]+)([^?#]*)")


def asyncapi_document(openapi: Mapping[str, Any], *, root_path: str = "") -> dict[str, Any]:
    """Return the AsyncAPI document of the sockets in an OpenAPI document.

    Args:
        openapi: The OpenAPI document, complete.
        root_path: Path below which clients see the application; it precedes the addresses that do
            not have it.
    """
    document = _Writer(Document(copy.deepcopy(dict(openapi)), is_checked=True)).document()
    for channel in document["channels"].values():
        if not is_below(channel["address"], root_path):
            channel["address"] = root_path + channel["address"]
    return document


class _Writer:
    def __init__(self, source: Document) -> None:
        self.source = source
        self.sockets = [each for each in source.operations() if WEBSOCKET in each.data]
        self.messages = Messages(components_of(source.data, "schemas"))
        self.schemes = {
            name: security_scheme(source.resolve(scheme) or {})
            for name, scheme in components_of(source.data, "securitySchemes").items()
        }

    def document(self) -> dict[str, Any]:
        """Return the document."""
        source = self.source.data
        document: dict[str, Any] = {"asyncapi": VERSION, "info": _info(source["info"])}
        servers = _servers(source.get("servers") or (), self.sockets)
        if servers:
            document["servers"] = servers
        channels: dict[str, Any] = {}
        operations: dict[str, Any] = {}
        for operation in self.sockets:
            self._add(operation, channels, operations)
        document["defaultContentType"] = "application/json"
        document |= {"channels": channels, "operations": operations}
        components = self._components(channels, operations)
        document["components"] = {name: value for name, value in components.items() if value}
        return document

    def _add(
        self, operation: Operation, channels: dict[str, Any], operations: dict[str, Any]
    ) -> None:
        name = str(operation.data.get("operationId") or operation.path)
        described = operation.data[WEBSOCKET]
        by_direction = self.messages.of(name, described if isinstance(described, Mapping) else {})
        channels[name] = channel_of(operation, by_direction)
        security = security_of(self.source.required_security(operation), self.schemes)
        for direction, names in by_direction.items():
            operations[f"{name}_{direction}"] = _operation(name, direction, names) | security

    def _components(
        self, channels: Mapping[str, Any], operations: Mapping[str, Any]
    ) -> dict[str, Any]:
        messages, schemas = self.messages.components, self.messages.schemas
        reached = reached_components([messages, channels], schemas)
        used = _schemes_in(operations, self.schemes)
        return {
            "messages": {name: messages[name] for name in sorted(messages)},
            "schemas": {name: lowered(schemas[name]) for name in sorted(reached)},
            "securitySchemes": {name: each for name, each in self.schemes.items() if name in used},
        }


def _operation(channel: str, direction: str, names: list[str]) -> dict[str, Any]:
    return {
        "action": direction,
        "channel": {"$ref": _pointer("channels", channel)},
        "messages": [{"$ref": _pointer("channels", channel, "messages", name)} for name in names],
    }


def _info(info: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in info.items() if key in _INFO}
    if isinstance(result.get("license"), Mapping):  # OpenAPI has the name of SPDX, too
        result["license"] = {
            key: value for key, value in result["license"].items() if key != "identifier"
        }
    return result


def _servers(servers: Any, sockets: list[Operation]) -> dict[str, Any]:
    """Return the servers with a host; an address contains the path of the first one."""
    result: dict[str, Any] = {}
    for server in servers:
        match = _URL.fullmatch(str(server.get("url", "")))
        protocol = _PROTOCOLS.get(match[1].lower()) if match else None
        if match is None or protocol is None:
            continue
        base = match[3].rstrip("/")
        if any(base != operation.base_paths[0] for operation in sockets):
            continue
        name = "server" if not result else f"server_{len(result) + 1}"
        result[name] = {"host": match[2], "protocol": protocol}
        if server.get("description"):
            result[name]["description"] = server["description"]
        variables = {
            key: value
            for key, value in (server.get("variables") or {}).items()
            if f"{{{key}}}" in match[2]
        }
        if variables:
            result[name]["variables"] = variables
    return result


def _schemes_in(operations: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    used: set[str] = set()
    by_reference = {_pointer("components", "securitySchemes", name): name for name in names}
    for operation in operations.values():
        used |= {
            by_reference[each["$ref"]] for each in operation.get("security", ()) if "$ref" in each
        }
        used |= {name for each in operation.get("x-security", ()) for name in each}
    return used


def _pointer(*tokens: str) -> str:
    return "#" + pointer_of(tokens)
