"""One connection: a coroutine that reads requests, runs the handler itself and answers.

Theory of operation. There is no task per request and no queue between reading and handling:
the connection's task receives bytes, and as soon as the parser has a request it calls the
handler, on the spot, and sends what it returns. A handler that reads the body makes this same
task receive more; one that waits leaves the connection unread, which is the backpressure. In
the common case a request costs one ``recv`` and one ``send``; `_wire` tells how.

Each request starts in a fresh copy of the server's context variables, so nothing leaks from one
request to the next.

A connection that has been idle for a while gives its coroutine and its parser back (`rest`),
because they hold most of its memory; the server starts another one as soon as there is something
to read. Nothing can be lost: between two requests a connection has no other state.

The end of an idle connection is a race: the client may be sending just then. So before it is
closed for having been idle too long, or because the server stops, it is read once more without
waiting, and a request that has come is answered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from enum import Enum

from .._cancel import CancelScope
from .._task import Task
from .._watcher import Watcher
from ..errors import Cancelled
from . import _encode
from ._opening import Opening
from ._parser import RequestParser
from ._problem import failure_response, problem_response
from ._request import Request
from ._response import Response
from ._send import send_bodiless, send_error, send_stream
from ._upgrade import Upgrade, UpgradedStream
from ._wire import Handler as Handler
from ._wire import Late, RawSocket, Serving, Wire
from .errors import HttpError

_log = logging.getLogger("photon.http")
_DRAIN_LIMIT = 64 * 1024


class Phase(Enum):
    """What a connection's task ended for."""

    OVER = "over"
    RESTING = "resting"


class _Rest(Exception):
    """The wait is to go on without a task."""


class Connection(Wire):
    """An accepted connection.

    Attributes:
        is_idle: Whether no request has begun to arrive.
        upgraded: The stream of another protocol, ``None`` while it is HTTP.
    """

    __slots__ = ("_is_responding", "_parser", "_peer", "is_idle", "upgraded")

    _parser: RequestParser
    """Unset while the connection rests, and before it is served."""

    def __init__(self, server: Serving, sock: RawSocket, address: object, watcher: Watcher) -> None:
        """Take over a connected, non-blocking socket."""
        super().__init__(server, sock, watcher)
        self._peer = address
        self._is_responding = False
        self.is_idle = True
        self.upgraded: UpgradedStream | None = None

    def open(self, opening: Opening, sock: RawSocket, address: object, task: Task[object]) -> bool:
        """Do what comes before the first request; return whether there may be one.

        Blocks: the task, its own.
        """
        self._task = task
        self.is_idle = False
        self.expires = self.server.now + self.server.settings.header_timeout
        try:
            self._peer = opening.open(self, sock, address, task)
        except (OSError, Late):
            self._task = None
            return False
        return True

    def serve(self, task: Task[object]) -> Phase:
        """Answer requests until the connection ends or rests. Blocks: the task, its own."""
        self._task = task
        self._parser = RequestParser(self, self._peer, self.server.settings, holds_offers=True)
        try:
            # It may have rested until its time was over.
            if self.expires > self.server.now or self._receive_the_last():
                self._answer_all(task)
        except (OSError, Late):
            pass  # the peer is gone, or too slow to be told anything
        except _Rest:
            return Phase.RESTING
        finally:
            # What refers back here goes now: left to the cycle collector, the connections of a
            # burst would be a long pause.
            self._task = None
            self._parser.close()
            del self._parser
        return Phase.OVER

    def _answer_all(self, task: Task[object]) -> None:
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
                if pending:  # a whole pipeline may be there: the others have their turn
                    task.yield_turn()
            if parser.held is not None:
                parser.go_on()
            elif parser.fault is not None:
                self.is_idle = False  # else it might rest, and what follows would be read as HTTP
                send_error(self, parser.fault, task)
                self.linger(task)
                return
            elif not self._receive_head(task):
                return

    def rest(self) -> None:
        """Let an idle connection wait without its task."""
        if self._task is not None:
            self._task.interrupt(_Rest())

    # -- receiving ----------------------------------------------------------------------------

    def _receive_head(self, task: Task[object]) -> bool:
        """Receive once towards the next request; return whether there will be one."""
        server, parser = self.server, self._parser
        if parser.head_size:
            self.is_idle = False
            if self.expires == _NEVER:  # it began behind another request; else keep its limit
                self.expires = server.now + server.settings.header_timeout
        elif server.is_stopping and not server.grace:
            self.is_idle = True
            return self._receive_the_last()
        else:
            self.is_idle = True
            self.expires = server.idle_until
        try:
            size = self.receive(task)
        except Late:
            if self.is_idle:
                return self._receive_the_last()
            parser.fault = HttpError(408, "the request did not come whole in time")
            return True
        if not size:
            return False
        parser.feed(memoryview(server.buffer)[:size])
        if self.is_idle and parser.head_size:
            self.expires = server.now + server.settings.header_timeout
        return True

    def _receive_the_last(self) -> bool:
        """Take what has come just now, before an idle connection is closed."""
        size = self.receive_what_is_there()
        if size:
            self._parser.feed(memoryview(self.server.buffer)[:size])
            self.expires = self.server.now + self.server.settings.header_timeout
        return size > 0

    def receive_body(self, request: Request) -> bytes:
        """Receive the next part of a request's body; see `BodySource`."""
        task, parser, server = self.task, self._parser, self.server
        if request.expects_continue and not self._is_responding:
            request.expects_continue = False
            self.send(_encode.CONTINUE, task)
        while not request.parts and not request.is_complete:
            if parser.fault is not None:
                raise parser.fault
            self.expires = server.now + server.settings.body_timeout
            try:
                size = self.receive(task)
            except Late:
                request.keep_alive = False
                raise HttpError(408, "the body did not come in time") from None
            except ConnectionError:
                size = 0
            finally:
                self.expires = _NEVER  # the handler may take its time
            if not size:
                request.keep_alive = False
                raise HttpError(400, "the connection ended in the middle of the body")
            parser.feed(memoryview(server.buffer)[:size])
        part = b"".join(request.parts)
        request.parts.clear()
        return part

    # -- handling -----------------------------------------------------------------------------

    def _exchange(self, request: Request, task: Task[object]) -> bool:
        """Handle and answer one request; return whether the connection goes on."""
        server = self.server
        task.use_context(server.context.copy())
        self.expires = _NEVER
        self._is_responding = False
        server.in_flight += 1
        try:
            try:
                response = self._handle(request)
                try:
                    return self._respond(request, response, task)
                except (OSError, Late):
                    raise
                except Exception as error:  # it cannot be put into bytes; nothing of it was sent
                    return self._respond(request, failure_response(request, error), task)
            finally:
                if request.finishers is not None:
                    self._finish(request, task)
        finally:
            server.in_flight -= 1

    def _finish(self, request: Request, task: Task[object]) -> None:
        """Do what was to be done after the response; that the client has left is no matter."""
        self.expires = _NEVER
        scope = self.server.departures.pop(self.watcher, None)
        if scope is None:
            request.finish()
            return
        task.leave(scope)
        try:
            request.finish()
        finally:
            task.enter(scope)

    def _exchange_watched(self, request: Request, task: Task[object]) -> bool:
        """Exchange, and be cancelled when the client leaves."""
        scope = CancelScope(task, task.scope)
        task.enter(scope)
        departures = self.server.departures
        departures[self.watcher] = scope
        try:
            return self._exchange(request, task)
        except Cancelled as cancelled:
            if cancelled.scope is not scope:
                raise
            return False
        finally:
            departures.pop(self.watcher, None)
            task.leave(scope)

    def _handle(self, request: Request) -> Response:
        server = self.server
        if server.in_flight > server.settings.max_requests_in_flight:
            busy = HttpError(503, "the server is busy", headers={"retry-after": "1"})
            return problem_response(busy)
        try:
            try:
                return server.handler(request)
            except HttpError as error:
                return problem_response(error)
        except Exception as error:
            return failure_response(request, error)

    def _respond(self, request: Request, response: Response, task: Task[object]) -> bool:
        """Send the response; return whether the connection goes on."""
        server = self.server
        self._is_responding = True
        goes_on = request.keep_alive and not server.is_stopping
        if not request.is_complete and goes_on:
            goes_on = _can_be_drained(request)
        body = response.body
        if not isinstance(body, bytes):
            if isinstance(body, Upgrade):
                return self._upgrade(request, response, body, task)
            goes_on = self._stream(request, response, body, task, goes_on=goes_on)
        elif request.method == "HEAD" or _encode.forbids_body(response.status):
            send_bodiless(self, response, len(body), task, closes=not goes_on)
        else:
            data = _encode.encode_whole(response, body, server.date, closes=not goes_on)
            self.send(data, task)
        if not request.is_complete:
            if goes_on:
                return self._drain(request)
            self.linger(task)
        return goes_on

    def _stream(
        self,
        request: Request,
        response: Response,
        body: Iterable[bytes],
        task: Task[object],
        *,
        goes_on: bool,
    ) -> bool:
        """Send a body as it comes; one that can be stopped is, when there is nobody to hear it."""
        stop: Callable[[], None] | None = getattr(body, "stop", None)
        if stop is None:
            return send_stream(self, request, response, body, task, goes_on=goes_on)
        server = self.server
        server.streams[self.watcher] = stop
        if server.is_stopping:
            stop()
        try:
            return send_stream(self, request, response, body, task, goes_on=goes_on)
        finally:
            server.streams.pop(self.watcher, None)

    def _upgrade(
        self, request: Request, response: Response, body: Upgrade, task: Task[object]
    ) -> bool:
        """Change the protocol and speak it to its end; the connection ends then, too."""
        try:
            return self._change_protocol(request, response, body, task)
        finally:
            body.close()

    def _change_protocol(
        self, request: Request, response: Response, body: Upgrade, task: Task[object]
    ) -> bool:
        server, parser = self.server, self._parser
        if parser.held is None or body.protocol.lower() not in request.upgrades:
            _log.error(
                "%r was answered with an upgrade to %r, which the client did not offer; "
                "look into request.upgrades first",
                request,
                body.protocol,
            )
            send_error(self, HttpError(500), task)
            return False
        head = _encode.encode_upgrade(response, server.date)
        held, parser.held = parser.held, None
        self.send(head, task)
        self.upgraded = UpgradedStream(self, held)
        server.in_flight -= 1
        server.departures.pop(self.watcher, None)
        try:
            body.run(self.upgraded)
        except ConnectionError:
            pass  # the client is gone, and whoever spoke to it did not mind
        except Exception:
            _log.exception("%r failed after its upgrade to %r", request, body.protocol)
        finally:
            server.in_flight += 1
        return False

    # -- what the handler left unread ---------------------------------------------------------

    def _drain(self, request: Request) -> bool:
        """Read and drop the rest of a body; return whether the connection goes on."""
        try:
            while not request.is_complete:
                self.receive_body(request)
        except HttpError:
            return False
        return True


_NEVER = float("inf")


def _can_be_drained(request: Request) -> bool:
    """Say whether it is cheaper to read the rest of a body than to reconnect."""
    length = request.content_length
    if length is None or request.expects_continue:
        return False
    return length - request.received <= _DRAIN_LIMIT
