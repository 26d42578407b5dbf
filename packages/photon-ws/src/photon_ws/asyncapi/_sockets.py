"""The parts of an AsyncAPI document that lint, diff and the documentation page read.

The document may come from a file, so any part may have another type than it should: such parts are
left out here, and reported by `lint`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

import attrs

from photon_openapi.document import Definitions
from photon_openapi.messages import pointer_of

from ._schemas import lifted

Direction: TypeAlias = Literal["receive", "send"]
"""The direction of messages, as the application sees it."""
_OPPOSITE: Final[Mapping[str, Direction]] = {"receive": "send", "send": "receive"}


@attrs.frozen
class Message:
    """A message of a channel.

    Attributes:
        name: Its name in the channel.
        pointer: The location of the message, references followed.
        data: The message.
    """

    name: str
    pointer: str
    data: Mapping[str, Any]

    @property
    def payload(self) -> Any:
        """The schema of its payload, as one of JSON Schema 2020-12."""
        payload = self.data.get("payload", {})
        if isinstance(payload, Mapping) and "schemaFormat" in payload:
            payload = payload.get("schema", {})
        return lifted(payload)

    @property
    def content_type(self) -> str:
        """Its media type; empty for that of the document."""
        return str(self.data.get("contentType", ""))


@attrs.frozen
class Socket:
    """A channel with its operations.

    Attributes:
        name: The name of the channel.
        data: The channel.
        messages: Its messages by direction; without a direction that no operation has. Replies have
            the direction opposite to that of their operation.
        parameters: The parameters of its address, references followed.
        security: The alternatives of its security, as the operations list them.
    """

    name: str
    data: Mapping[str, Any]
    messages: Mapping[Direction, tuple[Message, ...]]
    parameters: Mapping[str, Mapping[str, Any]]
    security: tuple[Any, ...]

    @property
    def address(self) -> str:
        """Its address, by default its name."""
        return str(self.data.get("address") or self.name)

    @property
    def pointer(self) -> str:
        """Its location."""
        return pointer_of(["channels", self.name])

    @property
    def binding(self) -> Mapping[str, Any]:
        """The binding of the handshake."""
        return _mapping(_mapping(self.data.get("bindings")).get("ws"))


class AsyncApi:
    """An AsyncAPI document and the resolution of its references.

    Attributes:
        data: The document.
        definitions: Its schemas, as those of JSON Schema 2020-12.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Store the document."""
        self.data = data
        self._targets = Definitions(data)
        components = dict(_mapping(data.get("components")))
        components["schemas"] = {
            name: lifted(schema) for name, schema in _mapping(components.get("schemas")).items()
        }
        self.definitions = Definitions({**data, "components": components})

    def part(self, name: str) -> Mapping[str, Any]:
        """Return a member of the document that is an object; empty if it is not."""
        return _mapping(self.data.get(name))

    def components(self, kind: str) -> Mapping[str, Any]:
        """Return the components of one kind, by name."""
        return _mapping(self.part("components").get(kind))

    def resolve(self, value: Any, pointer: str = "") -> tuple[str, Mapping[str, Any]] | None:
        """Return the location and the object that a value is, or refers to.

        Args:
            value: An object, or a reference.
            pointer: The location of the value.
        """
        for reference, target in self._targets.chain(value):
            value, pointer = target, reference.removeprefix("#")
        return (pointer, value) if isinstance(value, Mapping) else None

    @cached_property
    def sockets(self) -> list[Socket]:
        """The channels, in the order of the document."""
        return [
            self._socket(name, resolved[1])
            for name, channel in self.part("channels").items()
            if (resolved := self.resolve(channel)) is not None
        ]

    def _socket(self, name: str, data: Mapping[str, Any]) -> Socket:
        messages: dict[Direction, tuple[Message, ...]] = {}
        security: tuple[Any, ...] = ()
        for direction, operation in self._operations_of(name):
            found = tuple(self._messages(name, data, operation))
            messages[direction] = messages.get(direction, ()) + found
            security = security or tuple(operation.get("security") or ())
        parameters = {
            key: resolved[1]
            for key, value in _mapping(data.get("parameters")).items()
            if (resolved := self.resolve(value)) is not None
        }
        return Socket(name, data, messages, parameters, security)

    def _operations_of(self, channel: str) -> Iterator[tuple[Direction, Mapping[str, Any]]]:
        """Yield the operations and the replies on a channel, with the direction of messages."""
        reference = "#" + pointer_of(["channels", channel])
        for operation in self.part("operations").values():
            resolved = self.resolve(operation)
            if resolved is None or resolved[1].get("action") not in _OPPOSITE:
                continue
            data, direction = resolved[1], resolved[1]["action"]
            if _mapping(data.get("channel")).get("$ref") == reference:
                yield direction, data
            reply = self.resolve(data.get("reply"))
            if reply is not None and _mapping(reply[1].get("channel")).get("$ref") == reference:
                yield _OPPOSITE[direction], reply[1]

    def _messages(
        self, channel: str, data: Mapping[str, Any], operation: Mapping[str, Any]
    ) -> Iterator[Message]:
        own = _mapping(data.get("messages"))
        prefix = "#" + pointer_of(["channels", channel, "messages"]) + "/"
        listed = operation.get("messages")
        names = list(own)
        if isinstance(listed, list):
            references = [str(_mapping(each).get("$ref", "")) for each in listed]
            names = [each.removeprefix(prefix) for each in references if each.startswith(prefix)]
        for name in names:
            resolved = self.resolve(own.get(name), f"{prefix[1:]}{name}")
            if resolved is not None:
                yield Message(name, *resolved)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
