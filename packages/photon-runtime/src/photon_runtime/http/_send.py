"""Sending responses, with all kinds of bodies.

A body of bytes is sent together with its head. A streamed body is framed by its declared length,
else in chunks, else, for HTTP/1.0, by the end of the connection. The head of a stream is sent with
its first part, so that a stream that fails at once still results in an error response.

Trailers follow chunks only (RFC 9112, section 7.1.2), and are sent only to clients that accept
them: other clients may drop or misinterpret them. If a trailer fails, the connection is closed, as
for a stream that fails: the client sees that the message is incomplete.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import attrs

from .._task import Task
from ..escapes import as_failure
from . import _encode
from ._files import INLINE_LIMIT, FileBody, FileTooShort, send_file
from ._problem import problem_response
from ._request import Request
from ._response import Response, Trailers
from ._wire import Wire
from .errors import HttpError

_log = logging.getLogger("photon.http")
_MAX_IN_A_ROW = 1024 * 1024
APART = 32 * 1024
"""Bodies, and parts of them, of this size are sent without copying them behind the head."""


def send_error(wire: Wire, error: HttpError, task: Task[object]) -> None:
    """Send the response for ``error`` and announce that the connection will be closed."""
    answer = problem_response(error)
    body = answer.body if isinstance(answer.body, bytes) else b""
    wire.send(_encode.encode_whole(answer, body, wire.server.date, closes=True), task)


def send_apart(
    wire: Wire, response: Response, body: bytes, task: Task[object], *, closes: bool
) -> None:
    """Send a response whose body is large, without copying it behind the head."""
    length = b"content-length: %d\r\n" % len(body)
    head = _encode.encode_head(response, length, wire.server.date, closes=closes)
    wire.send_pieces((head, body), task)


def send_bodiless(
    wire: Wire, response: Response, length: int, task: Task[object], *, closes: bool
) -> None:
    """Send a response without its body; for ``HEAD`` the head declares the length."""
    framing = b""
    if not _encode.forbids_body(response.status):
        framing = b"content-length: %d\r\n" % length
    wire.send(_encode.encode_head(response, framing, wire.server.date, closes=closes), task)


def send_stream(
    wire: Wire,
    request: Request,
    response: Response,
    body: Iterable[bytes],
    task: Task[object],
    *,
    keep_open: bool,
) -> bool:
    """Send a streamed body; return whether the connection stays open."""
    try:
        framing = _framing_of(request, response, body)
        keep_open = keep_open and framing.is_delimited
        fields = b"" if _encode.forbids_body(response.status) else framing.fields()
        head = _encode.encode_head(response, fields, wire.server.date, closes=not keep_open)
        if request.method == "HEAD" or _encode.forbids_body(response.status):
            wire.send(head, task)
            return keep_open
        if isinstance(body, FileBody) and wire.is_plain and body.length > INLINE_LIMIT:
            return _send_file(wire, request, head, body, task) and keep_open
        return _send_parts(wire, request, head, body, task, framing=framing) and keep_open
    finally:
        _close(body)


def _close(body: Iterable[bytes]) -> None:
    """Close a body; an error is only logged, because the response was already sent."""
    close = getattr(body, "close", None)
    if close is not None:
        try:
            close()
        except BaseException as error:
            _log.error("the body of a response could not be closed", exc_info=as_failure(error))


@attrs.frozen
class _Framing:
    """How the end of a streamed body is marked.

    Attributes:
        length: Length of the body, ``None`` if unknown.
        trailers: Trailers after the chunks; ``None`` if the body is not chunked.
    """

    length: int | None = None
    trailers: Trailers | None = None

    @property
    def is_delimited(self) -> bool:
        """Whether the end is marked without closing the connection."""
        return self.length is not None or self.trailers is not None

    def fields(self) -> bytes:
        """Return the framing fields of the head."""
        if self.length is not None:
            return b"content-length: %d\r\n" % self.length
        return b"" if self.trailers is None else _encode.chunked_fields(self.trailers)

    def check(self, sent: int, *, is_end: bool) -> None:
        """Compare the number of bytes so far with the declared length.

        Raises:
            ValueError: There are more bytes, or fewer at the end.
        """
        if self.length is not None and (sent > self.length or (is_end and sent < self.length)):
            raise ValueError("the length of the response body differs from its Content-Length")


def _framing_of(request: Request, response: Response, body: Iterable[bytes]) -> _Framing:
    length = body.length if isinstance(body, FileBody) else _encode.declared_length(response)
    if length is not None:
        return _Framing(length)
    if request.version != "1.1":  # the end of the connection marks the end
        return _Framing()
    trailers = response.trailers
    return _Framing(None, trailers if trailers and request.accepts_trailers else {})


def _send_file(
    wire: Wire, request: Request, head: bytes, body: FileBody, task: Task[object]
) -> bool:
    try:
        send_file(wire, head, body, task)
    except FileTooShort as error:
        request.failure = error
        return _send_failure(wire, error, task, is_head_sent=True)
    return True


def _send_parts(
    wire: Wire,
    request: Request,
    head: bytes,
    body: Iterable[bytes],
    task: Task[object],
    *,
    framing: _Framing,
) -> bool:
    """Send ``head`` with the first part, then the rest; return whether it was sent completely."""
    in_a_row = 0
    try:
        for part, begin, end in _framed_parts(body, framing):
            if len(part) >= APART:
                wire.send_pieces((head + begin, part, end), task)
            else:
                wire.send(b"".join((head, begin, part, end)), task)
            head = b""
            in_a_row += len(part)
            if in_a_row >= _MAX_IN_A_ROW:
                in_a_row = 0
                # A client that reads fast must not keep the others waiting; without the poll it
                # would, if no other task is runnable yet.
                task.hub.end_turn()
                task.yield_turn()
    except _StreamFailed as failed:
        if not head or not isinstance(failed.error, HttpError):
            request.failure = failed.error
        return _send_failure(wire, failed.error, task, is_head_sent=not head)
    if head:
        wire.send(head, task)
    return True


def _send_failure(wire: Wire, error: Exception, task: Task[object], *, is_head_sent: bool) -> bool:
    """Send an error response if the head was not sent; the connection ends in both cases."""
    if is_head_sent:
        _log.error("a response is incomplete: its stream failed", exc_info=error)
        return False
    if not isinstance(error, HttpError):
        _log.error("the stream of a response failed before its first part", exc_info=error)
        error = HttpError(500)
    send_error(wire, error, task)
    return False


class _StreamFailed(Exception):
    """The iterable of the application, its length, or a trailer failed, as opposed to sending."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _framed_parts(
    body: Iterable[bytes], framing: _Framing
) -> Iterator[tuple[bytes | memoryview, bytes, bytes]]:
    """Yield each non-empty part, and what frames it before and after it, and the last chunk."""
    trailers, sent = framing.trailers, 0
    try:
        for part in body:
            if part:
                framed = _encode.frame(part, is_chunked=trailers is not None)
                sent += len(framed[0])
                framing.check(sent, is_end=False)
                yield framed
        framing.check(sent, is_end=True)
        if trailers is not None:
            yield _encode.last_chunk(trailers), b"", b""
    except GeneratorExit:
        raise
    except BaseException as error:
        raise _StreamFailed(as_failure(error)) from error
