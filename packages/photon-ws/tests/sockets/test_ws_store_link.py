"""Rooms of several workers over a store in memory that fails when a test says so."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Any

import attrs
import pytest

import photon_runtime as rt
from photon_runtime.observability import Meter, Readiness
from photon_runtime.testing import in_virtual_time
from photon_ws import Room, WebSocketsSettings
from photon_ws.rooms import (
    Appended,
    Batch,
    Entry,
    LogPage,
    PresenceChange,
    PresenceTotals,
    Record,
    RoomMessage,
    Rooms,
    StoreListener,
    StoreRefused,
    StoreUnavailable,
)
from photon_ws.rooms._stores import store_of
from photon_ws.rooms.postgresql import PostgreSQLStore
from photon_ws.rooms.redis import RedisStore
from photon_ws.rooms.sqlite import SQLiteStore

from .fake_sockets import FakeSocket


@attrs.define
class Log:
    """The log of a room."""

    epoch: str
    last: int = 0
    entries: list[Entry] = attrs.field(factory=list)
    sequences: dict[str, int] = attrs.field(factory=dict)


class Server:
    """What all workers connect to."""

    def __init__(self) -> None:
        self.epochs = itertools.count(1)
        self.logs: dict[str, Log] = {}
        self.listeners: dict[SharedStore, StoreListener] = {}
        self.leases: dict[str, float] = {}
        self.sockets: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)

    def log(self, room: str) -> Log:
        if room not in self.logs:
            self.logs[room] = Log(f"e{next(self.epochs)}")
        return self.logs[room]

    def append(self, batch: Batch, now: float) -> Appended:
        log = self.log(batch.room)
        new = [each for each in batch.records if each.sequence > log.sequences.get(each.origin, 0)]
        first = log.last + 1
        for each in new:
            log.last += 1
            log.sequences[each.origin] = each.sequence
            fields = (each.origin, each.sequence, each.kind, each.payload)
            log.entries.append(Entry(log.last, now, *fields))
        del log.entries[: -batch.retention.entries]
        is_whole = len(new) == len(batch.records)
        return Appended(log.epoch, first if is_whole else None, now)

    def total(self, room: str, user: str, now: float) -> int:
        return sum(
            count
            for (origin, name), count in self.sockets[room].items()
            if name == user and self.leases.get(origin, 0) > now
        )


class SharedStore:
    """The store of one worker.

    Attributes:
        is_refused: Calls fail at once.
        is_stalled: Calls never return.
        is_unsure: The next append is done, and fails.
        loses_hints: Notifications get lost.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.is_refused = self.is_stalled = self.is_unsure = self.loses_hints = False
        self.watched: set[str] = set()
        self.failure = rt.Event()
        self.delay = 0.001

    def call(self) -> float:
        rt.sleep(self.delay)
        if self.is_stalled:
            rt.sleep(1000)
        if self.is_refused:
            raise StoreUnavailable("refused")
        return rt.current_task().hub.time()

    def open(self) -> None:
        self.call()

    def close(self) -> None:
        pass

    def append(self, batches: Sequence[Batch]) -> Sequence[Appended]:
        now = self.call()
        outcomes = []
        for batch in batches:
            before = self.server.log(batch.room).last
            outcomes.append(self.server.append(batch, now))
            log = self.server.log(batch.room)
            entries = [each for each in log.entries if each.position > before]
            for store, listener in [*self.server.listeners.items()]:
                if batch.room in store.watched and not store.loses_hints and entries:
                    rt.spawn(listener.received, batch.room, log.epoch, entries)
        if self.is_unsure:
            self.is_unsure = False
            raise StoreUnavailable("the connection ended")
        return outcomes

    def read(self, room: str, after: int, limit: int) -> LogPage:
        self.call()
        log = self.server.log(room)
        entries = [each for each in log.entries if each.position > after][:limit]
        return LogPage(log.epoch, log.last, entries)

    def watch(self, room: str) -> None:
        self.watched.add(room)
        if self in self.server.listeners:
            self.server.listeners[self].changed(room)

    def unwatch(self, room: str) -> None:
        self.watched.discard(room)

    def listen(self, listener: StoreListener) -> None:
        self.call()
        self.failure.clear()
        self.server.listeners[self] = listener
        try:
            listener.listening()
            self.failure.wait()
            raise StoreUnavailable("the listening connection ended")
        finally:
            del self.server.listeners[self]

    def set_presence(
        self, origin: str, changes: Sequence[PresenceChange]
    ) -> Sequence[PresenceTotals]:
        now = self.call()
        totals = []
        for change in changes:
            before = self.server.total(change.room, change.user, now)
            self.server.sockets[change.room][origin, change.user] = change.sockets
            after = self.server.total(change.room, change.user, now)
            totals.append(PresenceTotals(before, after))
        return totals

    def presence(self, room: str) -> Mapping[str, int]:
        now = self.call()
        users = {user for _, user in self.server.sockets[room]}
        totals = {user: self.server.total(room, user, now) for user in users}
        return {user: total for user, total in totals.items() if total}

    def renew(self, origin: str, lease: float) -> bool:
        now = self.call()
        had_lease = self.server.leases.get(origin, 0) > now
        self.server.leases[origin] = now + lease
        return had_lease

    def expire(self, rooms: Collection[str]) -> Sequence[tuple[str, str]]:
        now = self.call()
        gone = []
        for room in rooms:
            for origin, user in [*self.server.sockets[room]]:
                if self.server.leases.get(origin, 0) <= now:
                    count = self.server.sockets[room].pop((origin, user))
                    if count and not self.server.total(room, user, now):
                        gone.append((room, user))
        return gone

    def release(self, origin: str) -> None:
        self.call()
        self.server.leases.pop(origin, None)


class Worker:
    """One process of an application."""

    def __init__(self, server: Server, lease: float = 15.0, outbox: int = 10_000) -> None:
        self.store = SharedStore(server)
        self.meter = Meter()
        self.readiness = Readiness()
        settings = WebSocketsSettings(rooms_lease=lease)
        self.rooms = Rooms(
            settings,
            self.meter,
            self.readiness,
            store=self.store,
            now=lambda: rt.current_task().hub.time(),
        )
        assert self.rooms._link is not None
        self.rooms._link.outbox._max_records = outbox

    @contextmanager
    def running(self) -> Iterator[Worker]:
        with self.rooms.running():
            self.context = copy_context()
            yield self

    def join(self, room: Room, **options: Any) -> FakeSocket:
        socket = FakeSocket()
        self.context.copy().run(room.join, socket, **options)
        return socket

    def broadcast(self, room: Room, message: object, **options: Any) -> None:
        self.context.copy().run(lambda: room.broadcast(message, **options))

    def presence(self, room: Room) -> Mapping[str, int]:
        return self.context.copy().run(room.presence)

    def history(self, room: Room) -> list[RoomMessage]:
        return self.context.copy().run(room.history)

    def figure(self, name: str) -> Any:
        return self.meter._observables[name].callback()

    def is_ready(self) -> bool:
        return self.readiness.check()["rooms"].status == "ok"


@contextmanager
def workers(count: int, **options: Any) -> Iterator[list[Worker]]:
    server = Server()
    with ExitStack() as stack:
        yield [stack.enter_context(Worker(server, **options).running()) for _ in range(count)]


LOBBY = Room("lobby", history=100, envelope=True)


@in_virtual_time
def test_members_of_all_workers_get_a_message_once() -> None:
    with workers(3) as [one, two, three]:
        sockets = [each.join(LOBBY) for each in (one, one, two, three)]
        one.broadcast(LOBBY, "a")
        rt.sleep(0.1)
        two.broadcast(LOBBY, {"b": 1}, exclude=sockets[2])
        rt.sleep(0.1)
        assert [each.data for each in sockets] == [["a", {"b": 1}]] * 2 + [["a"]] + [
            ["a", {"b": 1}]
        ]
        assert len({each.messages[0]["id"] for each in sockets}) == 1
        assert one.is_ready()


@in_virtual_time
def test_all_members_see_one_order_and_no_number_twice() -> None:
    with workers(4) as running:
        sockets = [each.join(LOBBY) for each in running]

        def talk(worker: Worker, name: str) -> None:
            for number in range(500):
                worker.broadcast(LOBBY, [name, number])
                if not number % 7:
                    rt.sleep(0.001)

        with rt.scope() as tasks:
            for worker, name in zip(running, "abcd", strict=True):
                tasks.spawn(talk, worker, name)
        rt.sleep(1)
        assert all(each.data == sockets[0].data for each in sockets)
        for name in "abcd":
            numbers = [number for sender, number in sockets[0].data if sender == name]
            assert numbers == list(range(500))


@in_virtual_time
def test_lost_notifications_are_read_from_the_log() -> None:
    with workers(2) as [one, two]:
        socket = two.join(LOBBY)
        two.store.loses_hints = True
        one.broadcast(LOBBY, "a")
        rt.sleep(0.1)
        two.store.loses_hints = False
        one.broadcast(LOBBY, "b")
        rt.sleep(0.1)
        assert socket.data == ["a", "b"]


@pytest.mark.parametrize("failure", ["is_refused", "is_stalled"])
@in_virtual_time
def test_local_delivery_continues_without_the_store_and_the_rest_follows(failure: str) -> None:
    with workers(2) as [one, two]:
        here, there = one.join(LOBBY), two.join(LOBBY)
        one.broadcast(LOBBY, 0)
        rt.sleep(0.1)
        setattr(one.store, failure, True)
        for number in range(1, 6):
            one.broadcast(LOBBY, number)
            two.broadcast(LOBBY, -number)
            rt.sleep(0.5)
        rt.sleep(1)
        assert [each for each in here.data if each >= 0] == [0, 1, 2, 3, 4, 5]
        assert there.data == [0, -1, -2, -3, -4, -5]
        assert not one.is_ready()
        assert one.figure("photon_room_store_up") == 0
        assert one.figure("photon_room_outbox") == 5
        assert one.figure("photon_room_store_lag_seconds") > 0
        setattr(one.store, failure, False)
        rt.sleep(2)
        assert sorted(here.data) == sorted(there.data) == list(range(-5, 6))
        assert there.data == [0, -1, -2, -3, -4, -5, 1, 2, 3, 4, 5]
        assert one.is_ready()
        late = two.join(LOBBY, after="")
        assert late.data == there.data


@in_virtual_time
def test_a_broken_listening_connection_loses_nothing() -> None:
    with workers(2) as [one, two]:
        here, there = one.join(LOBBY), two.join(LOBBY)
        for each in (one, two):
            each.store.failure.set()
        rt.sleep(0)
        one.broadcast(LOBBY, "a")
        rt.sleep(2)
        assert (here.data, there.data) == (["a"], ["a"])
        assert two.is_ready()


@in_virtual_time
def test_an_append_whose_outcome_is_unknown_is_not_repeated() -> None:
    with workers(2) as [one, two]:
        here, there = one.join(LOBBY), two.join(LOBBY)
        one.store.is_unsure = True
        one.broadcast(LOBBY, "a")
        one.broadcast(LOBBY, "b")
        rt.sleep(2)
        assert (here.data, there.data) == (["a", "b"], ["a", "b"])
        assert [each.data for each in two.history(LOBBY)] == ["a", "b"]


@in_virtual_time
def test_a_client_resumes_at_another_worker() -> None:
    with workers(2) as [one, two]:
        socket = one.join(LOBBY)
        one.broadcast(LOBBY, "a")
        rt.sleep(0.1)
        one.broadcast(LOBBY, "b")
        again = two.join(LOBBY, after=socket.last_id)
        two.broadcast(LOBBY, "c")
        rt.sleep(0.1)
        assert again.data == ["b", "c"]
        assert [each.data for each in two.history(LOBBY)] == ["a", "b", "c"]


@in_virtual_time
def test_an_id_from_an_outage_is_resumed_exactly() -> None:
    with workers(2) as [one, two]:
        socket = one.join(LOBBY)
        one.broadcast(LOBBY, 1)
        rt.sleep(0.1)
        one.store.is_refused = one.store.loses_hints = True
        one.broadcast(LOBBY, 2)
        rt.sleep(0.1)
        one.broadcast(LOBBY, 3)
        two.broadcast(LOBBY, 4)
        rt.sleep(0.5)
        assert socket.data == [1, 2, 3]
        at_once = one.join(LOBBY, after=socket.messages[1]["id"])
        assert at_once.data == [3]
        unknown = two.join(LOBBY, after=socket.last_id)
        assert unknown.data[0] == "gap"
        one.store.is_refused = one.store.loses_hints = False
        rt.sleep(2)
        assert two.join(LOBBY, after=socket.messages[2]["id"]).data == [4]
        assert two.join(LOBBY, after=socket.messages[1]["id"]).data == [4, 3]
        assert one.join(LOBBY, after=socket.messages[2]["id"]).data == [4]
        assert (socket.data, at_once.data) == ([1, 2, 3, 4], [3, 4])


@in_virtual_time
def test_messages_that_the_outbox_cannot_hold_become_a_gap() -> None:
    with workers(2, outbox=10) as [one, two]:
        here, there = one.join(LOBBY), two.join(LOBBY)
        one.store.is_refused = True
        for number in range(30):
            one.broadcast(LOBBY, number)
            rt.sleep(0.1)
        one.store.is_refused = False
        rt.sleep(2)
        assert here.data == list(range(30))
        assert there.data[0] == "gap"
        assert there.data[1:] == list(range(31 - len(there.data), 30))
        assert len(there.data) == 10
        assert one.figure("photon_room_lost_messages") == 21


@in_virtual_time
def test_senders_wait_for_space_while_the_store_is_available() -> None:
    with workers(2) as [one, two]:
        socket = two.join(LOBBY)
        link = one.rooms._link
        assert link is not None
        link.outbox._max_records = 10
        for number in range(100):
            one.broadcast(LOBBY, number)
            assert len(link.outbox) <= 10
        rt.sleep(1)
        assert socket.data == list(range(100))


@in_virtual_time
def test_a_store_that_has_lost_its_logs_is_a_gap() -> None:
    with workers(2) as [one, two]:
        socket = one.join(LOBBY)
        two.join(LOBBY)
        two.broadcast(LOBBY, "a")
        rt.sleep(0.1)
        seen = socket.last_id
        one.store.server.logs.clear()
        two.broadcast(LOBBY, "b")
        rt.sleep(0.5)
        assert socket.data == ["a", "gap", "b"]
        assert one.join(LOBBY, after=seen).data == ["gap", "b"]
        assert one.join(LOBBY, after=socket.messages[1]["id"]).data == ["b"]


@in_virtual_time
def test_a_worker_that_was_away_for_too_long_sends_a_gap() -> None:
    short = Room("short", history=5, envelope=True)
    with workers(2) as [one, two]:
        socket = two.join(short)
        two.store.is_refused = True
        two.store.failure.set()
        for number in range(600):
            one.broadcast(short, number)
            if not number % 10:
                rt.sleep(0.01)
        rt.sleep(1)
        two.store.is_refused = False
        rt.sleep(2)
        assert socket.data[0] == "gap"
        assert socket.data[-1] == 599
        assert socket.data[1:] == list(range(socket.data[1], 600))


@in_virtual_time
def test_an_application_starts_without_its_store() -> None:
    server = Server()
    worker = Worker(server)
    worker.store.is_refused = True
    with worker.running():
        socket = worker.join(LOBBY)
        worker.broadcast(LOBBY, "a")
        rt.sleep(1)
        assert socket.data == ["a"]
        worker.store.is_refused = False
        rt.sleep(2)
        worker.broadcast(LOBBY, "b")
        rt.sleep(1)
        assert socket.data == ["a", "gap", "b"]
        assert [each.payload for each in server.logs["lobby"].entries] == [b"a", b"b"]


@in_virtual_time
def test_the_last_messages_are_sent_before_the_application_ends() -> None:
    server = Server()
    with Worker(server).running() as worker:
        worker.broadcast(LOBBY, "goodbye")
    assert [each.payload for each in server.logs["lobby"].entries] == [b"goodbye"]
    assert not server.leases


@in_virtual_time
def test_unused_rooms_are_dropped_and_loaded_again() -> None:
    with workers(2) as [one, two]:
        one.broadcast(LOBBY, "a")
        assert [each.data for each in two.history(LOBBY)] == ["a"]
        rt.sleep(200)
        assert not two.rooms._states
        assert not two.store.watched
        socket = two.join(LOBBY, after="")
        one.broadcast(LOBBY, "b")
        rt.sleep(1)
        assert socket.data == ["a", "b"]


# -- presence ------------------------------------------------------------------------------------


CALLS: list[str] = []


@pytest.fixture
def calls() -> Iterator[list[str]]:
    CALLS.clear()
    yield CALLS
    CALLS.clear()


def joined(room: Room, user: str) -> None:
    CALLS.append(f"{user} joined")


def left(room: Room, user: str) -> None:
    CALLS.append(f"{user} left")


BOARD = Room("board", on_user_joined=joined, on_user_left=left)


@in_virtual_time
def test_a_user_of_several_workers_joins_and_leaves_once(calls: list[str]) -> None:
    with workers(3) as [one, two, three]:
        tabs = [each.join(BOARD, user="ada") for each in (one, one, two)]
        three.join(BOARD)
        rt.sleep(0.1)
        assert calls == ["ada joined"]
        assert three.presence(BOARD) == one.presence(BOARD) == {"ada": 3}
        for worker, tab in zip((one, one, two), tabs, strict=True):
            assert calls == ["ada joined"]
            worker.context.copy().run(BOARD.leave, tab)
            rt.sleep(0.1)
        assert calls == ["ada joined", "ada left"]
        assert three.presence(BOARD) == {}


@in_virtual_time
def test_users_of_a_killed_worker_are_gone_within_the_lease(calls: list[str]) -> None:
    with workers(3, lease=15.0) as [one, two, three]:
        one.join(BOARD, user="ada")
        two.join(BOARD, user="bob")
        three.join(BOARD, user="bob")
        rt.sleep(20)
        assert two.presence(BOARD) == {"ada": 1, "bob": 2}
        one.store.is_stalled = True
        rt.sleep(11)
        assert two.presence(BOARD)["bob"] == 2
        rt.sleep(11)
        assert two.presence(BOARD) == {"bob": 2}
        assert calls == ["ada joined", "bob joined", "ada left"]
        one.store.is_stalled = False
        rt.sleep(3)
        assert two.presence(BOARD) == {"ada": 1, "bob": 2}
        assert calls[3:] == ["ada joined"]


@in_virtual_time
def test_presence_without_the_store_is_that_of_the_worker(calls: list[str]) -> None:
    with workers(2) as [one, two]:
        one.join(BOARD, user="ada")
        two.join(BOARD, user="bob")
        rt.sleep(0.1)
        one.store.is_refused = True
        assert one.presence(BOARD) == {"ada": 1}
        one.join(BOARD, user="eve")
        one.store.is_refused = False
        rt.sleep(2)
        assert two.presence(BOARD) == {"ada": 1, "bob": 1, "eve": 1}
        assert calls == ["ada joined", "bob joined", "eve joined"]


# -- everything at once --------------------------------------------------------------------------


@attrs.define
class Client:
    """A client that follows the room, and changes the worker now and then."""

    running: list[Worker]
    chance: random.Random
    data: list[Any] = attrs.field(factory=list)

    def follow(self, seconds: float) -> None:
        until = rt.current_task().hub.time() + seconds
        last_id = ""
        while rt.current_task().hub.time() < until:
            worker = self.chance.choice(self.running)
            socket = worker.join(LOBBY, after=last_id)
            rt.sleep(self.chance.uniform(0, 3))
            worker.context.copy().run(LOBBY.leave, socket)
            self.data += socket.data
            if socket.messages:
                last_id = socket.last_id


FAILURES = [
    *("is_refused", "is_stalled", "is_unsure", "loses_hints"),
    *("listening ends", "logs are lost"),
]


def fail_now_and_then(running: list[Worker], chance: random.Random) -> None:
    for _ in range(15):
        store = chance.choice(running).store
        failure = chance.choice(FAILURES)
        if failure == "listening ends":
            store.failure.set()
        elif failure == "logs are lost":
            store.server.logs.clear()
        else:
            setattr(store, failure, True)
        rt.sleep(chance.uniform(0, 3))
        store.is_refused = store.is_stalled = store.loses_hints = False


def talk(worker: Worker, name: str, chance: random.Random) -> None:
    for number in range(200):
        worker.broadcast(LOBBY, [name, number])
        rt.sleep(chance.uniform(0, 0.3))


@pytest.mark.parametrize("seed", range(20))
def test_clients_lose_nothing_silently_while_the_store_fails(seed: int) -> None:
    chance = random.Random(seed)

    @in_virtual_time
    def main() -> None:
        with workers(3, outbox=15 if seed % 2 else 10_000) as running:
            clients = [Client(running, chance) for _ in range(5)]
            members = [each.join(LOBBY) for each in running]
            with rt.scope() as tasks:
                for worker, name in zip(running, "abc", strict=True):
                    tasks.spawn(talk, worker, name, chance)
                tasks.spawn(fail_now_and_then, running, chance)
                for client in clients:
                    tasks.spawn(client.follow, 50)
            rt.sleep(5)
            for data in [each.data for each in clients] + [each.data for each in members]:
                check(data)
            for member in members:
                assert {"a", "b", "c"} == {each[0] for each in member.data if each != "gap"}

    main()


def check(data: list[Any]) -> None:
    """Assert that each sender's numbers increase by one, except behind a gap."""
    last: dict[str, int] = {}
    has_gap = set("abc")
    for each in data:
        if each == "gap":
            has_gap = set("abc")
            continue
        name, number = each
        if name in has_gap:
            has_gap.discard(name)
        else:
            assert number == last[name] + 1
        last[name] = number


def test_a_record_is_a_value() -> None:
    assert Record("a", 1, "text", b"") == Record("a", 1, "text", b"")


@in_virtual_time
def test_a_store_that_lacks_a_right_prevents_the_start(tmp_path: Path) -> None:
    settings = WebSocketsSettings(rooms="sqlite:///missing/rooms.db")
    rooms = Rooms(settings, Meter(), Readiness(), root=tmp_path)
    with pytest.raises(StoreRefused, match="its folder does not exist"), rooms.running():
        pass


@pytest.mark.parametrize(
    ("url", "path"), [("sqlite:///a.db", "{}/a.db"), ("sqlite:////b/c.db", "/b/c.db")]
)
def test_the_path_of_a_file_begins_at_the_project(tmp_path: Path, url: str, path: str) -> None:
    store = store_of(url, tmp_path)
    assert isinstance(store, SQLiteStore)
    assert str(store._path) == path.format(tmp_path)


def test_a_setting_names_a_store() -> None:
    assert store_of("memory", None) is None
    assert isinstance(store_of("rediss://localhost/1", None), RedisStore)
    assert isinstance(store_of("postgresql://localhost/a", None), PostgreSQLStore)
