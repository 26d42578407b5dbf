"""The messages that answer invalid ones: problem documents with a tag.

A client must distinguish such a message from all others of the channel. So it has the tag of the
messages that are sent (``type`` if these have none) with the value ``problem``, which no message of
the application may have.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from photon_openapi.codec import encode
from photon_openapi.errors import ValidationError
from photon_openapi.schema import Schema, SchemaBuilder, types_of

from ._message_types import MessageTypes, name_of, tag_of_class

OnInvalid: TypeAlias = Literal["answer", "close"]
"""The reaction to an invalid message: a message that lists its errors, or the end."""

PROBLEM: Final = "problem"
"""The tag of messages about invalid messages."""
_DEFAULT_TAG: Final = "type"
_TITLES: Final = {
    400: "the message cannot be read",
    415: "the message must be text",
    422: "message validation failed",
}
_CLOSE_CODES: Final = {415: 1003}
_INVALID_DATA: Final = 1007


class BinaryMessage(ValidationError):
    """A binary message on a channel whose messages are text."""

    status = 415


def problem_tag(sent: MessageTypes) -> str:
    """Return the name of the tag of problems among the messages that are sent.

    Raises:
        TypeError: A message of the application may have the tag of problems.
    """
    tag = sent.tag
    if tag is None and len(sent.objects) == 1:
        tag = tag_of_class(sent.objects[0])
    tag = tag or _DEFAULT_TAG
    for each in sent.objects:
        if _may_be_problem(each, tag):
            raise TypeError(
                f"messages that answer invalid ones have {tag} = {PROBLEM!r}, and "
                f"{name_of(each)}.{tag} may have this value, too: give it a Literal with another "
                'value, or set on_invalid="close"'
            )
    return tag


def problem_message(error: ValidationError, tag: str, number: int) -> bytes:
    """Return the message that answers an invalid one.

    Args:
        error: The errors of the message.
        tag: The name of the tag.
        number: The number of the message among all of the WebSocket, from 1.
    """
    errors = [{"pointer": each.pointer or "", "message": each.message} for each in error.errors]
    document: dict[str, Any] = {
        "title": _title(error),
        "status": error.status,
        "number": number,
        "errors": errors,
    }
    return encode({tag: PROBLEM, **{key: document[key] for key in document if key != tag}})


def problem_schema(tag: str) -> Schema:
    """Return the schema of such a message."""
    properties: dict[str, Schema] = {
        "title": {"type": "string", "description": "What is wrong."},
        "status": {
            "type": "integer",
            "enum": sorted(_TITLES),
            "description": "400: not JSON; 415: not text; 422: not as described.",
        },
        "number": {
            "type": "integer",
            "minimum": 1,
            "description": "The number of the message among all of the client's, from 1.",
        },
        "errors": {
            "type": "array",
            "description": "Every error of the message.",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the message."},
                    "message": {"type": "string"},
                },
                "required": ["pointer", "message"],
            },
        },
    }
    properties.pop(tag, None)
    properties = {tag: {"type": "string", "enum": [PROBLEM]}, **properties}
    return {
        "type": "object",
        "description": "The answer to an invalid message.",
        "properties": properties,
        "required": list(properties),
    }


def close_arguments(error: ValidationError) -> tuple[int, str]:
    """Return code and reason for closing a WebSocket because of an invalid message."""
    first = error.errors[0]
    where = f" at {first.pointer}" if first.pointer else ""
    code = _CLOSE_CODES.get(error.status, _INVALID_DATA)
    return code, f"{_TITLES[error.status]}{where}: {first.message}"


def _title(error: ValidationError) -> str:
    title = _TITLES[error.status]
    if error.status != ValidationError.status:
        return title
    count = len(error.errors)
    return f"{title}: {count} error{'' if count == 1 else 's'}"


def _may_be_problem(type_: Any, tag: str) -> bool:
    """Return true if a class may have a member with the name and the value of the tag."""
    builder = SchemaBuilder()
    schema = builder.schema(type_)
    while "$ref" in schema:
        schema = builder.components[str(schema["$ref"]).rpartition("/")[2]]
    member = schema.get("properties", {}).get(tag)
    if member is None:
        return False
    while "$ref" in member:
        member = builder.components[str(member["$ref"]).rpartition("/")[2]]
    types = types_of(member)
    if types and "string" not in types:
        return False
    return PROBLEM in member["enum"] if "enum" in member else True
