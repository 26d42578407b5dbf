"""Messages that are JSON: decoded and encoded as strictly as bodies of requests."""

from __future__ import annotations

from typing import Any

from photon_openapi.codec import decoder_of, encode

from .protocol import Message


def decode_json(message: Message, type_: object = Any) -> Any:
    """Return the value of a message.

    Args:
        message: The message, text or binary.
        type_: The type of the value.

    Raises:
        ValidationError: The message is not JSON, or not of that type; has every error.
        TypeError: The type has no form in JSON.
    """
    data = message.encode() if isinstance(message, str) else message
    return decoder_of(type_).decode(data)


def encode_json(value: object) -> str:
    """Return a value as JSON.

    Raises:
        TypeError: The value cannot be encoded as JSON.
    """
    return encode(value).decode()
