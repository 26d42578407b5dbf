"""Rooms of several workers over a real Redis, which is killed, stopped and restarted."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import copy_context
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

import photon_runtime as rt
from photon_runtime.errors import PhotonError
from photon_runtime.observability import Meter, Readiness
from photon_runtime.testing import in_hub
from photon_runtime.tls import waiting_in_hub
from photon_ws import Room, WebSocketsSettings
from photon_ws.rooms import (
    Batch,
    Entry,
    PresenceChange,
    PresenceTotals,
    Record,
    Retention,
    Rooms,
    StoreUnavailable,
)
from photon_ws.rooms.redis import RedisStore
from servers.valkey import ValkeyServer, run_valkey

from .fake_sockets import FakeSocket

LOBBY = Room("lobby", history=100, envelope=True)
KEEP = Retention(100)


@pytest.fixture
def url(redis_url: str) -> str:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    return redis_url


def record(sequence: int, text: str = "a", origin: str = "one") -> Record:
    return Record(origin, sequence, "text", text.encode())


@contextmanager
def opened(url: str) -> Iterator[RedisStore]:
    store = RedisStore(url)
    store.open()
    try:
        yield store
    finally:
        store.close()


# -- the store -----------------------------------------------------------------------------------


@in_hub
def test_positions_have_no_holes_and_repeated_records_are_left_out(url: str) -> None:
    with opened(url) as store:
        batch = [record(1), record(4, "b")]
        [first] = store.append([Batch("room", batch, KEEP)])
        [again] = store.append([Batch("room", batch, KEEP)])
        [partly] = store.append([Batch("room", [record(4), record(5, "c")], KEEP)])
        [other] = store.append([Batch("room", [record(1, "d", "two")], KEEP)])
        assert [each.first for each in (first, again, partly, other)] == [1, None, None, 4]
        page = store.read("room", 0, 10)
        assert (page.epoch, page.last) == (first.epoch, 4)
        assert [each.payload for each in page.entries] == [b"a", b"b", b"c", b"d"]
        assert page.entries[3] == Entry(4, other.time, "two", 1, "text", b"d")
        assert [each.position for each in store.read("room", 1, 2).entries] == [2, 3]
        assert store.read("room", 2**53, 1).entries == []


@in_hub
def test_a_log_keeps_what_its_retention_says(url: str) -> None:
    with opened(url) as store:
        for number in range(1, 11):
            store.append([Batch("room", [record(number)], Retention(3))])
        page = store.read("room", 0, 10)
        assert ([each.position for each in page.entries], page.last) == ([8, 9, 10], 10)


@pytest.mark.parametrize("payload", [b"", b"\xff\0\n \x80", b"x" * 100_000])
@in_hub
def test_any_payload_comes_back(url: str, payload: bytes) -> None:
    with opened(url) as store:
        name = 'room {with} "all" ü:\x7e'
        store.append([Batch(name, [Record("one", 1, "bytes", payload)], KEEP)])
        assert store.read(name, 0, 1).entries[0].payload == payload


@in_hub
def test_scripts_that_the_server_has_forgotten_are_loaded_again(url: str) -> None:
    with opened(url) as store:
        store.append([Batch("room", [record(1)], KEEP)])
        with redis.Redis.from_url(url) as client:
            client.script_flush()
        batches = [Batch("room", [record(2)], KEEP), Batch("other", [record(3)], KEEP)]
        assert [each.first for each in store.append(batches)] == [2, 1]


@in_hub
def test_an_interrupted_call_leaves_nothing_behind(url: str) -> None:
    with opened(url) as store, redis.Redis.from_url(url) as client:
        store.read("room", 0, 1)
        client.client_pause(100)
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.02):
            store.append([Batch("room", [record(1)], KEEP)])
        assert store.read("other", 0, 1).last == 0


@in_hub
def test_totals_of_a_user_are_those_of_all_workers(url: str) -> None:
    ada = PresenceChange("room", "ada = 1", 1)
    with opened(url) as store:
        assert not store.renew("one", 15)
        assert store.renew("one", 15)
        assert not store.renew("two", 15)
        assert store.set_presence("one", [ada]) == [PresenceTotals(0, 1)]
        two = PresenceChange("room", "ada = 1", 2)
        assert store.set_presence("two", [two]) == [PresenceTotals(1, 3)]
        assert store.presence("room") == {"ada = 1": 3}
        gone = [PresenceChange("room", "ada = 1", 0)]
        assert store.set_presence("two", gone) == [PresenceTotals(3, 1)]
        assert store.set_presence("one", gone) == [PresenceTotals(1, 0)]
        assert store.presence("room") == {}


@in_hub
def test_an_expired_worker_is_removed_once_and_starts_anew(url: str) -> None:
    changes = [PresenceChange("room", user, 1) for user in ("ada", "bob")]
    with opened(url) as store, opened(url) as other:
        store.renew("one", 0.02)
        other.renew("two", 15)
        store.set_presence("one", changes)
        other.set_presence("two", changes[1:])
        assert other.expire(["room"]) == []
        rt.sleep(0.05)
        assert other.presence("room") == {"bob": 1}
        assert other.expire(["elsewhere"]) == []
        assert other.expire(["room"]) == [("room", "ada")]
        assert other.expire(["room"]) == store.expire(["room"]) == []
        assert not store.renew("one", 15)
        assert store.presence("room") == {"bob": 1}
        store.set_presence("one", changes)
        assert store.presence("room") == {"ada": 1, "bob": 2}
        store.release("one")
        assert other.expire(["room"]) == [("room", "ada")]


@in_hub
def test_a_server_that_is_missing_is_unavailable() -> None:
    with opened("redis://127.0.0.1:1/0") as store, pytest.raises(StoreUnavailable, match="Redis"):
        store.read("room", 0, 1)
    with pytest.raises(PhotonError, match=r"\[websockets\] rooms"):
        RedisStore("redis://127.0.0.1:x")


def pump(source: Any, target: Any) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@contextmanager
def tls_in_front_of(url: str, certificate: tuple[Path, Path]) -> Iterator[str]:
    """Serve TLS by tasks of this hub, which get no turn if a client blocks the thread."""
    context = waiting_in_hub(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    context.load_cert_chain(certificate[1], certificate[0])
    server, address = urlsplit(url), ("127.0.0.1", 0)

    def serve(plain: rt.Socket) -> None:
        with (
            suppress(OSError),
            context.wrap_socket(plain, server_side=True) as client,
            rt.create_connection((str(server.hostname), server.port or 6379)) as target,
            rt.scope() as tasks,
        ):
            tasks.spawn(pump, client, target)
            tasks.spawn(pump, target, client)

    def accept(listener: rt.Socket) -> None:
        while True:
            tasks.spawn(serve, listener.accept()[0])

    with rt.Socket(socket.AF_INET, socket.SOCK_STREAM) as listener, rt.scope() as tasks:
        listener.bind(address)
        listener.listen()
        tasks.spawn(accept, listener)
        options = f"ssl_ca_certs={certificate[1]}"
        yield f"rediss://127.0.0.1:{listener.getsockname()[1]}{server.path}?{options}"
        rt.sleep(0.05)
        tasks.cancel()


@in_hub
def test_a_connection_with_tls_waits_in_the_hub(
    url: str, server_certificate: tuple[Path, Path]
) -> None:
    with tls_in_front_of(url, server_certificate) as secure, rt.deadline(10):
        with opened(secure) as store:
            [appended] = store.append([Batch("room", [record(1)], KEEP)])
            assert store.read("room", 0, 1).epoch == appended.epoch
        unverified = secure.partition("?")[0]
        with opened(unverified) as store, pytest.raises(StoreUnavailable, match="certificate"):
            store.read("room", 0, 1)


# -- several workers -----------------------------------------------------------------------------


class Worker:
    """One run of an application, in a context of its own."""

    def __init__(self, url: str) -> None:
        self.readiness = Readiness()
        settings = WebSocketsSettings(rooms=url, rooms_lease=3)
        self.rooms = Rooms(settings, Meter(), self.readiness)

    @contextmanager
    def running(self) -> Iterator[Worker]:
        with self.rooms.running():
            self.context = copy_context()
            yield self

    def join(self, room: Room = LOBBY, **options: Any) -> FakeSocket:
        socket = FakeSocket()
        self.context.copy().run(room.join, socket, **options)
        return socket

    def broadcast(self, message: object, room: Room = LOBBY) -> None:
        self.context.copy().run(room.broadcast, message)

    def presence(self, room: Room = LOBBY) -> Mapping[str, int]:
        return self.context.copy().run(room.presence)

    def is_ready(self) -> bool:
        return self.readiness.check()["rooms"].status == "ok"


@contextmanager
def workers(count: int, url: str) -> Iterator[list[Worker]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Worker(url).running()) for _ in range(count)]


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> float:
    """Wait until a condition holds; return the seconds."""
    hub = rt.current_task().hub
    began = hub.time()
    while not condition():
        assert hub.time() - began < seconds, "the condition does not hold in time"
        rt.sleep(0.01)
    return hub.time() - began


@in_hub
def test_members_of_all_workers_get_a_message_and_resume_anywhere(url: str) -> None:
    with workers(2, url) as [one, two]:
        here, there = one.join(user="ada"), two.join(user="bob")
        one.broadcast("a")
        two.broadcast({"b": 2})
        wait_until(lambda: len(here.data) == len(there.data) == 2)
        assert here.data == there.data
        assert sorted(here.data, key=str) == ["a", {"b": 2}]
        assert one.presence() == {"ada": 1, "bob": 1}
        assert two.join(after="").data == here.data
        assert one.is_ready()


@pytest.mark.slow
@in_hub
def test_four_workers_and_one_sender_give_every_receiver_an_increasing_sequence(url: str) -> None:
    with workers(4, url) as running:
        sockets = [each.join() for each in running]

        def disturb() -> None:
            for number in range(200):
                running[1].broadcast(["other", number])
                rt.sleep(0.001)

        with rt.scope() as tasks:
            tasks.spawn(disturb)
            for number in range(1, 10_001):
                running[0].broadcast(["sender", number])
        wait_until(lambda: all(len(each.connection.events) == 10_200 for each in sockets), 20)
        for each in sockets:
            assert [n for name, n in each.data if name == "sender"] == list(range(1, 10_001))
            assert each.data == sockets[0].data


@contextmanager
def own_server() -> Iterator[ValkeyServer]:
    with run_valkey() as server:
        yield server


def talk(one: Worker, two: Worker, numbers: Sequence[int]) -> None:
    for number in numbers:
        one.broadcast(number)
        two.broadcast(-number)
        rt.sleep(0.02)


@pytest.mark.slow
@in_hub
def test_a_killed_listening_connection_resumes_without_a_loss() -> None:
    with own_server() as server, workers(2, server.url) as [one, two]:
        here, there = one.join(), two.join()
        with redis.Redis.from_url(server.url) as client, rt.scope() as tasks:
            tasks.spawn(talk, one, two, range(1, 51))
            rt.sleep(0.3)
            assert client.client_kill_filter(_type="pubsub") == 2
        expected = sorted([*range(-50, 0), *range(1, 51)])
        wait_until(lambda: sorted(there.data) == sorted(here.data) == expected, 2)
        for each in (here, there):
            assert [number for number in each.data if number > 0] == list(range(1, 51))
        wait_until(lambda: one.is_ready() and two.is_ready(), 2)


@pytest.mark.slow
@in_hub
def test_local_delivery_continues_without_redis_and_the_rest_follows_within_two_seconds() -> None:
    with own_server() as server, workers(2, server.url) as [one, two]:
        here, there = one.join(user="ada"), two.join(user="bob")
        one.broadcast(0)
        wait_until(lambda: here.data == there.data == [0])
        server.kill()
        with rt.deadline(5):
            talk(one, two, range(1, 21))
        wait_until(lambda: [each for each in here.data if each > 0] == list(range(1, 21)), 2)
        assert [each for each in there.data if each < 0] == [-each for each in range(1, 21)]
        assert not one.is_ready()
        server.start()
        # The restarted server has lost the log, which is a gap, but what waited is delivered.
        wait_until(lambda: here.data.count("gap") == there.data.count("gap") == 1, 3)
        wait_until(lambda: {*range(-20, 21)} <= {*here.data} & {*there.data}, 2)
        assert len(here.data) == len(there.data) == 42
        wait_until(one.is_ready, 2)
        wait_until(lambda: one.presence() == {"ada": 1, "bob": 1}, 2)


@pytest.mark.slow
@in_hub
def test_a_stopped_redis_is_noticed_and_continued() -> None:
    with own_server() as server, workers(2, server.url) as [one, two]:
        here, there = one.join(), two.join()
        one.broadcast(0)
        wait_until(lambda: here.data == there.data == [0])
        pid = server.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            one.broadcast(1)
            assert wait_until(lambda: here.data == [0, 1], 2) < 1.9
            one.broadcast(2)
            assert here.data == [0, 1, 2]
            assert not one.is_ready()
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: there.data == [0, 1, 2], 2)
        two.broadcast(3)
        wait_until(lambda: here.data == there.data == [0, 1, 2, 3], 2)
        wait_until(lambda: one.is_ready() and two.is_ready(), 3)
