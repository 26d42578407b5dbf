"""`SQLiteStore`: waking the workers of one machine, restarts of the machine, killed workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import photon_runtime as rt
from photon_runtime.drivers.sqlite import connect
from photon_runtime.testing import in_hub
from photon_runtime.wakeups import wake
from photon_ws.rooms import (
    Batch,
    Entry,
    PresenceChange,
    Record,
    Retention,
    StoreRefused,
    StoreUnavailable,
    _sqlite_schema,
    sqlite,
)
from photon_ws.rooms.sqlite import SQLiteStore

KEEP = Retention(1000)


def batch(sequence: int, origin: str = "a" * 16) -> Batch:
    return Batch("room", [Record(origin, sequence, "text", b"x")], KEEP)


class Hints:
    """What a listener was told."""

    def __init__(self) -> None:
        self.is_listening = rt.Event()
        self.changes = rt.Channel[str](1000)

    def listening(self) -> None:
        self.is_listening.set()

    def received(self, room: str, epoch: str, entries: Sequence[Entry]) -> None:
        raise AssertionError("hints of SQLite have no entries")

    def changed(self, room: str) -> None:
        self.changes.send(room)

    def wait(self) -> str:
        with rt.deadline(5):
            return self.changes.receive()


@contextmanager
def listening(store: SQLiteStore) -> Iterator[Hints]:
    hints = Hints()
    task = rt.spawn(store.listen, hints)
    hints.is_listening.wait()
    try:
        yield hints
    finally:
        task.cancel()
        task.join()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rooms.db"


def addresses(path: Path) -> list[str]:
    connection = connect(path)
    try:
        return [address for [address] in connection.execute(_sqlite_schema.LISTENERS).fetchall()]
    finally:
        connection.close()


@in_hub
def test_the_sockets_of_ended_workers_disappear(path: Path) -> None:
    store, other = SQLiteStore(path), SQLiteStore(path)
    store.open()
    with listening(other):
        [address] = addresses(path)
        assert Path(address).parent == path.parent
        assert Path(address).is_socket()
    assert not Path(address).exists()
    assert addresses(path) == [address]
    store.append([batch(1)])  # finds that nobody is there
    store.append([batch(2)])
    assert addresses(path) == []
    store.close()
    other.close()


@in_hub
def test_a_worker_that_was_killed_leaves_no_socket(path: Path) -> None:
    store = SQLiteStore(path)
    store.open()
    program = (
        "import sys, pathlib, photon_runtime as rt\n"
        "from photon_ws.rooms.sqlite import SQLiteStore\n"
        "class L:\n"
        "    def listening(self): print('listening', flush=True)\n"
        "rt.run(SQLiteStore(pathlib.Path(sys.argv[1])).listen, L())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        os.kill(process.pid, signal.SIGKILL)
    [address] = addresses(path)
    assert Path(address).is_socket()
    store.append([batch(1)])
    store.append([batch(2)])
    assert not Path(address).exists()
    assert addresses(path) == []
    store.close()


@in_hub
def test_a_path_that_is_too_long_for_a_socket_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    store, other = SQLiteStore(folder / "rooms.db"), SQLiteStore(folder / "rooms.db")
    store.open()
    with listening(other) as hints:
        store.append([batch(1)])
        assert hints.wait() == "room"
    store.close()
    other.close()


@in_hub
def test_a_lost_wake_up_delays_a_hint(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "wake", lambda addresses: [])
    monkeypatch.setattr(sqlite, "_POLL", 0.05)
    store, other = SQLiteStore(path), SQLiteStore(path)
    store.open()
    with listening(other) as hints:
        for sequence in range(1, 4):
            store.append([batch(sequence)])
            assert hints.wait() == "room"
        rt.sleep(0.2)
        assert len(hints.changes) == 0
    store.close()
    other.close()


@in_hub
def test_many_wake_ups_are_one(path: Path) -> None:
    store, other = SQLiteStore(path), SQLiteStore(path)
    store.open()
    with listening(other) as hints:
        store.append([batch(1)])
        hints.wait()
        [address] = addresses(path)
        for _ in range(2000):  # more than its buffer has space for
            assert wake([address]) == []
        store.append([batch(2)])
        assert hints.wait() == "room"
    store.close()
    other.close()


@in_hub
def test_logs_have_another_epoch_after_a_restart_of_the_machine(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SQLiteStore(path)
    store.open()
    store.renew("a" * 16, 60)
    store.set_presence("a" * 16, [PresenceChange("room", "ada", 1)])
    [before] = store.append([batch(1)])
    store.close()
    store = SQLiteStore(path)
    store.open()
    assert store.read("room", 0, 10).epoch == before.epoch
    assert store.presence("room") == {"ada": 1}
    store.close()
    monkeypatch.setattr(_sqlite_schema, "run_of_machine", lambda: "another")
    store = SQLiteStore(path)
    store.open()
    page = store.read("room", 0, 10)
    assert page.epoch != before.epoch
    assert len(page.entries) == 1
    assert store.presence("room") == {}
    store.close()


@in_hub
def test_without_a_name_of_the_run_every_commit_is_synced(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def synchronous() -> int:
        store = SQLiteStore(path)
        store.open()
        with store._writer.connection() as connection:
            [level] = connection.execute("PRAGMA synchronous").fetchone()
        store.close()
        return int(level)

    assert synchronous() == 1
    monkeypatch.setattr(_sqlite_schema, "_BOOT", Path("/nonexistent"))
    assert synchronous() == 2


@in_hub
def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="its folder does not exist or cannot be written"):
        SQLiteStore(tmp_path / "missing" / "rooms.db").open()


@in_hub
def test_a_file_that_is_locked_is_unavailable_until_it_is_free(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_LOCKED", 0.05)
    store = SQLiteStore(path)
    store.open()
    other = connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises((StoreUnavailable, rt.DeadlineExceeded)), rt.deadline(0.5):
        store.append([batch(1)])
    other.execute("ROLLBACK")
    other.close()
    assert store.append([batch(1)])[0].first == 1
    store.close()


@pytest.mark.slow
@in_hub
def test_a_killed_writer_leaves_whole_batches(path: Path) -> None:
    store = SQLiteStore(path)
    store.open()
    program = (
        "import sys, pathlib, photon_runtime as rt\n"
        "from photon_ws.rooms import Batch, Record, Retention\n"
        "from photon_ws.rooms.sqlite import SQLiteStore\n"
        "store = SQLiteStore(pathlib.Path(sys.argv[1]))\n"
        "def main():\n"
        "    n = 0\n"
        "    while True:\n"
        "        new = [Record(sys.argv[2], n + k, 'text', b'x') for k in range(1, 4)]\n"
        "        store.append([Batch('room', new, Retention(10**6))])\n"
        "        n += 3\n"
        "        print(n, flush=True)\n"
        "rt.run(main)\n"
    )
    last = 0
    for number in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(path), str(number) * 16],
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            for _ in range(20):
                process.stdout.readline()
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        page = store.read("room", last, 10_000)
        assert [each.position for each in page.entries] == [*range(last + 1, page.last + 1)]
        assert (page.last - last) % 3 == 0
        assert page.last - last >= 60
        last = page.last
    store.close()
