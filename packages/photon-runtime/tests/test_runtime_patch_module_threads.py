"""Libraries in C whose calls go to threads."""

from __future__ import annotations

import importlib
import sys
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import photon_runtime as rt
from photon_runtime import RuntimeSettings
from photon_runtime._remedies import REMEDIES
from photon_runtime.errors import SettingsError
from photon_runtime.libraries_in_c import imported_libraries
from photon_runtime.patch import _libraries_in_c, _module_threads, send_to_threads
from photon_runtime.patch._on_import import when_imported
from photon_runtime.settings import load_settings

SOURCE = """
import threading
from photon_runtime.patch import real_sleep

apilevel, threadsafety, paramstyle = "2.0", 1, "qmark"
events = []

class Error(Exception):
    "An error of the driver."

class Row:
    def __init__(self, value):
        self.value = value

class Cursor:
    arraysize = 1
    def __init__(self, connection):
        self.connection = connection
        self.rows = []
    def execute(self, statement, seconds=0.0):
        events.append(("begin", statement, threading.get_ident()))
        real_sleep(seconds)
        events.append(("end", statement, threading.get_ident()))
        if statement == "wrong":
            raise Error("wrong")
        self.rows = [Row(1), Row(2)]
        return self
    def fetchone(self):
        return self.rows[0]
    @property
    def version(self):
        return threading.get_ident()
    def __iter__(self):
        return self
    def __next__(self):
        if not self.rows:
            raise StopIteration
        return self.rows.pop(0)

class Connection:
    def cursor(self):
        return Cursor(self)
    def rollback(self):
        events.append(("rollback", "", threading.get_ident()))
    def is_mine(self, cursor):
        return type(cursor) is Cursor
    def __enter__(self):
        return self
    def __exit__(self, *error):
        self.rollback()

def connect():
    return Connection()

def rows():
    for number in range(2):
        yield threading.get_ident()
"""


@pytest.fixture
def driver() -> Iterator[Any]:
    module: Any = types.ModuleType("slowdb")
    exec(SOURCE, vars(module))
    _module_threads.hooks(["slowdb"])["slowdb"](module)
    sys.modules["slowdb"] = module
    yield module
    del sys.modules["slowdb"]


def test_calls_of_what_a_library_makes_are_on_threads(driver: Any) -> None:
    def main() -> None:
        here = threading.get_ident()
        connection = driver.connect()
        cursor = connection.cursor()
        assert cursor.execute("select 1") is cursor
        assert all(thread != here for _, _, thread in driver.events)
        assert cursor.fetchone().value == 1
        assert [row.value for row in cursor] == [1, 2]
        assert cursor.version != here
        assert all(thread != here for thread in driver.rows())
        assert isinstance(connection, driver.Connection)
        assert isinstance(driver.Cursor(connection), driver.Cursor)
        assert connection.is_mine(cursor)
        cursor.arraysize = 5
        assert cursor.arraysize == 5
        with connection as same:
            assert same is connection
        with pytest.raises(driver.Error, match="wrong"):
            cursor.execute("wrong")

    rt.run(main)


def test_other_coroutines_continue(driver: Any) -> None:
    def main() -> int:
        turns = 0
        with rt.scope():
            task = rt.spawn(lambda: driver.connect().cursor().execute("slow", 0.05))
            while not task.done:
                rt.sleep(0.002)
                turns += 1
        return turns

    assert rt.run(main) > 3


def test_the_next_call_on_a_connection_waits_for_one_that_was_left(driver: Any) -> None:
    def main() -> None:
        connection, other = driver.connect(), driver.connect()
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.02):
            connection.cursor().execute("left", 0.1)
        other.rollback()
        connection.rollback()

    rt.run(main)
    assert [event[0] for event in driver.events] == ["begin", "rollback", "end", "rollback"]


def test_a_cancelled_coroutine_leaves_its_rollback_to_a_thread(driver: Any) -> None:
    def main() -> None:
        connection = driver.connect()
        began = time.monotonic()
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.02), connection:
            connection.cursor().execute("left", 0.2)
        assert time.monotonic() - began < 0.15
        while driver.events[-1][0] != "rollback":
            rt.sleep(0.01)

    rt.run(main)
    assert [event[0] for event in driver.events] == ["begin", "end", "rollback"]


def test_outside_of_tasks_calls_are_made_by_the_thread(driver: Any) -> None:
    connection = driver.connect()
    connection.cursor().execute("select 1")
    assert {thread for _, _, thread in driver.events} == {threading.get_ident()}
    driver.events.clear()
    rt.run(lambda: connection.cursor().execute("select 1"))
    assert threading.get_ident() not in {thread for _, _, thread in driver.events}


def test_a_subclass_and_a_union_of_a_class_are_of_the_library(driver: Any) -> None:
    class Own(driver.Connection):  # type: ignore[misc]  # a module of the test
        """A connection."""

    assert isinstance(Own(), driver.Connection)
    assert issubclass(Own, driver.Connection)
    assert isinstance(Own(), driver.Connection | None)
    assert not isinstance(1, driver.Connection)


def test_what_goes_to_threads_is_not_reported(driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REMEDIES, "slowdb", "call it by offload")
    assert "slowdb" not in {each.name for each in imported_libraries()}
    module = types.ModuleType("slowdb")
    monkeypatch.setitem(sys.modules, "slowdb", module)
    [found] = [each for each in imported_libraries() if each.name == "slowdb"]
    assert '[runtime] threads = ["slowdb"]' in found.remedy


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('threads = ["grppc"]', "the module grppc is not installed"),
        ('threads = ["lmdb"]', "transactions that belong to a thread"),
        ('threads = ["psycopg2"]', "pauses one coroutine"),
    ],
)
def test_wrong_names_are_refused_at_start(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "photon.toml").write_text(f"[runtime]\n{text}\n")
    with pytest.raises(SettingsError, match=message):
        load_settings(tmp_path, environment="test", environ={}).read(RuntimeSettings)


def test_the_import_is_not_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setitem(REMEDIES, "slowdb_of_test", "call it by offload")
    (tmp_path / "slowdb_of_test.py").write_text("def connect(): return 1\n")
    send_to_threads(["slowdb_of_test"])
    when_imported(_libraries_in_c.hooks())
    module = importlib.import_module("slowdb_of_test")
    monkeypatch.delitem(sys.modules, "slowdb_of_test")
    assert module.connect() == 1
    assert "slowdb_of_test" not in caplog.text


def test_names_are_read_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "photon.toml").write_text('[runtime]\nthreads = ["grpc"]\n')
    settings = load_settings(tmp_path, environment="test", environ={}).read(RuntimeSettings)
    assert settings.threads == ("grpc",)
