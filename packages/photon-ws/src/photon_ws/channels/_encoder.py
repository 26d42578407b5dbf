"""Values to messages that are sent: the members of the annotated types, and no others.

Values are projected as results of handlers are (`photon_openapi.codec.Projection`). In development
and in tests, the message is then validated like a response; an invalid one is an error where it is
sent, and does not reach the client.
"""

from __future__ import annotations

from typing import Any

from photon_openapi.codec import encode, projection_of
from photon_openapi.errors import ErrorDetail
from photon_openapi.schema import DECODE_ERRORS, SchemaBuilder, SchemaCheck, decode_plain

from ..errors import InvalidMessage
from ..protocol import Message
from ._message_types import MessageTypes, name_of


class MessageEncoder:
    """Encodes the messages of one direction; made at start-up.

    Args:
        types: Their types.
    """

    __slots__ = ("_check", "_names", "_project", "_types")

    def __init__(self, types: MessageTypes) -> None:
        """Make the projection and the check."""
        self._types = types
        self._names = " | ".join(map(name_of, types.members))
        if types.members:
            builder = SchemaBuilder()
            schema = builder.sent_schema(types.type) | types.schema_extras
            self._check = SchemaCheck(schema, components=builder.components)
            self._project = projection_of(types.type)

    def encode(self, value: Any, *, is_checked: bool) -> str:
        """Return a value as a message.

        Args:
            value: The value.
            is_checked: True to validate the message.

        Raises:
            TypeError: The value is not one of the annotated types, or cannot be encoded.
            InvalidMessage: The message is invalid; only if it is checked.
        """
        if not self._types.members:
            raise TypeError("this WebSocket sends no messages: its annotation has Never for them")
        project = self._project
        if project is not None and type(value) is not project.cls:
            try:
                value = project(value)
            except TypeError as error:
                name = type(value).__qualname__
                raise TypeError(f"send() takes {self._names}, not {name}: {error}") from error
        data = encode(value)
        if is_checked:
            self._check_data(data)
        return data.decode()

    def check(self, message: Message) -> None:
        """Validate a message that was encoded elsewhere, such as in a room.

        Raises:
            InvalidMessage: It is not as the channel describes it.
        """
        if not self._types.members:
            error = ErrorDetail("body", "must not be sent", pointer="")
            raise InvalidMessage("Never", [error])
        if not isinstance(message, str):
            error = ErrorDetail("body", "must be text, not a binary message", pointer="")
            raise InvalidMessage(self._names, [error])
        self._check_data(message.encode())

    def _check_data(self, data: bytes) -> None:
        try:
            plain = decode_plain(data)
        except DECODE_ERRORS:
            error = ErrorDetail("body", "must be JSON; a room sends text as it is", pointer="")
            raise InvalidMessage(self._names, [error]) from None
        if not self._check.is_valid(plain):
            raise InvalidMessage(self._names, self._check.errors(plain))
