"""SQLite in threads, and beside it SQLite in the scheduler's own thread.

``python tools/bench/sqlite.py`` prints how long another task is kept waiting by statements of every
kind, and what a look-up by key costs, each for

- *threads*: the driver of `photon_runtime.drivers.sqlite`;
- *progress handler*: plain `sqlite3` with a handler that lets other tasks run from inside of the
  statement;
- *plain*: `sqlite3` as it is.

The longest wait is the largest of a task that sleeps for two milliseconds again and again, the
median of the rounds. CPU is that of the whole process. The machine must be idle.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from photon_runtime import run, scope, sleep, spawn, yield_now
from photon_runtime.drivers import sqlite

_ROWS = 1_000_000
_LOOKUPS = 20_000
_TICK = 0.002
_SWITCH_AFTER = 0.0005
_clock = time.perf_counter

Statement = Callable[[Any], object]


def _sql(sql: str, *parameters: object) -> Statement:
    return lambda connection: connection.execute(sql, parameters).fetchall()


STATEMENTS: dict[str, Statement] = {
    "count(*)": _sql("SELECT count(*) FROM t"),
    "scan": _sql("SELECT sum(b) FROM t WHERE a LIKE '%99%'"),
    "sort": _sql("SELECT a FROM t ORDER BY a LIMIT 5 OFFSET 999000"),
    "fetchall of 1,000,000 tuples": _sql("SELECT * FROM t"),
    "CREATE INDEX": _sql("CREATE INDEX i ON t (a)"),
    "integrity_check": _sql("PRAGMA integrity_check"),
    "DROP INDEX": _sql("DROP INDEX i"),
    "executescript, a copy of the table": lambda c: c.executescript(
        "CREATE TABLE u AS SELECT * FROM t"
    ),
    "DELETE of all rows": _sql("DELETE FROM u"),
    "executemany of 100,000 rows": lambda c: (
        c.execute("BEGIN"),
        c.executemany("INSERT INTO u VALUES (?, ?, 1.0, 2)", ((i, "x") for i in range(100_000))),
        c.execute("COMMIT"),
    ),
    "DROP TABLE": _sql("DROP TABLE u"),
    "JSON of 4 MB": _sql("SELECT json_array_length(?)", "[" + "1," * 2_000_000 + "1]"),
    "LIKE with many wildcards": _sql("SELECT ? LIKE ?", "a" * 1000, "%a" * 4 + "%b"),
    "VACUUM": _sql("VACUUM"),
    "backup": lambda c: c.backup(type(c)(":memory:")),
}


def main() -> None:
    """Measure what the command line asks for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        _fill(path)
        ways = {
            "threads": lambda: sqlite.connect(path, isolation_level=None),
            "progress handler": lambda: _with_handler(path),
            "plain": lambda: sqlite3.connect(path, isolation_level=None),
        }
        _print_waits(ways, options.rounds)
        _print_lookups(ways, options.rounds)
        _print_readers(path)


def _fill(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL, c INT)")
    rows = ((f"name {i * 7919 % 1_000_003}", i * 0.5, i % 1000) for i in range(_ROWS))
    connection.executemany("INSERT INTO t (a, b, c) VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()


def _with_handler(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    last = _clock()

    def let_others_run() -> None:
        nonlocal last
        if _clock() - last > _SWITCH_AFTER:
            yield_now()
            last = _clock()

    connection.set_progress_handler(let_others_run, 1000)
    return connection


def _longest_wait(function: Callable[[], object]) -> float:
    """Return for how many milliseconds another task waited at the most."""
    longest = 0.0

    def probe() -> None:
        nonlocal longest
        while True:
            begun = _clock()
            sleep(_TICK)
            longest = max(longest, _clock() - begun - _TICK)

    task = spawn(probe)
    sleep(2 * _TICK)
    longest = 0.0
    result = function()
    sleep(2 * _TICK)
    task.cancel()
    del result
    return longest * 1000


def _print_waits(ways: dict[str, Callable[[], Any]], rounds: int) -> None:
    waits: dict[tuple[str, str], list[float]] = {}

    def measure(way: str) -> None:
        connection = ways[way]()
        for name, statement in STATEMENTS.items():
            wait = _longest_wait(lambda: statement(connection))  # noqa: B023 - called at once
            waits.setdefault((name, way), []).append(wait)
        connection.close()

    for _ in range(rounds):
        for way in ways:
            run(measure, way)
    print("| longest wait of another task, ms |", " | ".join(ways), "|")
    print("|---|" + "---:|" * len(ways))
    for name in STATEMENTS:
        cells = (f"{median(waits[name, way]):.1f}" for way in ways)
        print(f"| {name} |", " | ".join(cells), "|")
    print()


def _print_lookups(ways: dict[str, Callable[[], Any]], rounds: int) -> None:
    print("| CPU of a look-up by key, µs |", " | ".join(ways), "|")
    print("|---|" + "---:|" * len(ways))
    cells = []
    for connect in ways.values():
        costs = [run(_cost_of_lookup, connect) for _ in range(rounds)]
        cells.append(f"{median(costs):.1f}")
    print("| execute, fetchone |", " | ".join(cells), "|\n")


def _cost_of_lookup(connect: Callable[[], Any]) -> float:
    connection = connect()
    cursor = connection.cursor()
    begun = time.process_time()
    for number in range(_LOOKUPS):
        cursor.execute("SELECT * FROM t WHERE id = ?", (number + 1,)).fetchone()
    cost = (time.process_time() - begun) / _LOOKUPS * 1e6
    connection.close()
    return cost


def _print_readers(path: Path) -> None:
    print("| readers of 100,000 rows, three times each | seconds | longest wait, ms |")
    print("|---|---:|---:|")
    for count in (1, 4, 16):

        def read_all() -> None:
            with scope() as tasks:
                for _ in range(count):  # noqa: B023 - called at once
                    tasks.spawn(_read, path)

        begun = _clock()
        wait = run(_longest_wait, read_all)
        print(f"| {count} | {_clock() - begun:.1f} | {wait:.1f} |")


def _read(path: Path) -> None:
    connection = sqlite.connect(path)
    for _ in range(3):
        connection.execute("SELECT * FROM t LIMIT 100000").fetchall()
    connection.close()


if __name__ == "__main__":
    main()
