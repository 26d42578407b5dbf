from __future__ import annotations

import http.client
import socket
from collections.abc import Callable

import pytest

import photon_runtime as rt
from photon_runtime import testing
from photon_runtime.testing import in_virtual_time, memory_pair


def test_what_goes_in_at_one_end_comes_out_at_the_other() -> None:
    left, right = memory_pair()
    left.sendall(b"there")
    right.sendall(b"and back")
    assert right.recv(3) == b"the"
    assert right.recv(100) == b"re"
    buffer = bytearray(10)
    assert left.recv_into(buffer) == 8
    assert left.recv(0) == b""
    assert buffer == b"and back\0\0"


@in_virtual_time
def test_recv_waits_for_data() -> None:
    left, right = memory_pair()
    reader = rt.spawn(right.recv, 100)
    rt.sleep(1)
    assert not reader.done
    left.send(b"x")
    assert reader.result() == b"x"


@in_virtual_time
def test_send_takes_what_there_is_room_for_and_waits_when_there_is_none() -> None:
    left, right = memory_pair(capacity=4)
    assert left.send(b"123456") == 4
    sender = rt.spawn(left.send, b"56")
    rt.sleep(1)
    assert not sender.done
    assert right.recv(3) == b"123"
    assert sender.result() == 2
    assert right.recv(100) == b"456"


@in_virtual_time
def test_sendall_sends_more_than_there_is_room_for() -> None:
    left, right = memory_pair(capacity=3)

    def send() -> None:
        with left:
            left.sendall(bytes(range(100)))

    rt.spawn(send)
    parts = []
    while part := right.recv(7):
        parts.append(part)
    assert b"".join(parts) == bytes(range(100))


@in_virtual_time
def test_timeouts_are_those_of_sockets() -> None:
    left, right = memory_pair(capacity=1)
    left.settimeout(2)
    with pytest.raises(TimeoutError):
        left.recv(1)
    assert rt.current_task().hub.time() == 2
    left.send(b"x")
    with pytest.raises(TimeoutError):
        left.send(b"y")
    assert left.gettimeout() == 2
    left.setblocking(False)
    with pytest.raises(BlockingIOError):
        left.send(b"y")
    with pytest.raises(BlockingIOError):
        left.recv(1)
    left.setblocking(True)
    assert left.gettimeout() is None
    with pytest.raises(ValueError, match="not -1"):
        left.settimeout(-1)
    assert right.recv(9) == b"x"


@in_virtual_time
def test_the_limit_holds_though_another_task_takes_what_came() -> None:
    left, right = memory_pair()
    right.settimeout(3)
    readers = [rt.spawn(right.recv, 1) for _ in range(2)]
    rt.sleep(2)
    left.send(b"x")
    outcomes = []
    for reader in readers:
        reader.join()
        outcomes.append(type(reader.error))
    assert outcomes == [type(None), TimeoutError]
    assert rt.current_task().hub.time() == 3


@in_virtual_time
def test_the_end_of_the_peer_is_read_after_its_data() -> None:
    left, right = memory_pair()
    reader = rt.spawn(lambda: [right.recv(10), right.recv(10), right.recv(10)])
    rt.yield_now()
    left.send(b"last")
    left.close()
    assert reader.result() == [b"last", b"", b""]
    with pytest.raises(BrokenPipeError):
        right.send(b"x")


@in_virtual_time
def test_half_of_it_can_be_shut_down() -> None:
    left, right = memory_pair()
    left.shutdown(socket.SHUT_WR)
    assert right.recv(1) == b""
    right.send(b"still")
    assert left.recv(10) == b"still"
    with pytest.raises(BrokenPipeError):
        left.send(b"x")
    right.send(b"more")
    left.shutdown(socket.SHUT_RD)
    assert left.recv(10) == b""
    with pytest.raises(BrokenPipeError):
        right.send(b"x")


@in_virtual_time
def test_a_peer_that_closed_without_reading_resets_the_connection() -> None:
    left, right = memory_pair()
    left.send(b"unread")
    right.send(b"last")
    right.close()
    assert left.recv(10) == b"last"
    with pytest.raises(ConnectionResetError):
        left.recv(10)
    assert left.recv(10) == b""
    with pytest.raises(BrokenPipeError):
        left.send(b"x")


@in_virtual_time
def test_closing_wakes_whoever_waits() -> None:
    left, right = memory_pair(capacity=1)
    left.send(b"x")
    own, peers = rt.spawn(left.recv, 1), rt.spawn(left.send, b"y")
    rt.yield_now()
    left.close()
    left.close()
    for task in (own, peers):
        with pytest.raises(OSError, match="Bad file descriptor"):
            task.result()
    with pytest.raises(OSError, match="Bad file descriptor"):
        left.recv(1)
    with pytest.raises(OSError, match="Bad file descriptor"):
        left.shutdown(socket.SHUT_RDWR)
    assert right.recv(1) == b"x"


@in_virtual_time
def test_a_cancelled_recv_takes_nothing() -> None:
    left, right = memory_pair()
    reader = rt.spawn(right.recv, 10)
    rt.yield_now()
    reader.cancel()
    left.send(b"kept")
    reader.join()
    assert right.recv(10) == b"kept"


@in_virtual_time
def test_http_client_takes_it_for_a_socket() -> None:
    left, right = memory_pair(capacity=16)

    def serve() -> None:
        with right:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += right.recv(100)
            right.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    rt.spawn(serve)
    connection = http.client.HTTPConnection("memory")
    connection.sock = left  # that it works is the test
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"hello"
    connection.close()


@in_virtual_time
def test_files_keep_the_stream_open_until_they_are_closed() -> None:
    left, right = memory_pair()
    with left.makefile("rwb") as both, right.makefile("r", encoding="utf-8") as reader:
        left.close()
        both.write("größer\nzwei\n".encode())
        both.flush()
        assert reader.readline() == "größer\n"
        assert next(iter(reader)) == "zwei\n"
        right.sendall(b"back")
        right.close()
        assert both.read(4) == b"back"
    with pytest.raises(OSError, match="Bad file descriptor"):
        left.recv(1)
    with pytest.raises(ValueError, match="consists of r, w and b, not 'a'"):
        memory_pair()[0].makefile("a")
    with pytest.raises(ValueError, match="needs a buffer"):
        memory_pair()[0].makefile("r", 0)
    raw = memory_pair()[0].makefile("wb", 0)
    assert raw.write(b"123") == 3
    raw.close()


def test_it_says_who_it_is() -> None:
    left, right = memory_pair()
    left.send(b"abc")
    assert repr(left) == "<MemoryStream left open, 0 to read, 3 unread by peer>"
    left.close()
    assert "left closed" in repr(left)
    assert (right.getsockname(), right.getpeername(), right.fileno()) == ("right", "left", -1)
    right.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with pytest.raises(ValueError, match="one byte or more, not 0"):
        memory_pair(capacity=0)


@pytest.mark.parametrize(
    "receive",
    [
        lambda stream: stream.recv(-1),
        lambda stream: stream.recv_into(bytearray(3), -1),
        lambda stream: stream.recv_into(bytearray(3), 4),
    ],
    ids=["recv", "recv_into", "small buffer"],
)
def test_a_size_that_cannot_be_is_refused_and_takes_nothing(
    receive: Callable[[testing.MemoryStream], object],
) -> None:
    left, right = memory_pair()
    left.sendall(b"hello")
    with pytest.raises(ValueError, match="bytes"):
        receive(right)
    assert right.recv(100) == b"hello"
