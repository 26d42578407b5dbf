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

import functools
import logging
import math
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Protocol, final

from .._pooled_greenlet import current_task
from .._sync import Semaphore
from .._task import Task
from .._watcher import Waiter
from ..errors import Cancelled
from ..units_of_work import begin_messages
from ._cut_off import peer_name
from ._response import Response

_log = logging.getLogger("photon.http")

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

    __slots__ = ("_error", "_has_begun", "_held", "_keeps_error", "protocol", "serve")

    def __init__(self, protocol: str, serve: Serve) -> None:
        """Store the protocol and the function."""
        self.protocol = protocol
        self.serve = serve
        self._held: ExitStack | None = None
        self._has_begun = False
        self._keeps_error = False
        self._error: BaseException | None = None

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
        self._has_begun = True
        try:
            if held is None:
                self.serve(stream)
                return
            with held:
                self.serve(stream)
        except BaseException as error:
            if self._keeps_error:
                self._error = error
            raise

    def keep_error(self) -> None:
        """Keep the error that ends the protocol until `take_error`."""
        self._keeps_error = True

    def take_error(self) -> BaseException | None:
        """Return the error that ended the protocol, once; `Cancelled` if it could not begin.

        The error refers to all calls that it has left, and they to this object, so it is kept no
        longer than it is needed: such cycles would wait for the garbage collector.
        """
        error, self._error = self._error, None
        return error if self._has_begun else Cancelled(self)

    def close(self) -> None:
        """Release the held resources as cancelled if the protocol has not begun."""
        held, self._held = self._held, None
        if held is None:
            return
        cut = Cancelled(self)
        try:
            with held:
                raise cut
        except Cancelled as raised:
            if raised is not cut:
                raise

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over nothing."""
        return iter(())


class UpgradedHost(Protocol):
    """The server of an upgraded connection, as far as the stream needs it.

    Attributes:
        buffer: The bytes that `UpgradedWire.receive` has received.
        view: The buffer, for slices without a copy.
        is_stopping: Whether the server has begun to stop.
    """

    buffer: bytearray
    view: memoryview
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

    def read_now(self) -> memoryview | None:
        """Return the bytes that have arrived: ``None`` before any has, empty at the end."""

    def wait_readable(self, task: Task[object]) -> None:
        """Wait until `read_now` may return something."""

    def wait_and_read(self, task: Task[object]) -> memoryview | None:
        """Wait if nothing has arrived, and then read once, like `read_now`."""

    def write_now(self, data: bytes | memoryview) -> int:
        """Send what there is room for; return the number of bytes."""
        ...

    def wake_when_readable(self, waiter: Waiter) -> None:
        """Call ``waiter.unpark()`` once when `read_now` may return something."""

    def wake_when_writable(self, waiter: Waiter) -> None:
        """Call ``waiter.unpark()`` once when there may be room for `write_now`."""

    def dismiss(self, waiter: Waiter) -> None:
        """End what `wake_when_readable` and `wake_when_writable` began."""


@final
class _Callback:
    """A waiter without a task, which calls a function of the protocol."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def park(self) -> None:
        """Do nothing: the waiter has no task."""

    def unpark(self) -> bool:
        """Call the function. The hub polls at this moment, so an error is only logged."""
        try:
            self._function()
        except BaseException as error:
            if not isinstance(error, Exception | SystemExit):  # of a signal handler: the hub's
                raise
            _log.error("a protocol failed after an upgrade", exc_info=error)
        return True

    def interrupt(self, error: BaseException) -> bool:
        """Do nothing: the connection is being closed."""
        return False


class _WaitIsOver(Exception):
    """The timeout of a wait for bytes has expired."""


@final
class UpgradedStream:
    """The connection after an upgrade: bytes in both directions, without timeouts.

    In tests `photon_runtime.testing.serve_upgrade` makes one of a stream in memory.

    One task may receive while others send; the data of one `sendall` is not interleaved.

    A protocol that must react while its function is busy (answer a ping, notice the end) uses the
    methods that do not wait: `read_now` and `write_now`, and the callbacks of `when_readable` and
    `when_writable`. Do not mix them with `recv` and `sendall`.
    """

    __slots__ = ("_on_readable", "_on_stop", "_on_writable", "_received", "_sending", "_wire")

    def __init__(self, wire: UpgradedWire, received: bytes) -> None:
        """Begin with the bytes that followed the request."""
        self._wire = wire
        self._received = received
        self._sending: Semaphore | None = None
        self._on_stop: Callable[[], object] | None = None
        self._on_readable: _Callback | None = None
        self._on_writable: _Callback | None = None
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
        view = wire.server.view
        part = bytes(view[: min(count, size)])
        if count > size:
            self._received = bytes(view[size:count])
        return part

    def sendall(self, data: bytes | memoryview) -> None:
        """Send all of ``data``, waiting for room as often as it takes.

        Raises:
            ConnectionError: The connection broke.
            Cancelled: A scope around the task was cancelled; a part may have been sent.

        Blocks: the calling task, while the client does not read.
        """
        if self._sending is None:
            self._sending = Semaphore(1)
        with self._sending:
            self._wire.send(data, current_task(), is_timed=False)

    @property
    def peer_name(self) -> str:
        """The address of the other end of the connection, for log records."""
        return peer_name(getattr(self._wire, "peer", None))

    # -- without waiting ----------------------------------------------------------------------

    def read_now(self) -> memoryview | None:
        """Return the bytes that have arrived: ``None`` before any has, empty at the end.

        The bytes are valid until the next switch to another task: use them, or copy them.

        Raises:
            ConnectionError: The connection broke.
        """
        if self._received:
            received, self._received = self._received, b""
            return memoryview(received)
        return self._wire.read_now()

    def wait_and_read(self, task: Task[object]) -> memoryview | None:
        """Wait if nothing has arrived, and then read once, like `read_now`.

        Args:
            task: The calling task. Its ``unpark()`` ends the wait.

        Raises:
            ConnectionError: The connection broke.
            Cancelled: A scope around the task was cancelled.

        Blocks: the calling task, until bytes arrive.
        """
        if self._received:
            return self.read_now()
        return self._wire.wait_and_read(task)

    def wait_readable(self, timeout: float | None = None) -> bool:
        """Wait until `read_now` may return something; to be called after it returned ``None``.

        Args:
            timeout: Maximum time to wait in seconds; ``None`` for no limit.

        Returns:
            False after the timeout.

        Raises:
            Cancelled: A scope around the task was cancelled.

        Blocks: the calling task.
        """
        task = current_task()
        if timeout is None:
            self._wire.wait_readable(task)
            return True
        is_over = _WaitIsOver()
        hub = task.hub
        timer = hub.timers.add(hub.time() + timeout, functools.partial(task.interrupt, is_over))
        try:
            self._wire.wait_readable(task)
        except _WaitIsOver:
            return False
        finally:
            timer.cancel()
        return True

    def write_now(self, data: bytes | memoryview) -> int:
        """Send what there is room for; return the number of bytes.

        If that is not all of it, send the rest, and nothing else, after `when_writable`.

        Raises:
            ConnectionError: The connection broke.
        """
        return self._wire.write_now(data)

    def when_readable(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` once, when `read_now` may return something; at once if it may already.

        It is called by the scheduler between tasks, and so must not wait. `dismiss` prevents it;
        until then no task may wait for bytes.
        """
        waiter = self._on_readable = _Callback(callback)
        self._wire.wake_when_readable(waiter)

    def when_writable(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` once, when there may be room for `write_now`, like `when_readable`."""
        waiter = self._on_writable = _Callback(callback)
        self._wire.wake_when_writable(waiter)

    def dismiss(self, *, readable: bool = True, writable: bool = True) -> None:
        """Prevent the callbacks of `when_readable` and of `when_writable`."""
        if readable and self._on_readable is not None:
            self._wire.dismiss(self._on_readable)
            self._on_readable = None
        if writable and self._on_writable is not None:
            self._wire.dismiss(self._on_writable)
            self._on_writable = None

    def limit_unacknowledged(self, seconds: float) -> None:
        """Let the connection break when sent bytes are not acknowledged for ``seconds``.

        The operating system of a client acknowledges also what the client does not read. Has no
        effect where the system has no such limit (``TCP_USER_TIMEOUT``), or on other sockets.
        """
        option = getattr(socket, "TCP_USER_TIMEOUT", None)
        setsockopt = getattr(self._wire.stream, "setsockopt", None)
        if option is not None and setsockopt is not None:
            try:
                setsockopt(socket.IPPROTO_TCP, option, round(seconds * 1000))
            except OSError:
                pass  # not TCP

    # -- the end ------------------------------------------------------------------------------

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
