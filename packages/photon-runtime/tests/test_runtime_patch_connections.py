"""Messages of `multiprocessing` that a cancellation meets."""

from __future__ import annotations

import multiprocessing.connection
import os
import types
from collections.abc import Iterator
from typing import Any

import pytest

import photon_runtime as rt
from photon_runtime.patch import _connections

BIG = b"x" * 2_000_000


@pytest.fixture
def ends() -> Iterator[tuple[Any, Any]]:
    """A reader and a writer, of a class that is changed for this test."""
    module: Any = types.ModuleType("module")
    module.Connection = type("Connection", (multiprocessing.connection.Connection,), {})
    _connections.keep_messages_whole(module)
    reader, writer = os.pipe()
    source = module.Connection(reader, writable=False)
    with source, module.Connection(writer, readable=False) as target:
        yield source, target


def test_messages_of_every_size_arrive(ends: tuple[Any, Any]) -> None:
    def main() -> None:
        source, target = ends
        for size in (0, 1, 100, 16_385, len(BIG)):
            sending = rt.spawn(target.send_bytes, BIG[:size])
            assert len(source.recv_bytes()) == size
            sending.result(timeout=5)

    rt.run(main)


def test_a_wait_for_a_message_can_be_cancelled(ends: tuple[Any, Any]) -> None:
    def main() -> object:
        source, target = ends
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.01):
            source.recv()
        target.send("after it")
        return source.recv()

    assert rt.run(main) == "after it"


def test_a_message_that_has_begun_is_completed(ends: tuple[Any, Any]) -> None:
    def main() -> None:
        source, target = ends

        def send() -> None:
            with rt.deadline(0.02):
                target.send_bytes(BIG)

        sending = rt.spawn(send)
        rt.sleep(0.05)  # the pipe is full, and the deadline has passed
        assert len(source.recv_bytes()) == len(BIG)
        sending.result(timeout=5)
        target.send("the next")
        assert source.recv() == "the next"

    rt.run(main)


def test_a_connection_whose_other_side_has_stopped_is_closed(
    ends: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def main() -> None:
        _, target = ends
        monkeypatch.setattr(_connections, "GRACE", 0.05)
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.02):
            target.send_bytes(BIG)
        assert target.closed

    rt.run(main)
