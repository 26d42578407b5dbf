"""The bytes of one connection: nobody may hold up the others, however fast the client is."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, cast

import attrs
from hypothesis import given
from hypothesis import strategies as st

import photon_runtime as rt
from photon_runtime._pooled_greenlet import current_task
from photon_runtime._watcher import Watcher
from photon_runtime.http import Request, Response, ServerSettings
from photon_runtime.http._send import send_stream
from photon_runtime.http._wire import RawStream, Serving, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PART = bytes(64 * 1024)


class Endless:
    """A client who always has something to send, and room for what it is sent."""

    def recv_into(self, buffer: bytearray | memoryview, /) -> int:
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
    now: float = 0.0
    settings: ServerSettings = attrs.Factory(ServerSettings)


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


@attrs.define
class Narrow:
    """A stream with room for a few bytes now and then; it refuses another repetition, as TLS."""

    rooms: list[int]
    is_plain: bool
    sent: bytearray = attrs.Factory(bytearray)
    _owed: bytes | None = None

    def sendmsg(self, pieces: Sequence[bytes | memoryview], /) -> int:
        data = b"".join(pieces)
        assert self._owed is None or self._owed == data, "other bytes after BlockingIOError"
        room = self.rooms.pop(0) if self.rooms else len(data)
        if not room and data:
            self._owed = data
            raise BlockingIOError
        self._owed = None
        self.sent += data[:room]
        return min(room, len(data))

    def send(self, data: bytes | memoryview, /) -> int:
        return self.sendmsg((data,))

    recv_into = Endless.recv_into
    shutdown = Endless.shutdown
    close = Endless.close
    fileno = Endless.fileno


@attrs.define
class Room:
    """A watcher that counts the waits for room."""

    waits: int = 0

    def wait_write(self, task: object) -> None:
        self.waits += 1


@given(
    st.lists(st.binary(max_size=20), min_size=1, max_size=4),
    st.lists(st.integers(0, 12), max_size=12),
    st.booleans(),
)
def test_pieces_are_sent_whole_and_in_order_however_little_room_there_is(
    pieces: list[bytes], rooms: list[int], is_plain: bool
) -> None:
    watcher = Room()

    def main() -> Narrow:
        stream = Narrow(list(rooms), is_plain)
        wire = Wire(cast(Serving, Server()), cast(RawStream, stream), cast(Watcher, watcher))
        if not is_plain:
            wire.replace_stream(cast(RawStream, stream))
        wire.send_pieces(pieces, current_task())
        return stream

    assert rt.run(main).sent == b"".join(pieces)
    assert watcher.waits <= len(rooms)


def test_pieces_are_joined_where_the_stream_cannot_send_several() -> None:
    sent: list[bytes] = []

    class Simple(Endless):
        def send(self, data: bytes | memoryview, /) -> int:
            sent.append(bytes(data))
            return len(data)

    def main() -> None:
        wire = Wire(cast(Serving, Server()), Simple(), cast(Watcher, None))
        wire.send_pieces((b"one ", b"two"), current_task())

    rt.run(main)
    assert sent == [b"one two"]


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
