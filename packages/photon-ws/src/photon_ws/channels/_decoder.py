"""Received messages to values, as strictly as JSON bodies.

Theory of operation. Objects of several classes are distinguished by their tag, which is read first:
msgspec skips all other members for that. Then the decoder of the class decodes the whole message.
Trying one class after another would cost several times as much, and would report the errors of a
class that the client did not mean.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from photon_openapi.codec import decoder_of
from photon_openapi.errors import ErrorDetail, ValidationError
from photon_openapi.messages import choices, pointer_of
from photon_openapi.schema import DECODE_ERRORS

from ..protocol import Message
from ._message_types import MessageTypes
from ._problem import BinaryMessage

_BLANKS = b" \t\n\r"


class MessageDecoder:
    """Decodes the messages of one direction; made at start-up.

    Args:
        types: Their types.
    """

    __slots__ = ("_decode", "_read_tag", "_tags", "_types", "_whole")

    def __init__(self, types: MessageTypes) -> None:
        """Make the decoders of all types."""
        self._types = types
        self._tags = {tag: decoder_of(each).decode for tag, each in types.by_tag.items()}
        self._read_tag = None if types.tag is None else _tag_reader(types.tag)
        self._whole = decoder_of(types.type).decode if types.members else _refuse
        self._decode = self._decode_union if len(types.members) > 1 else self._whole

    def decode(self, message: Message) -> Any:
        """Return the value of a message.

        Raises:
            ValidationError: It is binary, or invalid; has every error.
        """
        if not isinstance(message, str):
            error = ErrorDetail("body", "must be text, not a binary message", pointer="")
            raise BinaryMessage([error])
        return self._decode(message.encode())

    def _decode_union(self, data: bytes) -> Any:
        if data.lstrip(_BLANKS)[:1] != b"{" or not self._types.objects:
            return self._whole(data)
        if self._read_tag is None:
            return decoder_of(self._types.objects[0]).decode(data)
        try:
            tag = self._read_tag(data)
        except (*DECODE_ERRORS, ValidationError):
            return self._explained(data, UNSET)
        decode = self._tags.get(tag) if isinstance(tag, str) else None
        return self._explained(data, tag) if decode is None else decode(data)

    def _explained(self, data: bytes, tag: Any) -> Any:
        """Raise the errors of a message without a valid tag."""
        decoder_of(Any).decode(data)  # raises an error if it cannot be read at all
        name = typing.cast("str", self._types.tag)
        message = f"must be one of {choices(self._tags)}"
        if tag is UNSET:
            message = f"missing required member {choices([name])}"
        raise ValidationError([ErrorDetail("body", message, pointer=pointer_of([name]))])


def _tag_reader(name: str) -> Callable[[bytes], Any]:
    """Return a function that reads one member of an object, and skips the others."""
    fields = [("tag", Any | UnsetType, UNSET)]
    struct = msgspec.defstruct("Tagged", fields, rename={"tag": name})
    decode = msgspec.json.Decoder(struct).decode
    return lambda data: decode(data).tag  # type: ignore[attr-defined]


def _refuse(data: bytes) -> Any:
    raise ValidationError([ErrorDetail("body", "this channel receives no messages", pointer="")])
