"""Rooms of several workers over PostgreSQL and SQLite: order, failures of the server, presence."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

import photon_runtime as rt
from photon_runtime.errors import PhotonError
from photon_runtime.observability import Meter, Readiness
from photon_runtime.testing import in_hub
from photon_ws import Room, WebSocketsSettings
from photon_ws.rooms import Rooms, StoreRefused
from servers import PostgresServer, run_postgres

KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)]
LOBBY = Room("lobby", history=100)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/rooms.db"
    return str(request.getfixturevalue("empty_postgres_url"))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with run_postgres(max_connections=30) as server:
        yield server


class Connection:
    """A connection whose client reads at once."""

    deflater = None
    is_open = True

    def __init__(self) -> None:
        self.texts: list[str] = []

    def post(self, frame: bytes, slow: str) -> bool:
        assert frame[1] < 126
        self.texts.append(frame[2:].decode())
        return True

    def send(self, message: str) -> None:
        self.texts.append(message)

    def on_close(self, callback: object) -> None:
        pass

    forget_on_close = on_close


class FakeSocket:
    """A client that is connected to a worker."""

    def __init__(self) -> None:
        self.connection = Connection()
        self.message_check: None = None

    @property
    def texts(self) -> list[str]:
        return self.connection.texts


class Worker:
    """One run of an application."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.readiness = Readiness()
        self.rooms = Rooms(WebSocketsSettings(rooms=url, **settings), Meter(), self.readiness)

    @contextmanager
    def running(self) -> Iterator[Worker]:
        with self.rooms.running():
            self.context = copy_context()
            yield self

    def join(self, **options: Any) -> Any:
        socket = FakeSocket()
        self.context.copy().run(lambda: LOBBY.join(socket, **options))  # type: ignore[arg-type]
        return socket

    def broadcast(self, text: str) -> None:
        self.context.copy().run(LOBBY.broadcast, text)

    def presence(self) -> Mapping[str, int]:
        return self.context.copy().run(LOBBY.presence)

    def last_id(self) -> str:
        return self.context.copy().run(LOBBY.last_id)

    def is_ready(self) -> bool:
        return self.readiness.check()["rooms"].status == "ok"


@contextmanager
def workers(url: str, count: int, **settings: Any) -> Iterator[list[Worker]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Worker(url, **settings).running()) for _ in range(count)]


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> float:
    """Wait, and return how long it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it has taken too long"
        rt.sleep(0.005)
    return time.monotonic() - begun


@in_hub
def test_members_of_all_workers_get_a_message_and_resume_anywhere(url: str) -> None:
    with workers(url, 3) as [one, two, three]:
        members = [each.join() for each in (one, two, three)]
        one.broadcast("a")
        two.broadcast("b")
        wait_until(lambda: all(len(each.texts) == 2 for each in members))
        assert members[0].texts == members[1].texts == members[2].texts
        after = two.last_id()
        one.broadcast("ä" * 50)
        wait_until(lambda: len(members[2].texts) == 3)
        assert three.join(after=after).texts == ["ä" * 50]


@in_hub
def test_users_of_a_worker_that_ends_or_is_gone_are_not_present(url: str) -> None:
    with workers(url, 1, rooms_lease=1) as [one]:
        with workers(url, 1, rooms_lease=1) as [two]:
            one.join(user="ada")
            two.join(user="ada")
            two.join(user="bo")
            wait_until(lambda: one.presence() == {"ada": 2, "bo": 1})
        wait_until(lambda: one.presence() == {"ada": 1})


PROGRAM = """
import sys
import photon_runtime as rt
from photon_runtime.observability import Meter, Readiness
from photon_ws import Room, WebSocketsSettings
from photon_ws.rooms import Rooms

COUNT = 10_000
LOBBY = Room("lobby")
url, is_sender = sys.argv[1], sys.argv[2] == "sender"
done = rt.Event()

class Connection:
    deflater, is_open, last, problem = None, True, 0, ""
    def post(self, frame, slow):
        number = int(frame[2:])
        if number != self.last + 1 and not self.problem:
            self.problem = f"{number} after {self.last}"
        self.last = number
        if number == COUNT:
            done.set()
        return True
    def on_close(self, callback): pass
    forget_on_close = on_close

class Socket:
    connection = Connection()
    message_check = None

def main():
    rooms = Rooms(WebSocketsSettings(rooms=url), Meter(), Readiness())
    with rooms.running():
        LOBBY.join(Socket)
        print("joined", flush=True)
        rt.offload(sys.stdin.readline)
        if is_sender:
            for number in range(1, COUNT + 1):
                LOBBY.broadcast(str(number))
        with rt.deadline(30):
            done.wait()
        print(Socket.connection.problem or "complete", flush=True)
        rt.offload(sys.stdin.readline)

rt.run(main)
"""


@pytest.mark.slow
def test_four_processes_see_the_numbers_of_one_sender_in_order_and_once(url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, url, role],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for role in ("sender", "receiver", "receiver", "receiver")
    ]
    try:
        for expected in ("joined", "complete", ""):
            for process in processes:
                assert process.stdout is not None
                assert process.stdout.readline().strip() == expected
            for process in processes:
                assert process.stdin is not None
                if not expected:
                    break
                process.stdin.write("\n")
                process.stdin.flush()
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@pytest.mark.slow
@in_hub
def test_a_killed_listening_connection_loses_nothing(server: PostgresServer) -> None:
    with workers(server.url, 2) as [one, two]:
        local, remote = one.join(), two.join()
        one.broadcast("0")
        wait_until(lambda: bool(remote.texts) and one.is_ready() and two.is_ready())
        for number in range(1, 4):
            rt.offload(
                server.execute,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query LIKE 'LISTEN%%' AND application_name = %s",
                "photon rooms",
            )
            one.broadcast(str(number))
            assert wait_until(lambda: len(local.texts) == number + 1) < 1  # noqa: B023
            assert wait_until(lambda: len(remote.texts) == number + 1) < 2  # noqa: B023
        assert local.texts == remote.texts == ["0", "1", "2", "3"]
        wait_until(lambda: one.is_ready() and two.is_ready(), 2)


@pytest.mark.slow
@in_hub
def test_local_delivery_continues_without_the_server_and_the_rest_follows(
    server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    with workers(server.url, 2) as [one, two]:
        local, remote = one.join(), two.join()
        one.broadcast("a")
        wait_until(lambda: bool(remote.texts))
        rt.offload(server.stop)
        one.broadcast("b")
        assert wait_until(lambda: local.texts == ["a", "b"]) < 2
        two.broadcast("c")
        wait_until(lambda: remote.texts == ["a", "c"])
        assert not one.is_ready()
        rt.offload(server.start)
        assert wait_until(lambda: len(local.texts) == len(remote.texts) == 3) < 2
        one.broadcast("d")
        assert wait_until(lambda: local.texts[-1] == remote.texts[-1] == "d") < 2
        assert sorted(local.texts) == sorted(remote.texts) == ["a", "b", "c", "d"]
        wait_until(lambda: one.is_ready() and two.is_ready(), 2)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:///:memory:", "sqlite://rooms.db"])
def test_a_store_without_a_file_is_refused(url: str) -> None:
    with pytest.raises((PhotonError, ValueError), match="sqlite"):
        Rooms(WebSocketsSettings(rooms=url), Meter(), Readiness())


def test_a_relative_file_is_in_the_folder_of_the_project(tmp_path: Path) -> None:
    settings = WebSocketsSettings(rooms="sqlite:///my%20rooms.db")

    @in_hub
    def run() -> None:
        with Rooms(settings, Meter(), Readiness(), root=tmp_path).running():
            assert (tmp_path / "my rooms.db").exists()

    run()


@in_hub
def test_an_application_does_not_start_where_its_rooms_lack_a_right(tmp_path: Path) -> None:
    rooms = Worker(f"sqlite:///{tmp_path}/missing/rooms.db")
    with pytest.raises(StoreRefused), rooms.running():
        pass
