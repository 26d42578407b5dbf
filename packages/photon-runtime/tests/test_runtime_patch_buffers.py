"""Buffers that tasks use in turns."""

from __future__ import annotations

import io
import socket

import pytest

import photon_runtime as rt
from photon_runtime import Socket
from photon_runtime.patch._buffers import PipePair, PipeReader, Turns, io_for_sockets


def test_the_files_of_a_socket_are_used_in_turns() -> None:
    def main() -> None:
        mine, other = (Socket(fileno=each.detach()) for each in socket.socketpair())
        source = PipeReader(socket.SocketIO(mine, "r"))
        reads = [rt.spawn(source.readline) for _ in range(3)]
        rt.sleep(0.01)
        reads[1].cancel()
        other.sendall(b"first\nsecond\n")
        assert [reads[0].result(timeout=5), reads[2].result(timeout=5)] == [b"first\n", b"second\n"]
        pair = PipePair(socket.SocketIO(mine, "rw"), socket.SocketIO(mine, "rw"))
        reading = rt.spawn(pair.read, 4)
        rt.sleep(0.01)
        pair.write(b"sent")  # while the other task reads
        pair.flush()
        assert other.recv(10) == b"sent"
        other.sendall(b"back")
        assert reading.result(timeout=5) == b"back"
        mine.close()
        other.close()

    rt.run(main)


def test_a_task_may_call_a_buffer_again_within_its_turn() -> None:
    def main() -> int:
        turns = Turns()
        return int(turns.call(lambda: turns.call(lambda: 1)))

    assert rt.run(main) == 1


def test_a_turn_ends_with_an_error() -> None:
    def main() -> None:
        turns = Turns()

        def fail() -> None:
            rt.sleep(0.01)
            raise ValueError("of the method")

        failing = rt.spawn(turns.call, fail)
        rt.sleep(0)
        assert turns.call(lambda: 2) == 2
        with pytest.raises(ValueError, match="of the method"):
            failing.result(timeout=5)

    rt.run(main)


def test_the_classes_look_like_the_standard_ones() -> None:
    module = io_for_sockets()
    assert module.BytesIO is io.BytesIO
    assert issubclass(module.BufferedReader, io.BufferedReader)
    assert repr(module.BufferedReader) == repr(io.BufferedReader)
