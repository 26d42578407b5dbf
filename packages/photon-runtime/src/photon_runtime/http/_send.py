"""Responses onto the wire, whatever their bodies are.

A whole body goes out in one piece with its head. What is sent as it comes is framed by its declared
length, else in chunks, else, for HTTP/1.0, by the end of the connection. The head of a stream waits
for the first part, so that a stream that fails at once is still answered as an error.

Trailers follow chunks alone (RFC 9112, section 7.1.2), and only for clients that have asked for
them: others may drop them, or take them for what they are not. One that fails breaks the response
off, as a stream does that fails: the client sees that the message is not whole.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import attrs

from .._task import Task
from . import _encode
from ._files import SMALL, FileBody, FileTooShort, send_file
from ._problem import problem_response
from ._request import Request
from ._response import Response, Trailers
from ._wire import Wire
from .errors import HttpError

_log = logging.getLogger("photon.http")
_MOST_IN_A_ROW = 1024 * 1024


def send_error(wire: Wire, error: HttpError, task: Task[object]) -> None:
    """Send the answer that tells ``error`` and that the connection ends."""
    answer = problem_response(error)
    body = answer.body if isinstance(answer.body, bytes) else b""
    wire.send(_encode.encode_whole(answer, body, wire.server.date, closes=True), task)


def send_bodiless(
    wire: Wire, response: Response, length: int, task: Task[object], *, closes: bool
) -> None:
    """Send a response without its body; for ``HEAD`` the head tells the length."""
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
    goes_on: bool,
) -> bool:
    """Send a body as it comes; return whether the connection goes on."""
    try:
        framing = _framing_of(request, response, body)
        goes_on = goes_on and framing.is_told
        fields = b"" if _encode.forbids_body(response.status) else framing.fields()
        head = _encode.encode_head(response, fields, wire.server.date, closes=not goes_on)
        if request.method == "HEAD" or _encode.forbids_body(response.status):
            wire.send(head, task)
            return goes_on
        if isinstance(body, FileBody) and wire.is_plain and body.length > SMALL:
            return _send_file(wire, request, head, body, task) and goes_on
        return _send_parts(wire, request, head, body, task, framing=framing) and goes_on
    finally:
        _close(body)


def _close(body: Iterable[bytes]) -> None:
    """Close a body; an error would be answered, and there has been an answer already."""
    close = getattr(body, "close", None)
    if close is not None:
        try:
            close()
        except Exception:
            _log.exception("the body of a response could not be closed")


@attrs.frozen
class _Framing:
    """How the end of a body that is sent as it comes is told.

    Attributes:
        length: Its length, ``None`` where that is not known.
        trailers: What follows its chunks; ``None`` where there are no chunks.
    """

    length: int | None = None
    trailers: Trailers | None = None

    @property
    def is_told(self) -> bool:
        """Whether the end can be told without ending the connection."""
        return self.length is not None or self.trailers is not None

    def fields(self) -> bytes:
        """Return what the head says about it."""
        if self.length is not None:
            return b"content-length: %d\r\n" % self.length
        return b"" if self.trailers is None else _encode.chunked_fields(self.trailers)

    def check(self, sent: int, *, is_end: bool) -> None:
        """Compare the bytes of the parts so far with the length.

        Raises:
            ValueError: They are more, or at the end fewer.
        """
        if self.length is not None and (sent > self.length or (is_end and sent < self.length)):
            raise ValueError("the body is not as long as its Content-Length says")


def _framing_of(request: Request, response: Response, body: Iterable[bytes]) -> _Framing:
    length = body.length if isinstance(body, FileBody) else _encode.declared_length(response)
    if length is not None:
        return _Framing(length)
    if request.version != "1.1":  # the end of the connection is the end
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
        return _send_failure(wire, error, task, is_begun=True)
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
    """Send ``head`` with the first part, then the rest; return whether it came out whole."""
    in_a_row = 0
    try:
        for framed in _framed_parts(body, framing):
            wire.send(head + framed, task)
            head = b""
            in_a_row += len(framed)
            if in_a_row >= _MOST_IN_A_ROW:
                in_a_row = 0
                task.yield_turn()  # a client that reads fast must not keep the others waiting
    except _StreamFailed as failed:
        if not head or not isinstance(failed.error, HttpError):
            request.failure = failed.error
        return _send_failure(wire, failed.error, task, is_begun=not head)
    if head:
        wire.send(head, task)
    return True


def _send_failure(wire: Wire, error: Exception, task: Task[object], *, is_begun: bool) -> bool:
    """Answer for a stream that failed, if it has not begun; the connection ends either way."""
    if is_begun:
        _log.error("a response broke off: its stream failed", exc_info=error)
        return False
    if not isinstance(error, HttpError):
        _log.error("a response's stream failed at its beginning", exc_info=error)
        error = HttpError(500)
    send_error(wire, error, task)
    return False


class _StreamFailed(Exception):
    """The application's iterable, its length, or a trailer failed; not the sending of its parts."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _framed_parts(body: Iterable[bytes], framing: _Framing) -> Iterator[bytes]:
    """Yield each part that is not empty as it is sent, and the last chunk."""
    trailers, sent = framing.trailers, 0
    try:
        for part in body:
            if part:
                framed, size = _encode.frame(part, is_chunked=trailers is not None)
                sent += size
                framing.check(sent, is_end=False)
                yield framed
        framing.check(sent, is_end=True)
        if trailers is not None:
            yield _encode.last_chunk(trailers)
    except Exception as error:
        raise _StreamFailed(error) from error
