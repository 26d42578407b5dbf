"""Responses onto the wire, whatever their bodies are.

A whole body goes out in one piece with its head. What is sent as it comes is framed by its declared
length, else in chunks, else, for HTTP/1.0, by the end of the connection. The head of a stream waits
for the first part, so that a stream that fails at once is still answered as an error.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from .._task import Task
from . import _encode
from ._files import SMALL, FileBody, send_file
from ._messages import Request, Response
from ._problem import problem_response
from ._wire import Wire
from .errors import HttpError

_log = logging.getLogger("photon.http")


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
    if isinstance(body, FileBody):
        length: int | None = body.length
    else:
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
    head = _encode.encode_head(response, framing, wire.server.date, closes=not goes_on)
    try:
        if request.method == "HEAD" or _encode.forbids_body(response.status):
            wire.send(head, task)
            return goes_on
        if isinstance(body, FileBody) and wire.is_plain and body.length > SMALL:
            return _send_file(wire, head, body, task) and goes_on
        return _send_parts(wire, head, body, task, length, is_chunked=is_chunked) and goes_on
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()


def _send_file(wire: Wire, head: bytes, body: FileBody, task: Task[object]) -> bool:
    wire.send(head, task)
    if send_file(wire, body, task):
        return True
    _log.error("a response broke off: %r is shorter than it was", body)
    return False


def _send_parts(
    wire: Wire,
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
            wire.send(head + framed, task)
            head = b""
    except _StreamFailed as failed:
        return _send_failure(wire, failed.error, task, is_begun=not head)
    if length is not None and sent != length:
        _log.error("a response broke off: it is not as long as its Content-Length says")
        return False
    if head or is_chunked:
        wire.send(head + (_encode.LAST_CHUNK if is_chunked else b""), task)
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
