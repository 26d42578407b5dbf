"""One connection: a coroutine that reads requests, runs the handler itself and answers.

Theory of operation. There is no task per request and no queue between reading and handling:
the connection's task receives bytes, and as soon as the parser has a request it calls the
handler, on the spot, and sends what it returns. A handler that reads the body makes this same
task receive more; one that waits leaves the connection unread, which is the backpressure. In
the common case a request costs one ``recv`` and one ``send``: the socket is registered with the
poller once, and after a short read the task waits without trying again.

Each request starts in a fresh copy of the server's context variables, so nothing leaks from one
request to the next.

Times are not armed per wait. Before a wait the connection notes until when it may last
(`expires`, on the server's coarse clock); the server sweeps over all connections once a second
and interrupts those that are late.

After a refusal the client may still be sending. Closing at once would make the operating system
reset the connection and destroy the answer on its way, so the connection lingers: it ends its
own direction, and reads and drops for a moment what still comes (RFC 9112, section 9.6).
"""

from __future__ import annotations

import contextvars
import logging
import math
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from .._poll import Watcher
from .._task import Task
from . import _encode
from ._messages import Request, Response
from ._parser import RequestParser
from ._problem import problem_response
from ._settings import ServerSettings
from .errors import HttpError

Handler = Callable[[Request], Response]

_log = logging.getLogger("photon.http")
_DRAIN_LIMIT = 64 * 1024
_LINGER_TIME = 2.0
_LINGER_LIMIT = 64 * 1024 * 1024


class Serving(Protocol):
    """What a connection needs of its server.

    Attributes:
        handler: The application.
        settings: The limits.
        context: Where each request's context variables start from.
        buffer: Where ``recv`` writes; shared, because no switch comes between it and the parser.
        now: Seconds of the hub's clock, at most a second old.
        date: The ``Date`` field of now.
        is_stopping: Whether connections shall end after the current request.
        in_flight: How many requests are being handled.
    """

    handler: Handler
    settings: ServerSettings
    context: contextvars.Context
    buffer: bytearray
    now: float
    date: bytes
    is_stopping: bool
    in_flight: int


class Late(Exception):
    """The time that a wait may last is over."""


class Connection:
    """An accepted connection.

    Attributes:
        expires: Until when the present wait may last, in seconds of the hub's clock.
        is_idle: Whether no request has begun to arrive.
    """

    __slots__ = (
        "_drained",
        "_is_responding",
        "_parser",
        "_server",
        "_socket",
        "_task",
        "_watcher",
        "expires",
        "is_idle",
    )

    def __init__(
        self, server: Serving, sock: socket.socket, client: object, watcher: Watcher
    ) -> None:
        """Take over a connected, non-blocking socket."""
        self._server = server
        self._socket = sock
        self._watcher = watcher
        self._task: Task[object] | None = None
        self._parser = RequestParser(self, client, server.settings)
        self._drained = False
        self._is_responding = False
        self.expires = math.inf
        self.is_idle = True

    def serve(self, task: Task[object]) -> None:
        """Answer requests until the connection ends. Blocks: the task, its own."""
        self._task = task
        parser = self._parser
        pending = parser.pending
        try:
            while True:
                while pending:
                    self.is_idle = False
                    if not self._exchange(pending.popleft(), task):
                        return
                if parser.fault is not None:
                    self._refuse(parser.fault)
                    return
                if not self._receive_head(task):
                    return
        except (ConnectionError, TimeoutError, Late):
            pass  # the peer is gone, or too slow to be told anything

    def expire(self) -> None:
        """End the present wait, because it lasts too long or the server stops."""
        if self._task is not None:
            self._task.interrupt(Late())

    # -- receiving ----------------------------------------------------------------------------

    def _receive_head(self, task: Task[object]) -> bool:
        """Receive once towards the next request; return whether there will be one."""
        server = self._server
        if self._parser.head_size:
            self.is_idle = False
            if self.expires == math.inf:  # it began behind another request; else keep its limit
                self.expires = server.now + server.settings.header_timeout
        elif server.is_stopping and not self._watcher.readable:
            return False
        else:
            self.is_idle = True
            self.expires = server.now + server.settings.idle_timeout
        try:
            came = self._receive(task)
        except Late:
            if self.is_idle:
                return False
            self._parser.fault = HttpError(408, "the request did not come whole in time")
            return True
        if self.is_idle and self._parser.head_size:
            self.expires = server.now + server.settings.header_timeout
        return came

    def receive_body(self, request: Request) -> bytes:
        """Receive the next part of a request's body; see `BodySource`."""
        task = self._task
        if task is None:
            raise RuntimeError("the connection is not being served")
        if request.expects_continue and not self._is_responding:
            request.expects_continue = False
            self._send(_encode.CONTINUE, task)
        while not request.parts and not request.is_complete:
            if self._parser.fault is not None:
                raise self._parser.fault
            self.expires = self._server.now + self._server.settings.body_timeout
            try:
                came = self._receive(task)
            except Late:
                request.keep_alive = False
                raise HttpError(408, "the body did not come in time") from None
            except ConnectionError:
                came = False
            if not came:
                request.keep_alive = False
                raise HttpError(400, "the connection ended in the middle of the body")
        part = b"".join(request.parts)
        request.parts.clear()
        return part

    def _receive(self, task: Task[object]) -> bool:
        """Wait for bytes and feed the parser; return ``False`` at the end of the stream."""
        watcher, buffer = self._watcher, self._server.buffer
        while True:
            if self._drained:
                watcher.wait_read(task)
            try:
                size = self._socket.recv_into(buffer)
            except BlockingIOError:
                self._drained = True
                continue
            break
        # A short read took all there was: wait for the next edge instead of asking again.
        self._drained = size < len(buffer)
        self._parser.feed(memoryview(buffer)[:size])
        return size > 0

    # -- handling -----------------------------------------------------------------------------

    def _exchange(self, request: Request, task: Task[object]) -> bool:
        """Handle and answer one request; return whether the connection goes on."""
        server = self._server
        task.use_context(server.context.copy())
        self.expires = math.inf
        server.in_flight += 1
        self._is_responding = False
        try:
            response = self._handle(request)
            try:
                return self._respond(request, response, task)
            except (ConnectionError, TimeoutError, Late):
                raise
            except Exception:  # it could not be put into bytes; nothing of it was sent
                _log.exception("%s %s: no such response", request.method, request.raw_path)
                return self._respond(request, problem_response(HttpError(500)), task)
        finally:
            server.in_flight -= 1

    def _handle(self, request: Request) -> Response:
        server = self._server
        if server.in_flight > server.settings.max_requests_in_flight:
            busy = HttpError(503, "the server is busy", headers={"retry-after": "1"})
            return problem_response(busy)
        try:
            try:
                return server.handler(request)
            except HttpError as error:
                return problem_response(error)
        except Exception:
            _log.exception("%s %s failed", request.method, request.raw_path)
            return problem_response(HttpError(500))

    def _respond(self, request: Request, response: Response, task: Task[object]) -> bool:
        """Send the response; return whether the connection goes on."""
        server = self._server
        self._is_responding = True
        goes_on = request.keep_alive and not server.is_stopping
        if not request.is_complete and goes_on:
            goes_on = _can_be_drained(request)
        body = response.body
        status = response.status
        if not isinstance(body, bytes):
            goes_on = self._send_stream(request, response, body, task, goes_on=goes_on)
        elif request.method == "HEAD" or _encode.forbids_body(status):
            self._send(_bodiless(response, body, server.date, closes=not goes_on), task)
        else:
            data = _encode.encode_whole(response, body, server.date, closes=not goes_on)
            self._send(data, task)
        if not request.is_complete:
            if goes_on:
                return self._drain(request)
            self._linger(task)
        return goes_on

    def _send_stream(
        self,
        request: Request,
        response: Response,
        body: Iterable[bytes],
        task: Task[object],
        *,
        goes_on: bool,
    ) -> bool:
        """Send a body as it comes; return whether the connection goes on."""
        length = _encode.declared_length(response)
        is_chunked = length is None and request.version == "1.1"
        if _encode.forbids_body(response.status):
            framing = b""
        elif is_chunked:
            framing = b"transfer-encoding: chunked\r\n"
        elif length is not None:
            framing = b"content-length: %d\r\n" % length
        else:
            framing, goes_on = b"", False  # HTTP/1.0: the end of the connection is the end
        head = _encode.encode_head(response, framing, self._server.date, closes=not goes_on)
        try:
            if request.method == "HEAD" or _encode.forbids_body(response.status):
                self._send(head, task)
                return goes_on
            return self._send_parts(head, body, task, length, is_chunked=is_chunked) and goes_on
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def _send_parts(
        self,
        head: bytes,
        body: Iterable[bytes],
        task: Task[object],
        length: int | None,
        *,
        is_chunked: bool,
    ) -> bool:
        """Send ``head`` with the first part, then the rest; return whether it came out whole."""
        sent = 0
        try:
            for framed, size in _framed_parts(body, is_chunked=is_chunked):
                sent += size
                if length is not None and sent > length:
                    break
                self._send(head + framed, task)
                head = b""
        except _StreamFailed as failed:
            if head:
                return self._send_failure(failed.error, task)
            _log.error("a response broke off: its stream failed", exc_info=failed.error)
            return False
        if length is not None and sent != length:
            _log.error("a response broke off: it is not as long as its Content-Length says")
            return False
        if head or is_chunked:
            self._send(head + (_encode.LAST_CHUNK if is_chunked else b""), task)
        return True

    def _send_failure(self, error: Exception, task: Task[object]) -> bool:
        """Answer for a stream that failed before its first part; the connection ends."""
        if not isinstance(error, HttpError):
            _log.error("a response's stream failed at its beginning", exc_info=error)
            error = HttpError(500)
        answer = problem_response(error)
        body = answer.body if isinstance(answer.body, bytes) else b""
        self._send(_encode.encode_whole(answer, body, self._server.date, closes=True), task)
        return False

    def _refuse(self, fault: HttpError) -> None:
        """Answer a request that cannot be read, and end the connection."""
        task = self._task
        if task is not None:
            answer = problem_response(fault)
            body = answer.body if isinstance(answer.body, bytes) else b""
            self._send(_encode.encode_whole(answer, body, self._server.date, closes=True), task)
            self._linger(task)

    # -- sending ------------------------------------------------------------------------------

    def _send(self, data: bytes, task: Task[object]) -> None:
        """Send all of ``data``, waiting for room as often as it takes."""
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:], task)

    def _send_rest(self, rest: memoryview, task: Task[object]) -> None:
        while rest:
            self.expires = self._server.now + self._server.settings.write_timeout
            self._watcher.wait_write(task)
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                pass
        self.expires = math.inf

    # -- what the handler left unread ---------------------------------------------------------

    def _drain(self, request: Request) -> bool:
        """Read and drop the rest of a body; return whether the connection goes on."""
        try:
            while not request.is_complete:
                self.receive_body(request)
        except HttpError:
            return False
        return True

    def _linger(self, task: Task[object]) -> None:
        """Let the client read the answer before the connection is torn down."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return
        self.expires = self._server.now + _LINGER_TIME
        dropped = 0
        while dropped < _LINGER_LIMIT:
            try:
                size = self._socket.recv_into(self._server.buffer)
            except BlockingIOError:
                self._watcher.wait_read(task)
                continue
            if not size:
                return
            dropped += size


class _StreamFailed(Exception):
    """The application's iterable raised ``error``, as opposed to the sending of its parts."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _framed_parts(body: Iterable[bytes], *, is_chunked: bool) -> Iterator[tuple[bytes, int]]:
    """Yield each part that is not empty as it is sent, and its own size."""
    try:
        for part in body:
            if part:
                yield _encode.frame(part, is_chunked=is_chunked), len(part)
    except Exception as error:
        raise _StreamFailed(error) from error


def _can_be_drained(request: Request) -> bool:
    """Say whether it is cheaper to read the rest of a body than to reconnect."""
    length = request.content_length
    if length is None or request.expects_continue:
        return False
    return length - request.received <= _DRAIN_LIMIT


def _bodiless(response: Response, body: bytes, date: bytes, *, closes: bool) -> bytes:
    """Return the head of a response without body; for ``HEAD`` it tells the length."""
    framing = b""
    if not _encode.forbids_body(response.status):
        framing = b"content-length: %d\r\n" % len(body)
    return _encode.encode_head(response, framing, date, closes=closes)
