"""`WebSocket[Received, Sent]`: a WebSocket whose messages are values with types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, NoReturn, TypeVar, overload

from photon_openapi.errors import ValidationError
from photon_runtime import current_task
from photon_runtime.http import Request

from .._connection import Connection
from ..errors import WebSocketClosed
from ..websocket import PhotonWebSocket
from ._decoder import MessageDecoder
from ._encoder import MessageEncoder
from ._problem import close_arguments, problem_message

Received = TypeVar("Received")
Sent = TypeVar("Sent")


class WebSocket(PhotonWebSocket, Generic[Received, Sent]):
    """A WebSocket whose messages are JSON values of the types ``Received`` and ``Sent``.

    Each message is a JSON text. Every received message is validated as strictly as a JSON body; an
    invalid one is answered with a list of its errors, or closes the WebSocket (``on_invalid``), and
    the handler does not see it. The types are attrs classes or anything else that a JSON body can
    be. A union of classes needs a tag: a member that all of them have, with a ``Literal`` of its
    own in each. ``Never`` stands for no messages.

    Example:
        >>> from typing import Literal
        >>> import attrs
        >>> from photon_ws import WebSocket
        >>> @attrs.frozen
        ... class Say:
        ...     text: str
        ...     kind: Literal["say"] = "say"
        >>> @attrs.frozen
        ... class Leave:
        ...     kind: Literal["leave"] = "leave"
        >>> def chat(ws: WebSocket[Say | Leave, str]) -> None:
        ...     for message in ws:
        ...         match message:
        ...             case Say(text):
        ...                 ws.send(text.upper())
        ...             case Leave():
        ...                 return
    """

    def __init__(
        self,
        connection: Connection,
        request: Request,
        *,
        subprotocol: str | None = None,
        decoder: MessageDecoder,
        encoder: MessageEncoder,
        tag: str = "type",
        is_checked: bool = False,
        count_invalid: Callable[[], object] | None = None,
    ) -> None:
        """Take over the connection of ``request``; the adapter calls it.

        Args:
            connection: The connection.
            request: The request.
            subprotocol: The subprotocol that was chosen.
            decoder: Decodes received messages.
            encoder: Encodes messages that are sent.
            tag: The name of the tag of messages that answer invalid ones; empty to close instead.
            is_checked: True to validate messages that are sent.
            count_invalid: Function to call for each invalid message.
        """
        super().__init__(connection, request, subprotocol=subprotocol)
        self._decode = decoder.decode
        self._encode = encoder.encode
        self._tag = tag
        self._is_checked = is_checked
        self._count_invalid = count_invalid
        self._has_refused = False
        if is_checked:
            self.message_check = encoder.check

    # -- receiving ----------------------------------------------------------------------------

    def read_message(self, timeout: float | None = None) -> Received | None:  # type: ignore[override]
        """Wait for the next valid message and return its value; ``None`` at the end.

        Args:
            timeout: Maximum time to wait in seconds; ``None`` for no limit.

        Raises:
            TimeoutError: No valid message arrived in time.
            RuntimeError: Another task receives already.
            Cancelled: A scope around the task was cancelled; no message is lost.

        Blocks: the calling task.
        """
        try:
            return self._next_value(timeout)
        except WebSocketClosed:
            return None

    @overload  # type: ignore[override]  # it narrows the result, which is Any
    def receive(self, timeout: None = None) -> Received: ...
    @overload
    def receive(self, timeout: float | None) -> Received | None: ...

    def receive(self, timeout: float | None = None) -> Received | None:
        """Wait for the next valid message and return its value; ``None`` after the timeout.

        Raises:
            WebSocketClosed: The WebSocket is closed, and every message was received.
            RuntimeError: Another task receives already.
            Cancelled: A scope around the task was cancelled; no message is lost.

        Blocks: the calling task.
        """
        try:
            return self._next_value(timeout)
        except TimeoutError:
            return None

    def __iter__(self) -> Iterator[Received]:
        """Iterate over the values of the messages until the WebSocket is closed."""
        while True:
            try:
                value = self._next_value(None)
            except WebSocketClosed:
                return
            yield value

    def _next_value(self, timeout: float | None) -> Received:
        """Return the value of the next valid message, after answering the invalid ones."""
        until = None if timeout is None else current_task().hub.time() + timeout
        while True:
            # What arrived behind an invalid message that closes does not count.
            message = None if self._has_refused else super().read_message(timeout)
            if message is None:
                raise self.connection.closed_error()
            try:
                value: Received = self._decode(message)
            except ValidationError as error:
                if until is not None:
                    timeout = max(0.0, until - current_task().hub.time())
                self._answer_invalid(error, timeout)
                if timeout == 0:  # further messages may have arrived, and be invalid as well
                    raise TimeoutError("no valid message arrived in time") from None
            else:
                return value

    def _answer_invalid(self, error: ValidationError, timeout: float | None) -> None:
        if self._count_invalid is not None:
            self._count_invalid()
        if not self._tag:
            self._has_refused = True
            self.close(*close_arguments(error))
            return
        number = self.connection.received
        answer = problem_message(error, self._tag, number).decode()
        self.connection.send(answer, timeout)

    # -- sending ------------------------------------------------------------------------------

    def send(self, data: Sent, timeout: float | None = None) -> None:
        """Send a value; the other end gets the members of ``Sent`` and no others.

        Args:
            data: The value.
            timeout: Maximum time to wait in seconds for room; ``None`` for no limit.

        Raises:
            WebSocketClosed: The WebSocket is closed, or was closed meanwhile.
            TypeError: The value is not of the type ``Sent``, and has not its members either.
            InvalidMessage: The message is not as described; only in development and in tests.
            TimeoutError: There was no room in time. If a part of the message was sent already, the
                WebSocket is closed.
            Cancelled: A scope around the task was cancelled; likewise.

        Blocks: the calling task, while the client does not read.
        """
        self.connection.send(self._encode(data, is_checked=self._is_checked), timeout)

    def write_message(self, message: Sent, timeout: float | None = None) -> None:  # type: ignore[override]
        """Send a value; see `send`."""
        self.send(message, timeout)

    # -- messages without types ---------------------------------------------------------------

    def receive_text(self, timeout: float | None = None) -> NoReturn:
        """Refuse to receive a message without its type; use `receive`."""
        raise self._untyped("receive")

    def receive_bytes(self, timeout: float | None = None) -> NoReturn:
        """Refuse to receive a message without its type; use `receive`."""
        raise self._untyped("receive")

    def receive_json(self, type: Any = Any, *, timeout: float | None = None) -> NoReturn:
        """Refuse to receive a message with another type; use `receive`."""
        raise self._untyped("receive")

    def send_text(self, text: str, timeout: float | None = None) -> NoReturn:
        """Refuse to send a message without its type; use `send`."""
        raise self._untyped("send")

    def send_bytes(self, data: bytes, timeout: float | None = None) -> NoReturn:
        """Refuse to send a message without its type; use `send`."""
        raise self._untyped("send")

    def send_json(self, value: object, timeout: float | None = None) -> NoReturn:
        """Refuse to send a message with another type; use `send`."""
        raise self._untyped("send")

    def _untyped(self, method: str) -> TypeError:
        return TypeError(f"the messages of this WebSocket have types: use {method}()")
