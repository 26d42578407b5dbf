"""Stores of rooms in PostgreSQL and SQLite: the promises of `RoomStore`, on real databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import photon_runtime as rt
from photon_runtime.testing import in_hub
from photon_ws.rooms import (
    Batch,
    Entry,
    PresenceChange,
    PresenceTotals,
    Record,
    Retention,
    RoomStore,
    _postgresql_schema,
    _sqlite_schema,
)
from photon_ws.rooms.postgresql import PostgreSQLStore
from photon_ws.rooms.sqlite import SQLiteStore

ADA, BO = "a" * 16, "b" * 16
KEEP = Retention(100)


class Hints:
    """What a listener was told."""

    def __init__(self) -> None:
        self.is_listening = rt.Event()
        self.rooms: list[str] = []
        self.entries: list[Entry] = []
        self.arrived = rt.Event()

    def listening(self) -> None:
        self.is_listening.set()

    def received(self, room: str, epoch: str, entries: Sequence[Entry]) -> None:
        self.entries += entries
        self.changed(room)

    def changed(self, room: str) -> None:
        self.rooms.append(room)
        self.arrived.set()

    def wait(self) -> list[str]:
        """Wait for hints, and return the rooms."""
        with rt.deadline(5):
            self.arrived.wait()
        self.arrived.clear()
        rooms, self.rooms = self.rooms, []
        return rooms


Make = Callable[[], RoomStore]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Return a function that returns a store of the same empty database at each call."""
    if request.param == "sqlite":
        path = tmp_path / "rooms.db"
        yield lambda: SQLiteStore(path)
    else:
        url = request.getfixturevalue("empty_postgres_url")
        yield lambda: PostgreSQLStore(url)


def records(*texts: str, origin: str = ADA, first: int = 1) -> list[Record]:
    return [
        Record(origin, sequence, "text", text.encode())
        for sequence, text in enumerate(texts, first)
    ]


def texts(entries: Sequence[Entry]) -> list[str]:
    return [entry.payload.decode() for entry in entries]


@in_hub
def test_positions_have_no_holes_and_begin_with_one(make: Make) -> None:
    store = make()
    store.open()
    assert store.read("room", 0, 10).last == 0
    [first] = store.append([Batch("room", records("a", "b"), KEEP)])
    [second] = store.append([Batch("room", records("c", origin=BO), KEEP)])
    assert (first.first, second.first) == (1, 3)
    assert first.epoch == second.epoch == store.read("room", 3, 10).epoch
    page = store.read("room", 0, 10)
    assert (page.last, texts(page.entries)) == (3, ["a", "b", "c"])
    assert [entry.position for entry in page.entries] == [1, 2, 3]
    assert page.entries[2] == Entry(3, second.time, BO, 1, "text", b"c")
    assert texts(store.read("room", 1, 1).entries) == ["b"]
    assert store.read("other", 0, 10).epoch != first.epoch
    store.close()


@in_hub
def test_records_that_are_appended_again_are_left_out(make: Make) -> None:
    store = make()
    store.open()
    store.append([Batch("room", records("a", "b"), KEEP)])
    [again] = store.append([Batch("room", records("a", "b"), KEEP)])
    [partly] = store.append([Batch("room", records("a", "b", "c"), KEEP)])
    assert again.first is partly.first is None
    assert texts(store.read("room", 0, 10).entries) == ["a", "b", "c"]
    [other] = store.append([Batch("other", records("a"), KEEP)])
    assert other.first == 1
    store.close()


@in_hub
def test_several_batches_have_an_outcome_each_in_their_order(make: Make) -> None:
    store = make()
    store.open()
    store.append([Batch("b", records("x"), KEEP)])
    outcomes = store.append(
        [
            Batch("b", records("y", "z", first=2), KEEP),
            Batch("a", records("a"), KEEP),
            Batch("c", records("b", "c"), KEEP),
        ]
    )
    assert [outcome.first for outcome in outcomes] == [2, 1, 1]
    assert texts(store.read("b", 0, 10).entries) == ["x", "y", "z"]
    assert texts(store.read("c", 0, 10).entries) == ["b", "c"]
    assert store.append([]) == []
    store.close()


@in_hub
def test_payloads_of_any_kind_and_size_come_back(make: Make) -> None:
    store = make()
    store.open()
    payloads = [b"", bytes(range(256)), b"x" * 9_000, b"\0" * 1_000_000, b"{}"]
    batch = [Record(ADA, number, "bytes", each) for number, each in enumerate(payloads, 1)]
    store.append([Batch("grüße ☃ '\"\\", batch, KEEP)])
    page = store.read("grüße ☃ '\"\\", 0, 10)
    assert [entry.payload for entry in page.entries] == payloads
    store.close()


@in_hub
def test_a_page_has_a_bounded_size_and_no_hole(make: Make) -> None:
    store = make()
    store.open()
    large = [Record(ADA, number, "bytes", b"x" * 1_500_000) for number in range(1, 7)]
    for each in large:
        store.append([Batch("room", [each], KEEP)])
    pages, after = 0, 0
    while entries := store.read("room", after, 100).entries:
        assert [each.position for each in entries] == [*range(after + 1, after + 1 + len(entries))]
        assert len(entries) < 6
        after = entries[-1].position
        pages += 1
    assert (after, pages) == (6, 2)
    store.close()


@in_hub
def test_a_log_keeps_its_newest_entries_and_for_a_short_time_some_more(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for schema in (_postgresql_schema, _sqlite_schema):
        monkeypatch.setattr(schema, "GRACE", 1.0)
    store = make()
    store.open()
    for start in range(1, 100, 10):
        numbers = [str(number) for number in range(start, start + 10)]
        store.append([Batch("room", records(*numbers, first=start), Retention(3))])
    page = store.read("room", 0, 1000)
    assert page.last == 100
    assert [entry.position for entry in page.entries] == [*range(41, 101)]
    rt.sleep(1.1)
    store.append([Batch("room", records("w", first=101), Retention(25))])
    page = store.read("room", 0, 1000)
    assert [entry.position for entry in page.entries] == [*range(77, 102)]
    store.append([Batch("room", records("x", first=102), Retention(25, seconds=0.05))])
    rt.sleep(0.2)
    store.append([Batch("room", records("y", first=103), Retention(25, seconds=0.1))])
    assert texts(store.read("room", 0, 1000).entries) == ["y"]
    assert store.read("room", 0, 1000).last == 103
    store.append([Batch("room", records("a", "b", first=104), Retention(0))])
    assert store.read("room", 0, 1000).entries == []
    assert store.append([Batch("room", records("c", first=106), KEEP)])[0].first == 106
    store.close()


@in_hub
def test_the_listeners_of_all_workers_get_hints(make: Make) -> None:
    first, second = make(), make()
    first.open()
    second.open()
    hints, own = Hints(), Hints()
    with rt.scope() as tasks:
        listening = [tasks.spawn(second.listen, hints), tasks.spawn(first.listen, own)]
        hints.is_listening.wait()
        own.is_listening.wait()
        second.watch("room")
        assert "room" in hints.wait()
        for number in range(1, 6):
            first.append([Batch("room", records(str(number), first=number), KEEP)])
            assert set(hints.wait()) == {"room"}
            assert second.read("room", 0, 10).last == number
        first.append([Batch("room", [Record(ADA, 6, "bytes", b"x" * 100_000)], KEEP)])
        assert set(hints.wait()) == {"room"}
        second.unwatch("room")
        for task in listening:
            task.cancel()
    first.close()
    second.close()


@in_hub
def test_workers_that_append_at_once_share_one_order(make: Make) -> None:
    stores = [make() for _ in range(4)]
    with rt.scope() as tasks:
        for store in stores:
            tasks.spawn(store.open)

    def work(store: RoomStore, origin: str) -> None:
        for sequence in range(1, 26):
            batches = [
                Batch(room, records("x", origin=origin, first=sequence), KEEP) for room in "ab"
            ]
            store.append(batches if sequence % 2 else batches[::-1])

    with rt.scope() as tasks:
        for number, store in enumerate(stores):
            tasks.spawn(work, store, str(number) * 16)
    page = stores[0].read("a", 0, 1000)
    assert [entry.position for entry in page.entries] == [*range(1, 101)]
    for number in range(4):
        own = [each.sequence for each in page.entries if each.origin == str(number) * 16]
        assert own == [*range(1, 26)]
    for store in stores:
        store.close()


@in_hub
def test_presence_counts_over_workers(make: Make) -> None:
    store, other = make(), make()
    store.open()
    assert not store.renew(ADA, 10)
    assert not other.renew(BO, 10)
    assert store.renew(ADA, 10)
    assert store.set_presence(ADA, [PresenceChange("room", "x", 2)]) == [PresenceTotals(0, 2)]
    changes = [PresenceChange("room", "x", 1), PresenceChange("room", "y", 1)]
    assert other.set_presence(BO, changes) == [PresenceTotals(2, 3), PresenceTotals(0, 1)]
    assert store.presence("room") == {"x": 3, "y": 1}
    assert store.presence("other") == {}
    assert store.set_presence(ADA, [PresenceChange("room", "x", 0)]) == [PresenceTotals(3, 1)]
    other.release(BO)
    assert store.presence("room") == {}
    assert not other.renew(BO, 10)
    assert store.set_presence(ADA, []) == []
    store.close()
    other.close()


@in_hub
def test_a_worker_whose_lease_expires_is_gone_and_its_users_leave_once(make: Make) -> None:
    store, other = make(), make()
    store.open()
    store.renew(ADA, 0.1)
    other.renew(BO, 10)
    store.set_presence(ADA, [PresenceChange("room", user, 1) for user in ("x", "y")])
    store.set_presence(ADA, [PresenceChange("second", "x", 1)])
    other.set_presence(BO, [PresenceChange("room", "y", 1)])
    assert other.expire(["room", "second"]) == []
    rt.sleep(0.15)
    assert other.presence("room") == {"y": 1}
    assert other.set_presence(BO, [PresenceChange("room", "y", 2)]) == [PresenceTotals(1, 2)]
    with rt.scope() as tasks:
        expiring = [tasks.spawn(each.expire, ["room"]) for each in (store, other)]
    assert sorted(user for task in expiring for user in task.result()) == [("room", "x")]
    assert list(other.expire(["second"])) == [("second", "x")]
    assert list(other.expire([])) == []
    assert not store.renew(ADA, 10)
    store.close()
    other.close()


@in_hub
def test_a_lease_that_has_expired_takes_the_presence_with_it(make: Make) -> None:
    store = make()
    store.open()
    store.renew(ADA, 0.05)
    store.set_presence(ADA, [PresenceChange("room", "x", 1)])
    rt.sleep(0.1)
    assert not store.renew(ADA, 10)
    assert store.presence("room") == {}
    assert store.set_presence(ADA, [PresenceChange("room", "x", 1)]) == [PresenceTotals(0, 1)]
    assert store.presence("room") == {"x": 1}
    store.close()


@in_hub
def test_an_interrupted_call_leaves_a_usable_store(make: Make) -> None:
    store = make()
    store.open()
    for number in range(1, 41):
        try:
            with rt.deadline(0.0005 * (number % 8)):
                store.append([Batch("room", records("x", first=number), KEEP)])
        except rt.DeadlineExceeded:
            store.append([Batch("room", records("x", first=number), KEEP)])
    page = store.read("room", 0, 100)
    assert [entry.sequence for entry in page.entries] == [*range(1, 41)]
    store.close()


@in_hub
def test_a_store_that_is_opened_again_keeps_its_logs(make: Make) -> None:
    store = make()
    store.open()
    [appended] = store.append([Batch("room", records("a"), KEEP)])
    store.close()
    store = make()
    store.open()
    page = store.read("room", 0, 10)
    assert (page.epoch, texts(page.entries)) == (appended.epoch, ["a"])
    store.close()
