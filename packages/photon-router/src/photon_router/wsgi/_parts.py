"""Bodies that have begun: the first part is made, the rest is to come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from photon_runtime.http import (
    FileBody,
    HttpError,
    Request,
    Response,
    failure_response,
    problem_response,
)

from ._protocol import close


class Parts:
    """The body of a response as the application yields it, closed at its end."""

    def __init__(self, first: list[bytes], rest: Iterator[bytes], body: Iterable[bytes]) -> None:
        """Keep the parts that are there, those to come, and what makes them."""
        self._first = first
        self._rest = rest
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        """Yield all parts that are not empty."""
        yield from filter(None, self._first)
        yield from filter(None, self._rest)

    def close(self) -> None:
        """Tell the application that the response is over."""
        close(self._body)


def begun(request: Request, response: Response) -> Response:
    """Make the first part of a body that is sent as it comes.

    A stream that fails at once is answered as any other error is. Photon's own server waits for
    the first part by itself; this is for whoever else sends what a handler returns.

    Returns:
        The response, or if there is no first part but an error, the answer to that.

    Blocks: until the part is made.
    """
    body = response.body
    if isinstance(body, FileBody):
        response.set_header("content-length", str(body.length))  # its parts do not tell it
    if isinstance(body, bytes) or request.method == "HEAD":
        return response
    try:
        parts = iter(body)
        first = next(filter(None, parts), b"")
    except BaseException as error:
        close(body)
        if isinstance(error, HttpError):
            return problem_response(error)
        if isinstance(error, Exception):
            return failure_response(request, error)
        raise
    response.body = Parts([first], _watched(request, parts), body)
    return response


def _watched(request: Request, parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the parts; keep an error as the request's ``failure``, for those who report it."""
    try:
        yield from parts
    except Exception as error:
        request.failure = error
        raise
