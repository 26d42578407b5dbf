"""The types of one handler's WebSocket, checked and compiled at start-up."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from photon_openapi.annotations import strip_alias
from photon_openapi.schema import Schema
from photon_runtime.http import Request

from .._connection import Connection
from ._decoder import MessageDecoder
from ._encoder import MessageEncoder
from ._message_types import MessageTypes, message_types
from ._problem import OnInvalid, problem_schema, problem_tag
from ._type_arguments import type_arguments
from ._websocket import WebSocket


@attrs.frozen(eq=False)
class Channel:
    """The messages of one handler.

    Attributes:
        cls: The class of its argument.
        received: The types of the messages that clients send.
        sent: The types of the messages that clients receive.
        on_invalid: The reaction to an invalid message.
        tag: The name of the tag of messages that answer invalid ones; empty if there are none.
    """

    cls: type[WebSocket[Any, Any]]
    received: MessageTypes
    sent: MessageTypes
    on_invalid: OnInvalid
    tag: str
    _decoder: MessageDecoder
    _encoder: MessageEncoder

    def open(
        self,
        connection: Connection,
        request: Request,
        *,
        subprotocol: str | None,
        is_checked: bool,
        count_invalid: Callable[[], object] | None = None,
    ) -> WebSocket[Any, Any]:
        """Return the WebSocket of a connection.

        Args:
            connection: The connection.
            request: Its request.
            subprotocol: Its subprotocol.
            is_checked: True to validate the messages that are sent.
            count_invalid: Function to call for each invalid message.
        """
        return self.cls(
            connection,
            request,
            subprotocol=subprotocol,
            decoder=self._decoder,
            encoder=self._encoder,
            tag=self.tag,
            is_checked=is_checked,
            count_invalid=count_invalid,
        )

    def describe(self, schema: Callable[[Any], Schema]) -> dict[str, Any]:
        """Return the description of the messages for the OpenAPI operation.

        Args:
            schema: Returns the schema of a type.
        """
        description: dict[str, Any] = {}
        for key, types in (("receive", self.received), ("send", self.sent)):
            if types.members:
                described = schema(types.type)
                if types.schema_extras:
                    described.update(types.schema_extras)
                description[key] = {"schema": described}
        if self.tag:
            description["problem"] = {"schema": problem_schema(self.tag)}
        return description


def channel_of(annotation: Any, on_invalid: OnInvalid = "answer") -> Channel | None:
    """Return the channel that an annotation describes; ``None`` for one without types.

    Args:
        annotation: The class of the argument, with its type arguments.
        on_invalid: The reaction to an invalid message.

    Raises:
        TypeError: Types are missing, messages of two types cannot be distinguished, or a type has
            no form in JSON.
    """
    cls = typing.get_origin(annotation) or annotation
    if not issubclass(cls, WebSocket):
        return None
    arguments = type_arguments(annotation, WebSocket)
    if any(isinstance(each, TypeVar) for each in arguments):
        raise TypeError(
            f"{cls.__name__} lacks the types of its messages: write WebSocket[Received, Sent], or "
            "PhotonWebSocket for messages without types"
        )
    received, sent = map(message_types, arguments)
    _refuse_null(received)
    tag = problem_tag(sent) if on_invalid == "answer" else ""
    return Channel(
        cls, received, sent, on_invalid, tag, MessageDecoder(received), MessageEncoder(sent)
    )


def _refuse_null(received: MessageTypes) -> None:
    if any(strip_alias(each) in (None, type(None)) for each in received.members):
        raise TypeError(
            "a received message cannot be None: receive() and read_message() return None when "
            "there is no message; leave None out, or put it into a class"
        )
