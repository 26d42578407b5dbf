"""A WebSocket of a test, whose methods block the thread of the test."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, overload

from photon_openapi.errors import ValidationError
from photon_runtime.errors import DeadlineExceeded
from photon_runtime.testing import HubThread

from .._json_messages import decode_json
from ..client import ClientWebSocket
from ..errors import WebSocketClosed
from ._exchange import Exchange

P = ParamSpec("P")
T = TypeVar("T")

MARGIN = 5.0
"""Seconds after the timeout of a call after which its hub counts as blocked."""
_SHOWN_MESSAGES = 5
_SHOWN_SIZE = 100


class WebSocketTestSession:
    """A WebSocket of a test, connected to a handler of the application.

    As a context manager it closes itself at the end of the block, and waits until the handler has
    ended, so that the test sees its effects. An unexpected error of the handler is raised by the
    call that notices it, at the latest by the end of the block.

    ``timeout`` of its methods is a number of seconds, by default the one of the session.

    Attributes:
        url: URL of the WebSocket.
        subprotocol: Subprotocol that the application chose, ``None`` without one.
        headers: Header fields of the response to the handshake.
    """

    def __init__(
        self,
        hub: HubThread,
        socket: ClientWebSocket,
        *,
        timeout: float,
        exchange: Exchange | None = None,
    ) -> None:
        """Take over an open socket."""
        self.url = socket.url
        self.subprotocol = socket.subprotocol
        self.headers = socket.headers
        self._hub = hub
        self._socket = socket
        self._timeout = timeout
        self._exchange = exchange
        self._received: deque[str | bytes] = deque(maxlen=_SHOWN_MESSAGES)
        self._count = 0

    def __repr__(self) -> str:
        """Show the URL and the state."""
        state = f"closed: {self.close_code}" if self.closed else "open"
        return f"<WebSocketTestSession {self.url} {state}>"

    def __enter__(self) -> Self:
        """Return the session."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Close the socket, and wait until the handler has ended.

        Raises:
            TimeoutError: The handler has not ended; the message shows where it waits.
            Exception: The unexpected error of the handler.
        """
        try:
            self.close()
            self._wait_for_handler()
        except Exception as failure:
            if error is None:
                raise
            if failure is not error:
                error.add_note(f"besides, at the end of {self.url}: {failure!r}")

    # -- state --------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""
        return self._socket.close_code is not None

    @property
    def close_code(self) -> int | None:
        """The close code, 1006 without a close frame; ``None`` while the connection is open."""
        return self._socket.close_code

    @property
    def close_reason(self) -> str:
        """The reason in the close frame."""
        return self._socket.close_reason

    # -- receiving ----------------------------------------------------------------------------

    def receive(self, timeout: float | None = None) -> str | bytes:
        """Return the next message: ``str`` for text, ``bytes`` for a binary one.

        Raises:
            TimeoutError: The handler sent no message in time.
            WebSocketClosed: The handler closed the connection.
            Exception: The unexpected error of the handler.

        Blocks: the calling thread, until there is a message, or the time is over.
        """
        return self._receive("a message", timeout)

    def receive_text(self, timeout: float | None = None) -> str:
        """Return the next message, a text; errors as `receive`.

        Raises:
            AssertionError: The message is binary.
        """
        message = self._receive("a text message", timeout)
        if isinstance(message, str):
            return message
        raise self._unexpected(message, "the message is binary")

    def receive_bytes(self, timeout: float | None = None) -> bytes:
        """Return the next message, a binary one; errors as `receive`.

        Raises:
            AssertionError: The message is a text.
        """
        message = self._receive("a binary message", timeout)
        if isinstance(message, bytes):
            return message
        raise self._unexpected(message, "the message is a text")

    @overload
    def receive_json(self, *, timeout: float | None = None) -> Any: ...
    @overload
    def receive_json(self, type: type[T], *, timeout: float | None = None) -> T: ...
    def receive_json(self, type: Any = Any, *, timeout: float | None = None) -> Any:
        """Return the next message, decoded as JSON; errors as `receive`.

        Args:
            type: Type of the value; anything that a JSON body can be.
            timeout: Maximum time to wait, in seconds.

        Raises:
            AssertionError: The message is not JSON, or not a ``type``.
        """
        message = self._receive("a message of JSON", timeout)
        try:
            return decode_json(message, type)
        except ValidationError as error:
            why = f"the message is not what the test expects: {error}"
            raise self._unexpected(message, why) from error

    def __iter__(self) -> Iterator[str | bytes]:
        """Receive messages until the handler closes the connection; each in time."""
        while True:
            try:
                message = self._receive("a message, or the end", None)
            except WebSocketClosed:
                return
            yield message

    def wait_closed(self, timeout: float | None = None) -> int:
        """Wait until the handler closes the connection, and return the close code.

        Raises:
            AssertionError: A message arrived instead.
            TimeoutError: The handler did not close the connection in time.
            Exception: The unexpected error of the handler.

        Blocks: the calling thread, until the connection has ended.
        """
        try:
            message = self._receive("the end of the connection", timeout)
        except WebSocketClosed as closed:
            return closed.code
        raise self._unexpected(message, "a message has arrived")

    def _receive(self, what: str, timeout: float | None) -> str | bytes:
        seconds = self._timeout if timeout is None else timeout
        try:
            message: str | bytes | None = self._call(seconds, self._socket.receive, seconds)
        except WebSocketClosed as closed:
            closed.add_note(self._explained(f"the test waited for {what}"))
            raise
        if message is None:
            late = f"the test waited {seconds:g} seconds for {what}"
            raise TimeoutError(self._explained(late) + self._position())
        self._received.append(message)
        self._count += 1
        return message

    def _unexpected(self, message: str | bytes, why: str) -> AssertionError:
        return AssertionError(self._explained(f"{why}: {_shown(message)}"))

    # -- sending ------------------------------------------------------------------------------

    def send(self, message: str | bytes, timeout: float | None = None) -> None:
        """Send a message: a text if it is a ``str``.

        Raises:
            TimeoutError: The application did not read the message in time.
            WebSocketClosed: The handler closed the connection.
            Exception: The unexpected error of the handler.

        Blocks: the calling thread, until the message was sent.
        """
        self._send(self._socket.send, message, timeout)

    def send_text(self, text: str, timeout: float | None = None) -> None:
        """Send a text message; errors as `send`."""
        self._send(self._socket.send_text, text, timeout)

    def send_bytes(self, data: bytes, timeout: float | None = None) -> None:
        """Send a binary message; errors as `send`."""
        self._send(self._socket.send_bytes, data, timeout)

    def send_json(self, value: object, timeout: float | None = None) -> None:
        """Send a value as JSON, in a text message; errors as `send`."""
        self._send(self._socket.send_json, value, timeout)

    def ping(self, data: bytes | None = None, timeout: float | None = None) -> float:
        """Send a ping, wait for its pong, and return the seconds in between.

        Raises:
            TimeoutError: The pong did not arrive in time.
            WebSocketClosed: The handler closed the connection.
        """
        seconds = self._timeout if timeout is None else timeout
        return self._call(seconds, self._socket.ping, data, seconds)

    def _send(
        self, send: Callable[[Any, float], None], value: object, timeout: float | None
    ) -> None:
        seconds = self._timeout if timeout is None else timeout
        try:
            self._call(seconds, send, value, seconds)
        except DeadlineExceeded:
            late = f"the application did not read a message within {seconds:g} seconds"
            raise TimeoutError(self._explained(late) + self._position()) from None

    # -- the end ------------------------------------------------------------------------------

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection as a client does. Twice is harmless.

        Args:
            code: Close code: 1000, or one of 3000 to 4999.
            reason: Text of at most 123 bytes.

        Raises:
            ValueError: A client must not send ``code``.

        Blocks: the calling thread, until the application has answered; a few seconds at most.
        """
        self._call(self._timeout, self._socket.close, code, reason)

    def _call(
        self, seconds: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call a method of the socket in its hub.

        Raises:
            Exception: The unexpected error of the handler, if it has closed the connection.
        """
        pending = self._hub.begin(function, *args, **kwargs)
        try:
            return pending.result(seconds + MARGIN)
        except WebSocketClosed as closed:
            if closed.code == 1011:
                self._wait_for_handler()
            raise
        except TimeoutError:
            if pending.done:
                raise
            blocked = "code of the application blocks the scheduler, so that no other task can run"
            raise TimeoutError(self._explained(blocked)) from None

    def _wait_for_handler(self) -> None:
        if self._exchange is not None:
            self._exchange.wait(self._timeout)

    def _position(self) -> str:
        return "" if self._exchange is None else self._exchange.position()

    def _explained(self, what: str) -> str:
        shown = ", ".join(map(_shown, self._received))
        if self._count > len(self._received):
            shown = f"…, {shown}"
        return f"{self.url}: {what}; received so far: {shown or 'nothing'}"


def _shown(message: str | bytes) -> str:
    if len(message) <= _SHOWN_SIZE:
        return repr(message)
    unit = "characters" if isinstance(message, str) else "bytes"
    return f"{message[:_SHOWN_SIZE]!r}… ({len(message)} {unit})"
