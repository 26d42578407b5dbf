"""The bytes of one connection: nobody may hold up the others, however fast the client is."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, cast

import attrs

import photon_runtime as rt
from photon_runtime._pooled_greenlet import current_task
from photon_runtime._watcher import Watcher
from photon_runtime.http import Request, Response
from photon_runtime.http._send import send_stream
from photon_runtime.http._wire import Serving, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

PART = bytes(64 * 1024)


class Endless:
    """A client who always has something to send, and room for what it is sent."""

    def recv_into(self, buffer: bytearray, /) -> int:
        return len(buffer)

    def send(self, data: bytes | memoryview, /) -> int:
        return len(data)

    def shutdown(self, how: int, /) -> None: ...

    def close(self) -> None: ...

    def fileno(self) -> int:
        return -1


@attrs.define
class Server:
    """What a wire looks at while nothing waits."""

    buffer: bytearray = attrs.Factory(lambda: bytearray(len(PART)))
    date: bytes = b""


def new_wire() -> Wire:
    return Wire(cast(Serving, Server()), Endless(), cast(Watcher, None))


def test_client_that_sends_without_end_leaves_the_others_their_turn() -> None:
    ran: list[None] = []

    def main() -> None:
        wire = new_wire()
        rt.spawn(ran.append, None)
        for _ in range(10):
            wire.receive(current_task())
        assert ran

    rt.run(main)


def test_client_that_reads_without_end_leaves_the_others_their_turn() -> None:
    ran: list[None] = []

    def body() -> Iterator[bytes]:
        return itertools.takewhile(lambda part: not ran, itertools.repeat(PART, 1000))

    def main() -> None:
        wire = new_wire()
        rt.spawn(ran.append, None)
        request, response = Request("GET", "/", []), Response()
        assert send_stream(wire, request, response, body(), current_task(), keep_open=True)
        assert ran

    rt.run(main)
