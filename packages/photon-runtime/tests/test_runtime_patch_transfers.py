"""Reads and writes of descriptors, in tasks."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator

import pytest

import photon_runtime as rt
from photon_runtime.patch import _transfers

MUCH = b"0123456789" * 100_000


@pytest.fixture(params=["pipe", "socket"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """The descriptors of a reader and a writer, both blocking."""
    if request.param == "pipe":
        fds = os.pipe()
    else:
        fds = tuple(each.detach() for each in socket.socketpair())  # type: ignore[assignment]
    yield fds
    for fd in fds:
        os.close(fd)


@pytest.mark.parametrize(
    "write", [_transfers.write, lambda fd, data: _transfers.writev(fd, [data])]
)
def test_a_write_waits_for_room_until_all_is_written(
    write: Callable[[int, bytes], int], ends: tuple[int, int]
) -> None:
    def main() -> None:
        reader, writer = ends
        writing = rt.spawn(write, writer, MUCH)
        rt.sleep(0.01)
        assert not writing.done
        received = b""
        while len(received) < len(MUCH):
            buffer = bytearray(65536)
            received += buffer[: _transfers.readv(reader, [buffer])]
        assert received == MUCH
        assert writing.result(timeout=5) == len(MUCH)

    rt.run(main)


def test_a_read_waits_for_data(ends: tuple[int, int]) -> None:
    def main() -> bytes:
        reader, writer = ends
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.01):
            _transfers.read(reader, 10)
        reading = rt.spawn(_transfers.read, reader, 10)
        rt.sleep(0.01)
        _transfers.write(writer, b"data")
        return reading.result(timeout=5)

    assert rt.run(main) == b"data"


def test_a_cancelled_write_returns_how_much_was_written(ends: tuple[int, int]) -> None:
    def main() -> None:
        reader, writer = ends
        with contextlib.suppress(rt.DeadlineExceeded), rt.deadline(0.05):
            sent = _transfers.write(writer, MUCH)
            rt.sleep(5)
        assert 0 < sent < len(MUCH)
        received = 0
        while received < sent:
            received += len(os.read(reader, 65536))
        os.set_blocking(reader, False)
        with pytest.raises(BlockingIOError):
            os.read(reader, 1)

    rt.run(main)


def test_splice_and_sendfile_wait(ends: tuple[int, int], tmp_path: object) -> None:
    def main() -> None:
        reader, writer = ends
        source, feed = os.pipe()
        splicing = rt.spawn(_transfers.splice, source, writer, 10)
        rt.sleep(0.01)
        os.write(feed, b"spliced")
        assert splicing.result(timeout=5) == 7
        assert os.read(reader, 10) == b"spliced"
        with open(f"{tmp_path}/file", "w+b") as file:
            file.write(MUCH)
            file.flush()
            sending = rt.spawn(send_all, writer, file.fileno())
            received = 0
            while received < len(MUCH):
                received += len(_transfers.read(reader, 65536))
            sending.result(timeout=5)
        os.close(source)
        os.close(feed)

    def send_all(writer: int, file: int) -> None:
        offset = 0
        while offset < len(MUCH):
            offset += _transfers.sendfile(writer, file, offset, len(MUCH) - offset)

    rt.run(main)


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="this system has no counters")
def test_counters_wait() -> None:
    def main() -> int:
        counter = os.eventfd(0)
        reading = rt.spawn(_transfers.eventfd_read, counter)
        rt.sleep(0.01)
        _transfers.eventfd_write(counter, 3)
        value = reading.result(timeout=5)
        os.close(counter)
        return value

    assert rt.run(main) == 3


def test_non_blocking_descriptors_and_closed_ones_raise_the_standard_errors() -> None:
    def main() -> None:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        with pytest.raises(BlockingIOError):
            _transfers.read(reader, 1)
        with pytest.raises(OSError, match="Bad file descriptor"):
            _transfers.read(writer, 1)
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            _transfers.write(writer, b"x")
        os.close(writer)
        with pytest.raises(OSError, match="Bad file descriptor"):
            _transfers.write(writer, b"x")

    rt.run(main)
