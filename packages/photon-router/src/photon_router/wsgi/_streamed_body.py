"""Streamed bodies whose first chunk is available."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from photon_runtime.escapes import as_failure
from photon_runtime.http import (
    FileBody,
    HttpError,
    Request,
    Response,
    failure_response,
    problem_response,
)

from ._protocol import close


class StreamedBody:
    """A streamed body: its first chunks, the following ones, and the object to close."""

    def __init__(self, first: list[bytes], chunks: Iterator[bytes], body: Iterable[bytes]) -> None:
        """Store the first chunks, the iterator of the others, and the application's body."""
        self._first = first
        self._chunks = chunks
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        """Yield all chunks that are not empty."""
        yield from filter(None, self._first)
        yield from filter(None, self._chunks)

    def close(self) -> None:
        """Close the application's body."""
        close(self._body)


def with_first_chunk(request: Request, response: Response) -> Response:
    """Produce the first chunk of a streamed body.

    A stream that fails before its first chunk gets an error response. Photon's own server waits for
    the first chunk itself; this function is for other senders of a handler's response.

    Returns:
        The response, or the error response if the first chunk fails.

    Blocks: until the first chunk is produced.
    """
    body = response.body
    if isinstance(body, FileBody):
        response.set_header("content-length", str(body.length))  # unknown from the chunks
    if isinstance(body, bytes) or request.method == "HEAD":
        return response
    try:
        chunks = iter(body)
        first = next(filter(None, chunks), b"")
    except BaseException as error:
        close(body)
        failure = as_failure(error)
        if isinstance(failure, HttpError):
            return problem_response(failure)
        return failure_response(request, failure)
    response.body = StreamedBody([first], _recording_failure(request, chunks), body)
    return response


def _recording_failure(request: Request, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks; record an error as the request's ``failure``, for logs and traces."""
    try:
        yield from chunks
    except Exception as error:
        request.failure = error
        raise
