"""One connection: a coroutine that reads requests, runs the handler itself and responds.

Theory of operation. There is no task per request and no queue between reading and handling: the
connection's task receives bytes, and as soon as the parser has a request it calls the handler
directly and sends what it returns. A handler that reads the body makes this same task receive more;
one that waits leaves the connection unread, which is the backpressure. In the common case a request
costs one ``recv`` and one ``send``; see `_wire`.

Each request starts in a fresh copy of the server's context variables, so nothing leaks from one
request to the next.

A connection that has been idle for a while is parked (`park`): it releases its coroutine and its
parser, which use most of its memory, and the server starts a new coroutine as soon as the socket is
readable. Nothing is lost: between two requests a connection has no other state.

Closing an idle connection is a race: the client may be sending at that moment. So before it is
closed because of its idle time, or because the server stops, it is read once more without waiting,
and a request that has arrived is answered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final

from .._cancel import CancelScope
from .._task import Task
from .._watcher import Watcher
from ..errors import Cancelled
from ..escapes import as_failure
from . import _encode
from ._body_buffer import LARGE, BodyBuffer
from ._connection_preface import ConnectionPreface
from ._cut_off import log_cut_off
from ._parser import RequestParser
from ._problem import failure_response, problem_response
from ._request import Request
from ._response import Response
from ._send import APART, send_apart, send_bodiless, send_error, send_stream
from ._upgrade import Upgrade, UpgradedStream
from ._wire import Handler as Handler
from ._wire import RawSocket, Serving, WaitTimeout, Wire, WriteTimeout
from .errors import HttpError

_log = logging.getLogger("photon.http")
_DRAIN_LIMIT = 64 * 1024
ANSWERED: Final = -1
"""The result of `Serving.receive` after requests that it has answered by itself."""


class Phase(Enum):
    """Why a connection's task ended."""

    ENDED = "ended"
    PARKED = "parked"


class _Park(Exception):
    """The connection is to wait without a task."""


class Connection(Wire):
    """An accepted connection.

    Attributes:
        is_idle: True while no part of a request has arrived.
        upgraded: The stream after an upgrade, ``None`` while the protocol is HTTP.
    """

    __slots__ = ("_is_responding", "_left", "_parser", "_peer", "is_idle", "upgraded")

    _parser: RequestParser
    """Unset while the connection is parked, and before it is served."""

    def __init__(self, server: Serving, sock: RawSocket, address: object, watcher: Watcher) -> None:
        """Take over a connected, non-blocking socket."""
        super().__init__(server, sock, watcher)
        self._peer = address
        self._is_responding = False
        self._left = 0  # bytes of the current body that are received without the parser
        self.is_idle = True
        self.upgraded: UpgradedStream | None = None

    def receive_preface(
        self, preface: ConnectionPreface, sock: RawSocket, address: object, task: Task[object]
    ) -> bool:
        """Process what precedes the first request; return whether requests may follow.

        Blocks: the task, its own.
        """
        self._task = task
        self.is_idle = False
        self.expires = self.server.now + self.server.settings.header_timeout
        try:
            self._peer = preface.receive(self, sock, address, task)
        except (OSError, WaitTimeout) as error:
            self._task = None
            if isinstance(error, WaitTimeout):
                self._log_cut_off(
                    "the connection from %s was closed before its first request: its TLS handshake "
                    "or PROXY header was not complete in time",
                    "header_timeout",
                )
            return False
        return True

    @property
    def peer(self) -> object:
        """The address of the other end, or a `Peer`."""
        return self._peer

    def _log_cut_off(self, event: str, setting: str) -> None:
        log_cut_off(event, self._peer, setting, getattr(self.server.settings, setting))

    def serve(self, task: Task[object]) -> Phase:
        """Answer requests until the connection ends or is parked. Blocks: the connection's task."""
        self._task = task
        self._parser = RequestParser(self, self._peer, self.server.settings, holds_upgrades=True)
        try:
            # It may have been parked until its idle time was over.
            if self.expires >= self.server.clock.time or self._receive_before_close():
                self._serve_requests(task)
        except WriteTimeout:
            self._log_cut_off(
                "the response to %s was cut off: the client has received nothing more of it",
                "write_timeout",
            )
        except (OSError, WaitTimeout):
            pass  # the peer is gone, or has the response and does not close
        except _Park:
            return Phase.PARKED
        finally:
            # Break reference cycles now: collecting the connections of a burst at once would cause
            # a long pause of the garbage collector.
            self._task = None
            if self.upgraded is None:
                self._parser.close()
            del self._parser
        return Phase.ENDED

    def _serve_requests(self, task: Task[object]) -> None:
        """Answer requests until the connection ends."""
        parser = self._parser
        pending = parser.pending
        settings = self.server.settings
        exchange = self._exchange_watched if settings.cancel_on_disconnect else self._exchange
        while True:
            while pending:
                self.is_idle = False
                if not exchange(pending.pop(0), task):
                    return
                if pending:  # a long pipeline must not keep other tasks waiting
                    task.yield_turn()
            if parser.held_bytes is not None:
                parser.resume_http()
            elif parser.error is not None:
                self.is_idle = False  # else it might be parked, and what follows read as HTTP
                send_error(self, parser.error, task)
                self.linger(task)
                return
            elif not self._receive_head(task):
                return

    def park(self) -> None:
        """Make an idle connection wait without its task."""
        if self._task is not None:
            self._task.interrupt(_Park())

    # -- receiving ----------------------------------------------------------------------------

    def _receive_head(self, task: Task[object]) -> bool:
        """Receive a part of the next request; return whether the connection is still open."""
        server, parser = self.server, self._parser
        if parser.head_size:
            self.is_idle = False
            if self.expires == _NEVER:  # it began after another request; else keep its limit
                self.expires = server.now + server.settings.header_timeout
        elif server.is_stopping and not server.grace:
            self.is_idle = True
            return self._receive_before_close()
        else:
            self.is_idle = True
            self.expires = server.idle_until
        try:
            size = server.receive(self, task)
        except WriteTimeout:  # of a response that was sent meanwhile
            raise
        except WaitTimeout:
            return self._end_wait(parser)
        if size <= 0:
            return size == ANSWERED
        parser.feed(server.view[:size])
        if self.is_idle and parser.head_size:
            self.expires = server.now + server.settings.header_timeout
        return True

    def _end_wait(self, parser: RequestParser) -> bool:
        """Handle the end of the time limit for a head; return whether the connection is open."""
        if self.is_idle:
            return self._receive_before_close()
        self._log_cut_off(
            "a request of %s was refused with 408: its head was not complete in time",
            "header_timeout",
        )
        parser.error = HttpError(408, "the request was not received in time")
        return True

    def _receive_before_close(self) -> bool:
        """Receive what has just arrived, before an idle connection is closed."""
        size = self.receive_what_is_there()
        if size:
            self._parser.feed(self.server.view[:size])
            self.expires = self.server.now + self.server.settings.header_timeout
        return size > 0

    def receive_body(self, request: Request) -> bytes:
        """Receive the next part of a request's body; see `BodySource`."""
        task, parser = self.task, self._parser
        if request._expects_continue and not self._is_responding:
            self._send_continue(request, task)
        if self._left or self._receives_directly(request):
            return self._receive_part(request, task)
        while not request._parts and not request._is_complete:
            if parser.error is not None:
                raise parser.error
            size = self._receive_some(request, self.server.view, task)
            parser.feed(self.server.view[:size])
        part = b"".join(request._parts)
        request._parts.clear()
        return part

    def receive_large_body(self, request: Request) -> bytes | None:
        """Receive the whole of a body in one piece, with the parts that have arrived already.

        Returns ``None`` if `receive_body` must receive it, in parts.
        """
        task = self.task
        if request._expects_continue and not self._is_responding:
            self._send_continue(request, task)
        if not self._left and not self._receives_directly(request):
            return None
        if not request._parts:  # no memory for a client that sends nothing
            request._parts.append(self._receive_part(request, task))
        received = b"".join(request._parts)
        buffer = BodyBuffer(len(received) + self._left, received)
        request._parts.clear()
        try:
            while room := buffer.room():
                size = self._receive_some(request, room, task)
                buffer.note(size)
                self._note_received(request, size)
        except BaseException:
            request._parts.append(buffer.take())  # so that another attempt returns all of it
            raise
        return buffer.take()

    def _send_continue(self, request: Request, task: Task[object]) -> None:
        request._expects_continue = False
        self.send(_encode.CONTINUE, task)

    def _receives_directly(self, request: Request) -> bool:
        """Return whether the rest of a body is large enough to bypass the parser."""
        length = request._content_length
        if length is None or length - request._received < LARGE:
            return False
        self._left = self._parser.release_body(request)
        return self._left > 0

    def _receive_part(self, request: Request, task: Task[object]) -> bytes:
        view = self.server.view[: self._left]
        size = self._receive_some(request, view, task)
        part = bytes(view[:size])
        self._note_received(request, size)
        return part

    def _note_received(self, request: Request, size: int) -> None:
        request._received += size
        self._left -= size
        if not self._left:
            request._is_complete = True

    def _receive_some(self, request: Request, view: memoryview, task: Task[object]) -> int:
        """Receive at least one byte of a body into ``view``."""
        server = self.server
        self.expires = server.now + server.settings.body_timeout
        try:
            size = self.receive_into(view, task)
        except WaitTimeout:
            request._keep_alive = False
            self._log_cut_off(
                "a request of %s was refused with 408: no more of its body has arrived",
                "body_timeout",
            )
            raise HttpError(408, "the request body was not received in time") from None
        except ConnectionError:
            size = 0
        finally:
            self.expires = _NEVER  # the handler may take its time
        if not size:
            request._keep_alive = False
            raise HttpError(400, "the connection was closed before the request body was complete")
        return size

    # -- handling -----------------------------------------------------------------------------

    def _exchange(self, request: Request, task: Task[object]) -> bool:
        """Handle one request and respond; return whether the connection stays open."""
        server = self.server
        task.use_context(server.context.copy())
        self.expires = _NEVER
        self._is_responding = False
        server.in_flight += 1
        try:
            try:
                if server.in_flight > server.settings.max_requests_in_flight:
                    response = self._refuse_busy()
                else:
                    response = server.handler(request)
            except BaseException as error:
                response = self._answer_error(request, error, task)
            return self._finish(request, response, task)
        finally:
            server.in_flight -= 1

    def _finish(self, request: Request, response: Response, task: Task[object]) -> bool:
        """Send the response and make the calls after it; return whether the connection is open."""
        try:
            try:
                return self._respond(request, response, task)
            except (OSError, WaitTimeout):
                raise
            except Exception as error:
                if _was_sending(error):  # by a signal handler: a part may be sent
                    raise
                # The response cannot be encoded; nothing was sent.
                return self._respond(request, failure_response(request, error), task)
        finally:
            if request._callbacks is not None:
                self._run_callbacks(request, task)

    def _answer_error(self, request: Request, error: BaseException, task: Task[object]) -> Response:
        """Return the response to an error; where it has none, make the calls after it."""
        try:
            return response_to_error(request, error)
        except BaseException:
            if request._callbacks is not None:
                self._run_callbacks(request, task)
            raise

    def _run_callbacks(self, request: Request, task: Task[object]) -> None:
        """Call the callbacks after the response, even if the client has disconnected."""
        self.expires = _NEVER
        scope = self.server.disconnects.pop(self.watcher, None)
        if scope is None:
            request.run_after_response_callbacks()
            return
        task.leave(scope)
        try:
            request.run_after_response_callbacks()
        finally:
            task.enter(scope)

    def _exchange_watched(self, request: Request, task: Task[object]) -> bool:
        """Exchange, and cancel the request when the client disconnects."""
        scope = CancelScope(task, task.scope)
        task.enter(scope)
        disconnects = self.server.disconnects
        disconnects[self.watcher] = scope
        try:
            return self._exchange(request, task)
        except Cancelled as cancelled:
            if cancelled.scope is not scope:
                raise
            return False
        finally:
            disconnects.pop(self.watcher, None)
            task.leave(scope)

    def _refuse_busy(self) -> Response:
        busy = HttpError(
            503,
            "the server is at its limit of concurrent requests; retry later",
            headers={"retry-after": "1"},
        )
        return problem_response(busy)

    def _respond(self, request: Request, response: Response, task: Task[object]) -> bool:
        """Send the response; return whether the connection stays open."""
        server = self.server
        self._is_responding = True
        keep_open = request._keep_alive and not server.is_stopping
        if not request._is_complete and keep_open:
            keep_open = _can_be_drained(request)
        body = response.body
        if not isinstance(body, bytes):
            if isinstance(body, Upgrade):
                return self._upgrade(request, response, body, task)
            keep_open = self._stream(request, response, body, task, keep_open=keep_open)
        elif request.method == "HEAD" or _encode.forbids_body(response.status):
            send_bodiless(self, response, len(body), task, closes=not keep_open)
        elif len(body) >= APART:
            send_apart(self, response, body, task, closes=not keep_open)
        else:
            data = _encode.encode_whole(response, body, server.date, closes=not keep_open)
            self.send(data, task)
        if not request._is_complete:
            if keep_open:
                return self._drain(request)
            self.linger(task)
        return keep_open

    def _stream(
        self,
        request: Request,
        response: Response,
        body: Iterable[bytes],
        task: Task[object],
        *,
        keep_open: bool,
    ) -> bool:
        """Send a streamed body; one with a ``stop`` is stopped when its client disconnects."""
        stop: Callable[[], None] | None = getattr(body, "stop", None)
        if stop is None:
            return send_stream(self, request, response, body, task, keep_open=keep_open)
        server = self.server
        server.streams[self.watcher] = stop
        if server.is_stopping:
            stop()
        try:
            return send_stream(self, request, response, body, task, keep_open=keep_open)
        finally:
            server.streams.pop(self.watcher, None)

    def _upgrade(
        self, request: Request, response: Response, body: Upgrade, task: Task[object]
    ) -> bool:
        """Change the protocol and serve it until it ends; the connection ends with it."""
        server = self.server
        try:
            if server.upgraded >= server.max_upgraded:
                return self._respond(request, problem_response(_too_many_upgraded()), task)
            stream = self._change_protocol(request, response, body, task)
            if stream is None:
                return False
            server.in_flight -= 1
            server.upgraded += 1
            try:
                body.run(stream)
            except ConnectionError:
                pass  # the client is gone, and the function did not handle it
            except BaseException as error:
                _log.error(
                    "%r failed after its upgrade to %r",
                    request,
                    body.protocol,
                    exc_info=as_failure(error),
                )
            finally:
                server.in_flight += 1
                server.upgraded -= 1
            return False
        finally:
            body.close()

    def _change_protocol(
        self, request: Request, response: Response, body: Upgrade, task: Task[object]
    ) -> UpgradedStream | None:
        server, parser = self.server, self._parser
        if parser.held_bytes is None or body.protocol.lower() not in request.upgrades:
            _log.error(
                "%r was answered with an upgrade to %r, which the client did not offer; "
                "check request.upgrades before upgrading",
                request,
                body.protocol,
            )
            send_error(self, HttpError(500), task)
            return None
        head = _encode.encode_upgrade(response, server.date)
        held_bytes, parser.held_bytes = parser.held_bytes, None
        self.send(head, task)
        self.upgraded = UpgradedStream(self, held_bytes)
        server.disconnects.pop(self.watcher, None)
        # Many upgraded connections may be idle: release what is not needed any longer.
        parser.close()
        request.release_decoded()
        return self.upgraded

    # -- bodies that the handler did not read -------------------------------------------------

    def _drain(self, request: Request) -> bool:
        """Read and discard the rest of a body; return whether the connection stays open."""
        try:
            while not request._is_complete:
                self.receive_body(request)
        except HttpError:
            return False
        return True


_NEVER = float("inf")


def response_to_error(request: Request, error: BaseException) -> Response:
    """Return the response to an error of the handler; to be called while it is handled."""
    if isinstance(error, HttpError):
        try:
            return problem_response(error)
        except BaseException as another:
            error = another
    return failure_response(request, as_failure(error))


def _too_many_upgraded() -> HttpError:
    return HttpError(
        503,
        "the server is at its limit of connections with another protocol; retry later",
        headers={"retry-after": "1"},
    )


def _was_sending(error: Exception) -> bool:
    """Return whether ``error`` was raised while bytes were sent."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in (Wire.send.__code__, Wire.send_pieces.__code__):
            return True
        trace = trace.tb_next
    return False


def _can_be_drained(request: Request) -> bool:
    """Return whether reading the rest of a body is cheaper than a new connection."""
    length = request._content_length
    if length is None or request._expects_continue:
        return False
    return length - request._received <= _DRAIN_LIMIT
