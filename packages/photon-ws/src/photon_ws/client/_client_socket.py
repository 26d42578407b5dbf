"""An open WebSocket of a client: what a service sends and receives messages with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from photon_runtime import ChannelClosed, current_task
from photon_runtime.http import Headers

from .._message_methods import UNSUPPORTED_DATA, MessageMethods, bytes_of
from ..errors import WebSocketClosed
from ._client_connection import ClientConnection

_MAX_PING = 125  # bytes; RFC 6455, section 5.5


class ClientWebSocket(MessageMethods):
    """A WebSocket connection to a server; made by `connect`.

    As a context manager it closes itself at the end of the block. Iteration yields messages until
    the connection ends. One task may receive while others send.

    Attributes:
        url: URL of the server, without credentials.
        subprotocol: Subprotocol that the server chose, ``None`` without one.
        headers: Header fields of the server's response to the handshake.
    """

    def __init__(
        self, connection: ClientConnection, *, url: str, subprotocol: str | None, headers: Headers
    ) -> None:
        """Take over a connection after the handshake."""
        self.url = url
        self.subprotocol = subprotocol
        self.headers = headers
        self._connection = connection

    def __repr__(self) -> str:
        """Show the URL and the state."""
        code = self.close_code
        return f"<ClientWebSocket {self.url} {'open' if code is None else f'closed: {code}'}>"

    def __enter__(self) -> Self:
        """Return the socket."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Close the socket."""
        self.close()

    # -- state --------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """True until the connection ends, or either side begins to close it."""
        return self._connection.is_open

    @property
    def close_code(self) -> int | None:
        """The close code: 1006 without a close frame of the server; ``None`` while it is open."""
        return self._connection.end()[0] if self._connection.is_ended else None

    @property
    def close_reason(self) -> str:
        """The reason in the close frame, or what happened to the connection."""
        return self._connection.end()[1] if self._connection.is_ended else ""

    # -- receiving ----------------------------------------------------------------------------

    def read_message(self, timeout: float | None = None) -> str | bytes | None:
        """Wait for the next message and return it: ``str`` for text; ``None`` at the end.

        Raises:
            TimeoutError: No message arrived within ``timeout`` seconds.
            Cancelled: A scope around the task was cancelled; no message was lost.

        Blocks: the calling task.
        """
        try:
            return self._connection.messages.receive(timeout)
        except ChannelClosed:
            return None
        except TimeoutError:
            raise TimeoutError(f"no message of {self.url} within {timeout} seconds") from None

    def _closed_error(self) -> WebSocketClosed:
        return self._connection.closed_error()

    def _refuse(self, reason: str) -> WebSocketClosed:
        self.close(UNSUPPORTED_DATA, reason)
        return WebSocketClosed(UNSUPPORTED_DATA, reason)

    def __iter__(self) -> Iterator[str | bytes]:
        """Receive messages until the connection ends; `close_code` says how it did."""
        while (message := self.read_message()) is not None:
            yield message

    # -- sending ------------------------------------------------------------------------------

    def write_message(self, message: str | bytes, timeout: float | None = None) -> None:
        """Send a message: a text if it is a ``str``.

        Raises:
            WebSocketClosed: The connection has ended.
            TimeoutError: The server did not read for ``timeout`` seconds. The connection is closed
                if the message was sent in part.
            Cancelled: A scope around the task was cancelled; likewise.

        Blocks: the calling task, while the server does not read.
        """
        if not isinstance(message, str):
            message = bytes_of(message, "write_message")
        self._connection.send(message, timeout)

    def ping(self, data: bytes | None = None, timeout: float | None = 20.0) -> float:
        """Send a ping, wait for its pong, and return the seconds in between.

        Args:
            data: Payload of at most 125 bytes; by default a random one.
            timeout: Maximum time to wait, in seconds.

        Raises:
            WebSocketClosed: The connection has ended.
            TimeoutError: The pong did not arrive in time.
            ValueError: The payload is too long, or is that of a ping that waits already.

        Blocks: the calling task.
        """
        payload = os.urandom(8) if data is None else data
        if len(payload) > _MAX_PING or self._connection.is_pinging(payload):
            raise ValueError("the payload of a ping is unique, and has at most 125 bytes")
        clock = current_task().hub.time
        begun = clock()
        if not self._connection.ping(payload, timeout):
            raise TimeoutError(f"no pong of {self.url} within {timeout} seconds")
        return clock() - begun

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection, and wait for its end. Twice is harmless.

        Args:
            code: Close code: 1000, or one of 3000 to 4999 for codes of the application.
            reason: Text for the server, of at most 123 bytes of UTF-8; a longer one is cut.

        Raises:
            ValueError: A client must not send ``code``.
            Cancelled: A scope around the task was cancelled; the connection is closed all the same.

        Blocks: the calling task, for ``close_timeout`` seconds at most.
        """
        self._connection.close(code, reason)
