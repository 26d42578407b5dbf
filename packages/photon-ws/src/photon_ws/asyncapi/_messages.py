"""The messages of one socket, from the description in its OpenAPI operation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from ._schemas import COMPONENT_PREFIX, lowered

_UNTYPED: Final[Mapping[str, dict[str, Any]]] = {
    "Text": {
        "name": "Text",
        "summary": "A text message.",
        "contentType": "text/plain",
        "payload": {"type": "string"},
    },
    "Binary": {
        "name": "Binary",
        "summary": "A binary message.",
        "contentType": "application/octet-stream",
        "payload": {"type": "string", "format": "binary"},
    },
}
_DIRECTIONS: Final = (("receive", "received"), ("send", "sent"))
_USUAL_TAG: Final = "type"


@attrs.define
class Messages:
    """Collects the messages of a document.

    Attributes:
        schemas: The schemas of the OpenAPI document, by name.
        components: The messages, by name.
    """

    schemas: Mapping[str, Any]
    components: dict[str, dict[str, Any]] = attrs.field(factory=dict)

    def of(self, socket: str, description: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return the names of the messages of a socket by direction, after collecting them.

        Args:
            socket: The name of its operation, which names messages without a class.
            description: The ``x-websocket`` of its operation; without schemas for a socket whose
                messages have no types.
        """
        if not any(key in description for key, _ in _DIRECTIONS):
            names = [self._add(name, message) for name, message in _UNTYPED.items()]
            return {key: names for key, _ in _DIRECTIONS}
        result: dict[str, list[str]] = {}
        for key, suffix in _DIRECTIONS:
            schema = _schema_in(description, key)
            if schema is not None:
                messages = self._typed(schema, f"{socket}_{suffix}")
                result[key] = [self._add(name, message) for name, message in messages]
        problem = _schema_in(description, "problem")
        if problem is not None:
            tag = next(iter(problem.get("properties", {})), _USUAL_TAG)
            name = "Problem" if tag == _USUAL_TAG else f"Problem_{tag}"
            message = _json_message(name, problem, problem.get("description"))
            result.setdefault("send", []).append(self._add(name, message))
        return result

    def _typed(self, schema: dict[str, Any], default_name: str) -> Iterator[tuple[str, Any]]:
        """Yield the messages that a schema describes: the members of a union, or the schema."""
        required = schema.get("required", []) if "anyOf" in schema else []
        for branch in schema.get("anyOf", [schema]):
            reference = str(branch.get("$ref", ""))
            name = reference.removeprefix(COMPONENT_PREFIX) if reference else default_name
            target = self.schemas.get(name, {}) if reference else branch
            payload = branch
            missing = [each for each in required if each not in target.get("required", [])]
            if missing and target.get("type") == "object":
                payload = {"allOf": [branch, {"required": missing}]}
            yield name, _json_message(name, payload, target.get("description"))

    def _add(self, name: str, message: Mapping[str, Any]) -> str:
        """Add a message, and return its name, which has a number if another one has the name."""
        unique, number = name, 2
        while self.components.get(unique, message) != message:
            unique, number = f"{name}_{number}", number + 1
        self.components[unique] = dict(message)
        return unique


def _schema_in(description: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    part = description.get(key)
    schema = part.get("schema") if isinstance(part, Mapping) else None
    return schema if isinstance(schema, dict) else None


def _json_message(name: str, payload: Any, summary: str | None) -> dict[str, Any]:
    described = {} if summary is None else {"summary": summary}
    return {
        "name": name,
        **described,
        "contentType": "application/json",
        "payload": lowered(payload),
    }
