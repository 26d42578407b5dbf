"""Channels: the address of a WebSocket, and its handshake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from photon_openapi.document import WEBSOCKET, Operation
from photon_openapi.messages import pointer_of

from ._schemas import lowered

_BINDING_VERSION: Final = "0.1.0"


def channel_of(operation: Operation, by_direction: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return the channel of an operation that becomes a WebSocket.

    Args:
        operation: The operation of the OpenAPI document.
        by_direction: The names of its messages by direction.
    """
    data = operation.data
    names = dict.fromkeys(name for names in by_direction.values() for name in names)
    channel: dict[str, Any] = {"address": operation.base_paths[0] + operation.path}
    channel |= {key: data[key] for key in ("summary", "description") if data.get(key)}
    prefix = "#" + pointer_of(["components", "messages"])
    channel["messages"] = {name: {"$ref": prefix + pointer_of([name])} for name in names}
    parameters = {
        each["name"]: _parameter(each) for each in operation.parameters if each["in"] == "path"
    }
    if parameters:
        channel["parameters"] = parameters
    if data.get("tags"):
        channel["tags"] = [{"name": tag} for tag in data["tags"]]
    channel["bindings"] = {"ws": _binding(operation)}
    subprotocols = (
        data[WEBSOCKET].get("subprotocols") if isinstance(data[WEBSOCKET], dict) else None
    )
    if subprotocols:
        channel["x-subprotocols"] = subprotocols
    return channel


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    """Return a parameter of a path: AsyncAPI knows strings, the schema is an extension."""
    schema = parameter.get("schema") or {}
    result: dict[str, Any] = {}
    if parameter.get("description"):
        result["description"] = parameter["description"]
    values = schema.get("enum")
    if isinstance(values, list):
        result["enum"] = [str(value) for value in values]
    if "default" in schema:
        result["default"] = str(schema["default"])
    if schema:
        result["x-schema"] = lowered(schema)
    return result


def _binding(operation: Operation) -> dict[str, Any]:
    """Return the binding of the handshake: method, query and header fields."""
    binding: dict[str, Any] = {"method": "GET"}
    for location, key in (("query", "query"), ("header", "headers")):
        parameters = [each for each in operation.parameters if each["in"] == location]
        if parameters:
            binding[key] = _object_of(parameters)
    cookies = [each for each in operation.parameters if each["in"] == "cookie"]
    if cookies:
        headers = binding.setdefault("headers", {"type": "object", "properties": {}})
        names = ", ".join(each["name"] for each in cookies)
        headers["properties"]["Cookie"] = {"type": "string", "description": f"Cookies: {names}."}
    return binding | {"bindingVersion": _BINDING_VERSION}


def _object_of(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    properties = {}
    for each in parameters:
        schema = lowered(each.get("schema") or {})
        if each.get("description"):
            schema.setdefault("description", each["description"])
        properties[each["name"]] = schema
    result: dict[str, Any] = {"type": "object", "properties": properties}
    required = [each["name"] for each in parameters if each.get("required")]
    return result | ({"required": required} if required else {})
