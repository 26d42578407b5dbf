from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_runtime.http._body_buffer import BodyBuffer

MB = 1024 * 1024


@contextmanager
def traced() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def fill(buffer: BodyBuffer, data: bytes, size: int) -> None:
    """Write ``data`` in pieces of at most ``size`` bytes."""
    rest = memoryview(data)
    while rest:
        room = buffer.room()
        piece = rest[: min(size, len(room))]
        room[: len(piece)] = piece
        buffer.note(len(piece))
        rest = rest[len(piece) :]


@given(
    st.binary(min_size=1, max_size=300),
    st.integers(0, 300_000),
    st.integers(1, 100_000),
    st.floats(0, 1),
)
def test_bytes_are_those_that_were_written(
    received: bytes, more: int, size: int, share: float
) -> None:
    pattern = bytes(range(251)) * (more // 251 + 1)
    written = pattern[: int(more * share)]
    buffer = BodyBuffer(len(received) + more, received)
    fill(buffer, written, max(size, more // 50))
    assert (len(buffer.room()) == 0) == (len(written) == more)
    assert buffer.take() == received + written


def test_body_is_returned_in_the_memory_that_it_was_received_into() -> None:
    with traced():
        buffer = BodyBuffer(8 * MB, bytes(MB))
        fill(buffer, bytes(7 * MB), MB)
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        body = buffer.take()
        assert tracemalloc.get_traced_memory()[1] - before < MB
    assert len(body) == 8 * MB


def test_bytes_do_not_change_after_they_were_taken() -> None:
    buffer = BodyBuffer(100_000, b"x")
    room = buffer.room()
    fill(buffer, b"x" * 99_999, 100_000)
    body = buffer.take()
    with pytest.raises(ValueError, match="released"):
        room[0] = 1
    assert body == b"x" * 100_000


def test_memory_follows_what_has_arrived_and_not_what_was_announced() -> None:
    with traced():
        buffer = BodyBuffer(1024 * MB, b"x")
        assert tracemalloc.get_traced_memory()[1] < MB // 8
        fill(buffer, bytes(MB // 16), 1000)
        assert tracemalloc.get_traced_memory()[1] < 5 * MB
    assert len(buffer.take()) == MB // 16 + 1


def test_growing_moves_a_small_part_of_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[int] = []
    grow = BodyBuffer._grow

    def noted(buffer: BodyBuffer, received: bytes | memoryview) -> None:
        moved.append(len(received))
        grow(buffer, received)

    monkeypatch.setattr(BodyBuffer, "_grow", noted)
    buffer = BodyBuffer(8 * MB, b"x")
    fill(buffer, bytes(8 * MB - 1), 1460)
    assert sum(moved) < 3 * MB
    assert len(moved) <= 4
