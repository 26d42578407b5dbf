"""What a room sends: the content of a message, and its form on the wire.

Theory of operation. A message is encoded once, when it is broadcast; the result, a kind and bytes,
is what the log has and what travels between workers. The form that sockets get is made of these
bytes once for each worker, because it may contain the id of the message, which is known only then:

- *plain*: the content as it is;
- *envelope*: ``{"id": …, "data": …}`` around text or JSON;
- *member*: the id becomes the first member of a JSON object, for example of a typed message.

Both put bytes around bytes; nothing is decoded.
"""

from __future__ import annotations

from typing import Any

import attrs
import msgspec

from photon_openapi.codec import encode as encode_json

from ._entries import Kind


@attrs.frozen
class Content:
    """The content of a message: what its payload is, and its payload."""

    kind: Kind
    payload: bytes


@attrs.frozen
class Form:
    """How messages of a room are sent.

    Attributes:
        envelope: True for ``{"id": …, "data": …}``.
        id_member: Name of the member of JSON objects that is set to the id.
    """

    envelope: bool = False
    id_member: str | None = None

    def check(self, content: Content) -> None:
        """Refuse a content that cannot have this form.

        Raises:
            TypeError: The room adds ids, and the content is not text or JSON, or not an object.
        """
        if self.envelope and content.kind == "bytes":
            raise TypeError("a room with an envelope sends text and JSON values, not bytes")
        if self.id_member is not None and content.payload[:1] != b"{":
            raise TypeError(
                f"a room with id_member={self.id_member!r} sends JSON objects only: an attrs "
                "class, a dataclass or a dict"
            )

    def message(self, content: Content, message_id: str) -> str | bytes:
        """Return what a socket sends: a string for a text message, bytes for a binary one."""
        payload = content.payload
        if content.kind == "bytes":
            return payload
        if self.envelope:
            data = payload if content.kind == "json" else encode_json(payload.decode())
            return f'{{"id":"{message_id}","data":{data.decode()}}}'
        text = payload.decode()
        if self.id_member is not None:
            rest = text[1:].lstrip()
            separator = "" if rest.startswith("}") else ","
            return f'{{{_quoted(self.id_member)}:"{message_id}"{separator}{rest}'
        return text

    def gap(self, content: Content, message_id: str) -> str | bytes:
        """Return what a socket is sent if messages may be missing.

        Args:
            content: The message of the room about it.
            message_id: The id from which on nothing is missing.
        """
        if self.envelope:
            return f'{{"id":"{message_id}","gap":true}}'
        return self.message(content, message_id)


def encode_content(message: object) -> Content:
    """Encode a message: text and bytes as they are, any other value as JSON.

    Raises:
        TypeError: The value cannot be encoded as JSON.
    """
    if isinstance(message, str):
        return Content("text", message.encode())
    if isinstance(message, bytes | bytearray | memoryview):
        return Content("bytes", bytes(message))
    return Content("json", encode_json(message))


def decode_content(content: Content) -> Any:
    """Return a content as Python value: a string, bytes, or what JSON consists of."""
    if content.kind == "text":
        return content.payload.decode()
    if content.kind == "json":
        return msgspec.json.decode(content.payload)
    return content.payload


def _quoted(name: str) -> str:
    return encode_json(name).decode()
