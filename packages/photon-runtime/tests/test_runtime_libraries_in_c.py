"""The library in C that a blocked call has entered."""

from __future__ import annotations

import logging
import sqlite3
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import photon_runtime as rt
from photon_runtime._hub import current_hub
from photon_runtime._watchdog import SchedulerBlock, Watchdog, _log_block
from photon_runtime.libraries_in_c import blocking_library, imported_libraries


def _from_here(*_: object, depth: int = 1) -> str | None:
    """Return the library that is found for the caller: a function in C would have no frame."""
    library = blocking_library(sys._getframe(depth))
    return None if library is None else library.name


def _class(module: str) -> Any:
    return type("Cursor", (), {"__module__": module, "execute": _from_here, "__slots__": ()})


class _Owner:
    __slots__ = ("cursor", "cursors")

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor
        self.cursors = [cursor]


def _local(cursor: Any) -> object:
    return cursor.execute("select 1")


def _attribute(cursor: Any) -> object:
    owner = _Owner(cursor)
    return owner.cursor.execute(
        "select 1",
    )


def _item(cursor: Any) -> object:
    owner = _Owner(cursor)
    return owner.cursors[0].execute("select 1") or owner.cursor.execute("é")


def _iteration(cursor: Any) -> object:
    return next(map(type(cursor).execute, [cursor]))


def _subclass(cursor: Any) -> object:
    own = type("Own", (type(cursor),), {"__module__": "shop"})()
    return own.execute("select 1")


@pytest.mark.parametrize("call", [_local, _attribute, _item, _iteration, _subclass])
@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("pyodbc", "pyodbc"),
        ("MySQLdb._mysql", "MySQLdb"),
        ("oracledb.thick_impl", "the thick mode of oracledb"),
        ("psycopg2.extensions", "psycopg2"),
        ("_ctypes", "ctypes"),
    ],
)
def test_the_library_of_the_innermost_call_is_named(
    call: Callable[[Any], object], module: str, name: str
) -> None:
    assert call(_class(module)()) == name


def test_a_frame_of_the_library_itself_is_enough() -> None:
    module: Any = types.ModuleType("grpc._channel")
    vars(module)["found"] = _from_here
    exec("def call(): return found()", vars(module))
    assert module.call() == "grpc"


def test_other_arguments_of_a_call_are_not_named() -> None:
    cursor = _class("pyodbc")()
    assert _from_here(cursor) is None
    assert cursor is not None


def test_an_unknown_extension_is_named() -> None:
    module = next(
        name
        for name, each in sys.modules.items()
        if name.startswith("msgspec.") and (getattr(each, "__file__", None) or "").endswith(".so")
    )
    decoder: Any = type("Decoder", (), {"__module__": module, "decode": _from_here})()
    assert decoder.decode(b"[]") == module


def test_nothing_of_the_objects_is_called() -> None:
    class Hostile:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(name)

        @property
        def cursor(self) -> object:
            return _found

    _found = types.SimpleNamespace(execute=_from_here)
    hostile = Hostile()
    assert hostile.cursor.execute("x") is None  # type: ignore[attr-defined]  # a property


@pytest.fixture
def oracledb() -> Iterator[Any]:
    module: Any = types.ModuleType("oracledb")
    module.is_thin_mode = lambda: True
    sys.modules["oracledb"] = module
    yield module
    del sys.modules["oracledb"]


def test_imported_libraries_are_listed_with_their_remedies(
    oracledb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyodbc", types.ModuleType("pyodbc"))
    names = {each.name for each in imported_libraries()}
    assert "pyodbc" in names
    assert not any("oracledb" in name for name in names)
    oracledb.is_thin_mode = lambda: False
    [thick] = [each for each in imported_libraries() if "oracledb" in each.name]
    assert "thin mode" in thick.remedy


@pytest.mark.slow
def test_the_watchdog_names_the_library_and_the_remedy(caplog: pytest.LogCaptureFixture) -> None:
    blocks: list[SchedulerBlock] = []

    def count() -> None:
        cursor = sqlite3.connect(":memory:").cursor()
        while not blocks:
            cursor.execute(
                "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x < 300000)"
                " SELECT count(*) FROM c"
            ).fetchall()

    def main() -> None:
        watchdog = Watchdog(current_hub(), threshold=0.05, report=blocks.append)
        watchdog.start()
        rt.spawn(count).join()
        watchdog.close()

    rt.run(main)
    assert blocks[0].library is not None
    assert blocks[0].library.name == "sqlite3"
    assert "under the patch" in blocks[0].library.remedy
    with caplog.at_level(logging.WARNING, "photon.runtime"):
        _log_block(blocks[0])
    assert "in sqlite3, which is written in C" in caplog.text
    assert "docs/waiting-in-c.md" in caplog.text
