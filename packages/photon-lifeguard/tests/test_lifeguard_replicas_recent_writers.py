"""The positions of clients that do not carry them: remembered for a while, and bounded."""

from __future__ import annotations

import attrs
from hypothesis import given
from hypothesis import strategies as st

from photon_lifeguard.replicas import UNKNOWN, ClientPosition, RecentWriters


@attrs.define
class Clock:
    """A clock that stands still."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_write_is_remembered_for_its_lifetime() -> None:
    clock = Clock()
    writers = RecentWriters(3.0, clock=clock)
    writers.note(b"ada", 7)
    assert writers.position(b"ada") == 7
    assert writers.position(b"bo") == 0
    clock.now += 2.9
    assert writers.position(b"ada") == 7
    clock.now += 0.2
    assert writers.position(b"ada") == 0
    writers.note(b"bo", 8)
    assert len(writers) == 1


def test_a_full_memory_makes_all_clients_wait_and_forgets_nothing_early() -> None:
    clock = Clock()
    writers = RecentWriters(3.0, max_clients=2, clock=clock)
    for position, client in enumerate([b"ada", b"bo", b"cy"], start=1):
        writers.note(client, position)
        clock.now += 0.5
    assert len(writers) == 2
    assert writers.position(b"dee") == 1
    assert writers.position(b"cy") == 3
    clock.now += 1.6
    assert writers.position(b"dee") == 0


def test_a_position_counts_for_its_work_until_its_lifetime_has_ended() -> None:
    clock = Clock()
    remembered: list[int] = []
    client = ClientPosition(3.0, earlier=lambda: 5, remember=remembered.append, clock=clock)
    assert client.required == 5
    client.wrote(9)
    client.wrote(8)
    assert client.required == client.written == 9
    assert remembered == [9, 9]
    clock.now += 3
    assert client.required == 0
    client.wrote(UNKNOWN)
    assert client.required == UNKNOWN
    clock.now += 3
    client.wrote(10)
    assert client.required == 10


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.floats(0, 2)),
        max_size=100,
    ),
    st.integers(1, 5),
)
def test_no_client_is_forgotten_before_its_lifetime_has_ended(
    writes: list[tuple[int, float]], max_clients: int
) -> None:
    clock = Clock()
    writers = RecentWriters(3.0, max_clients=max_clients, clock=clock)
    latest: dict[bytes, tuple[int, float]] = {}
    for position, (number, pause) in enumerate(writes, start=1):
        client = bytes([number])
        writers.note(client, position)
        latest[client] = position, clock.now
        clock.now += pause
        assert len(writers) <= max_clients
        for each, (written, at) in latest.items():
            if clock.now < at + 3.0:
                assert writers.position(each) >= written
