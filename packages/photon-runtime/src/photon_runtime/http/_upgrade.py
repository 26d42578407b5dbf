"""Upgrades: a handler accepts the client's offer to use another protocol.

Theory of operation. A handler returns `upgrade`, and the connection sends ``101 Switching
Protocols`` and calls the function passed to it with an `UpgradedStream`, in the coroutine and the
context of the request. When it returns, the connection is closed. An offer that no handler accepts
is ignored, and the connection continues with HTTP; the bytes after the offer, which may belong to
either protocol, are held back until then.

Resources of the request (its dependencies) are passed to the upgrade by `Upgrade.hold` and
released when the protocol has ended, or when it cannot begin.

The server's timeouts end with the upgrade, and so does the request: it no longer counts as in
flight. When the server stops, it calls the stream's `on_stop` callback, which should make the
function return; a function that has not returned after ``shutdown_timeout`` is cancelled.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Protocol, final

from .._pooled_greenlet import current_task
from .._sync import Semaphore
from .._task import Task
from ..units_of_work import begin_messages
from ._response import Response

Serve = Callable[["UpgradedStream"], None]


def upgrade(
    protocol: str,
    serve: Serve,
    *,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
) -> Response:
    """Return a response that changes the protocol of the connection.

    Args:
        protocol: New protocol; the request must offer it, see `Request.upgrades`.
        serve: Function that serves the protocol; the connection ends when it returns.
        headers: Header fields of the response, besides ``Connection`` and ``Upgrade``.

    Example:
        >>> from photon_runtime.http import Request, Response, UpgradedStream, upgrade
        >>> def echo(stream: UpgradedStream) -> None:
        ...     while part := stream.recv():
        ...         stream.sendall(part)
        >>> def handle(request: Request) -> Response:
        ...     if "echo" in request.upgrades:
        ...         return upgrade("echo", echo)
        ...     return Response(426, headers={"upgrade": "echo"})
    """
    response = Response(101, headers=headers)
    response.set_header("upgrade", protocol)
    response.body = Upgrade(protocol, serve)
    return response


@final
class Upgrade:
    """The body of a response made by `upgrade`: the function that serves the new protocol."""

    __slots__ = ("_held", "protocol", "serve")

    def __init__(self, protocol: str, serve: Serve) -> None:
        """Store the protocol and the function."""
        self.protocol = protocol
        self.serve = serve
        self._held: ExitStack | None = None

    def hold(self, stack: ExitStack) -> None:
        """Keep the resources of ``stack`` open until the protocol has ended, or could not begin."""
        if self._held is not None:
            stack.push(self._held)
        self._held = stack

    def run(self, stream: UpgradedStream) -> None:
        """Serve the protocol until it ends, and release the held resources, with any error.

        Blocks: the calling task.
        """
        held, self._held = self._held, None
        begin_messages()
        if held is None:
            self.serve(stream)
            return
        with held:
            self.serve(stream)

    def close(self) -> None:
        """Release the held resources if the protocol has not begun."""
        held, self._held = self._held, None
        if held is not None:
            held.close()

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over nothing."""
        return iter(())


class UpgradedHost(Protocol):
    """The server of an upgraded connection, as far as the stream needs it.

    Attributes:
        buffer: The bytes that `UpgradedWire.receive` has received.
        is_stopping: Whether the server has begun to stop.
    """

    buffer: bytearray
    is_stopping: bool


class UpgradedWire(Protocol):
    """The bytes below an `UpgradedStream`: those of a connection, or of a stream in memory.

    Attributes:
        expires: The time at which a wait ends, in seconds of the scheduler's clock.
    """

    expires: float

    @property
    def server(self) -> UpgradedHost:
        """The server."""
        ...

    @property
    def stream(self) -> Any:
        """The socket, or an object with its ``shutdown``."""
        ...

    def receive(self, task: Task[object]) -> int:
        """Wait for bytes, put them into the server's buffer, and return their number."""
        ...

    def send(self, data: bytes | memoryview, task: Task[object], *, is_timed: bool) -> None:
        """Send all of ``data``."""


@final
class UpgradedStream:
    """The connection after an upgrade: bytes in both directions, without timeouts.

    In tests `photon_runtime.testing.serve_upgrade` makes one of a stream in memory.

    One task may receive while others send; the data of one `sendall` is not interleaved.
    """

    __slots__ = ("_on_stop", "_received", "_sending", "_wire")

    def __init__(self, wire: UpgradedWire, received: bytes) -> None:
        """Begin with the bytes that followed the request."""
        self._wire = wire
        self._received = received
        self._sending = Semaphore(1)
        self._on_stop: Callable[[], object] | None = None
        wire.expires = math.inf

    def recv(self, size: int = 65536) -> bytes:
        """Wait for bytes and return at most ``size`` of them, ``b""`` at the end.

        Raises:
            ConnectionError: The connection broke.
            Cancelled: A scope around the task was cancelled.

        Blocks: the calling task.
        """
        if self._received:
            part, self._received = self._received[:size], self._received[size:]
            return part
        wire = self._wire
        count = wire.receive(current_task())
        buffer = wire.server.buffer
        part = bytes(memoryview(buffer)[: min(count, size)])
        if count > size:
            self._received = bytes(memoryview(buffer)[size:count])
        return part

    def sendall(self, data: bytes | memoryview) -> None:
        """Send all of ``data``, waiting for room as often as it takes.

        Raises:
            ConnectionError: The connection broke.
            Cancelled: A scope around the task was cancelled; a part may have been sent.

        Blocks: the calling task, while the client does not read.
        """
        with self._sending:
            self._wire.send(data, current_task(), is_timed=False)

    def close(self) -> None:
        """Shut down both directions: `recv` returns ``b""`` from now on, `sendall` fails."""
        try:
            self._wire.stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the client was faster

    def on_stop(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` when the server begins to stop; it must not wait.

        It is called at once if the server is stopping already. A later callback replaces it.
        """
        self._on_stop = callback
        if self._wire.server.is_stopping:
            callback()

    def stop(self) -> None:
        """Call the `on_stop` callback: the server is stopping."""
        if self._on_stop is not None:
            self._on_stop()
