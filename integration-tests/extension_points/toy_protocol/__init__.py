"""A foreign package that speaks lines of text after an upgrade: it imports photon_runtime alone."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from photon_runtime.http import HttpError, Request, Response, UpgradedStream, upgrade
from photon_runtime.units_of_work import message_handled

T = TypeVar("T")


class Lines(Generic[T]):
    """A connection that carries lines, each of them one value."""

    def __init__(self, stream: UpgradedStream, read: Callable[[str], T]) -> None:
        self._stream = stream
        self._read = read
        self._received = b""
        stream.on_stop(stream.close)

    def __iter__(self) -> Iterator[T]:
        """Yield the values of the lines, until the peer leaves."""
        while (line := self.receive()) is not None:
            yield line

    def receive(self) -> T | None:
        """Return the value of the next line; ``None`` when the peer has left."""
        message_handled()
        while b"\n" not in self._received:
            part = self._stream.recv()
            if not part:
                return None
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        return self._read(line.decode())

    def send(self, line: str) -> None:
        """Send one line."""
        self._stream.sendall(line.encode() + b"\n")


class LineProtocol:
    """The adapter; see `photon_runtime.http.CallAdapter`."""

    argument: type = Lines

    def __init__(self, read: Callable[[str], Any] = str) -> None:
        self._read = read

    def for_argument(self, annotation: Any) -> LineProtocol:
        """Read lines as values of the type argument."""
        [type_] = typing.get_args(annotation) or (str,)
        if type_ not in (int, str):
            raise TypeError(f"lines are int or str, not {type_!r}")
        return LineProtocol(type_)

    def respond(self, request: Request, call: Callable[[Any], object]) -> Response:
        """Upgrade to ``lines``, or say that it must be offered."""
        if "lines" not in request.upgrades:
            raise HttpError(426, "upgrade to lines", headers={"upgrade": "lines"})

        def serve(stream: UpgradedStream) -> None:
            call(Lines(stream, self._read))

        return upgrade("lines", serve)

    def describe(self, operation: dict[str, Any], schema: Callable[[Any], dict[str, Any]]) -> None:
        """Name the protocol in the document."""
        operation["x-protocol"] = {"lines": schema(self._read)}
        operation["responses"]["426"] = {"description": "The request does not offer the protocol."}
