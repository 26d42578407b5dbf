"""The run: per kind of database, start its applications, then measure in interleaved rounds.

As in `bench._run`, all applications live from the first round to the last and take turns, and so do
the bare loops, each of which is a process of its own for the time of its turn. The loop's cost is
the CPU time of that process without its start, plus the cost of Photon's route ``json`` in the same
round.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from bench._load import run_load
from bench._probe import ask
from bench._process import ServerProcess, free_port
from bench._results import Row, Sample
from bench._servers import FOLDER
from bench.database._applications import APPLICATIONS, LOOP, PHOTON, SQLITE, prepare
from bench.database._databases import BenchDatabase, run_database
from bench.database._round_trips import count_round_trips
from bench.database._scenarios import JSON
from bench.errors import BenchError
from bench.scenarios import Exchange

_WARM_UP = 2  # seconds
_START_TIMEOUT = 30.0  # seconds until an application must listen
_LOOP_GRACE = 30.0  # seconds that a loop may take beyond its duration
_LOG_TAIL = 300  # characters


@dataclass(frozen=True, slots=True)
class DatabaseOptions:
    """The options of the command line, and the cores."""

    databases: tuple[str, ...]
    applications: tuple[str, ...]
    scenarios: tuple[str, ...]
    rounds: int
    seconds: int
    connections: int
    server_core: int
    load_core: int


@dataclass(frozen=True, slots=True)
class DatabaseSample(Sample):
    """A sample with the CPU time of the database server, in microseconds per request."""

    database_us: float


@dataclass(slots=True)
class DatabaseRow(Row):
    """One application, or the bare loop, on one kind of database in one scenario.

    Attributes:
        kind: Kind of the database.
        round_trips: Round trips per request; ``None`` where they were not counted.
    """

    kind: str = ""
    round_trips: float | None = None
    load: Exchange = field(default_factory=lambda: Exchange("/"))


def plan(options: DatabaseOptions) -> list[DatabaseRow]:
    """List the rows to fill: the bare loops, Photon's JSON, and the applications."""
    rows = []
    for kind in options.databases:
        rows.append(DatabaseRow(JSON, PHOTON, kind=kind, load=APPLICATIONS[PHOTON].targets[JSON]))
        for scenario in options.scenarios:
            rows.append(DatabaseRow(scenario, LOOP, kind=kind))
            for name in options.applications:
                application = APPLICATIONS[name]
                if kind in application.kinds and scenario in application.targets:
                    load = application.targets[scenario]
                    rows.append(DatabaseRow(scenario, name, kind=kind, load=load))
    return rows


def measure(rows: Sequence[DatabaseRow], options: DatabaseOptions) -> None:
    """Fill the rows with samples or errors. Blocks."""
    for kind in options.databases:
        own = [row for row in rows if row.kind == kind]
        with run_database(kind, options.load_core) as database:
            _Run(database, own, options).measure()


class _Run:
    """The run on one database."""

    def __init__(
        self, database: BenchDatabase, rows: Sequence[DatabaseRow], options: DatabaseOptions
    ) -> None:
        self.database = database
        self.rows = rows
        self.options = options
        self.running: dict[str, ServerProcess] = {}

    def measure(self) -> None:
        with ExitStack() as stack:
            for name in dict.fromkeys(row.server for row in self.rows if row.server != LOOP):
                own = [row for row in self.rows if row.server == name]
                with _into(own):
                    self._start(name, stack)
            for row in self._sound(applications_only=True):
                _say(f"warming up {row.server}, {row.scenario}")
                with _into([row]):
                    self._probe(row)
                    self._sample(row, _WARM_UP)
            for number in range(1, self.options.rounds + 1):
                for row in self._sound():
                    _say(f"round {number}: {self.database.kind}, {row.server}, {row.scenario}")
                    with _into([row]):
                        row.samples[number] = self._measured(row, number)
        if self.database.kind != SQLITE:
            for row in self._sound(applications_only=True):
                self._count_round_trips(row)

    def _sound(self, *, applications_only: bool = False) -> Iterator[DatabaseRow]:
        for row in self.rows:
            if row.error is None and not (applications_only and row.server == LOOP):
                yield row

    def _start(self, name: str, stack: ExitStack) -> None:
        _say(f"starting {name}")
        application = APPLICATIONS[name]
        prepare(application)
        port = free_port()
        process = self.running[name] = stack.enter_context(
            ServerProcess(
                application.command(port),
                port=port,
                folder=FOLDER,
                core=self.options.server_core,
                environ={**application.environ, **self.database.environ()},
            )
        )
        process.wait_listening(timeout=_START_TIMEOUT)

    def _probe(self, row: DatabaseRow) -> None:
        status, body = ask(row.load, port=self.running[row.server].port)
        if status not in row.load.statuses:
            raise BenchError(f"{row.load.target}: got status {status}: {body[:_LOG_TAIL]!r}")

    def _measured(self, row: DatabaseRow, number: int) -> DatabaseSample:
        if row.server != LOOP:
            return self._sample(row, self.options.seconds)
        plain = next(each for each in self.rows if each.scenario == JSON)
        if number not in plain.samples:
            raise BenchError(f"the route {JSON} was not measured: {plain.error}")
        return self._run_loop(row.scenario, plain.samples[number].cpu_us)

    def _sample(self, row: DatabaseRow, seconds: int) -> DatabaseSample:
        process = self.running[row.server]
        before, database_before = process.usage(), self.database.cpu
        load = run_load(
            row.load,
            port=process.port,
            seconds=seconds,
            connections=self.options.connections,
            core=self.options.load_core,
        )
        after, database_after = process.usage(), self.database.cpu
        process.check_alive()
        return DatabaseSample(
            cpu_us=(after.cpu - before.cpu) * 1e6 / load.requests,
            rate=load.rate,
            p50_us=load.p50_us,
            p99_us=load.p99_us,
            memory=after.memory,
            database_us=(database_after - database_before) * 1e6 / load.requests,
        )

    def _run_loop(self, scenario: str, json_us: float) -> DatabaseSample:
        seconds, core = self.options.seconds, self.options.server_core
        command = ["taskset", "-c", str(core), sys.executable, "database_loop.py"]
        before = self.database.cpu
        done = subprocess.run(
            [*command, scenario, str(seconds)],
            cwd=FOLDER,
            env={**os.environ, **self.database.environ()},
            capture_output=True,
            text=True,
            timeout=seconds + _LOOP_GRACE,
            check=False,
        )
        database_cpu = self.database.cpu - before
        if done.returncode != 0:
            raise BenchError(f"the bare loop failed: {done.stderr.strip()[-_LOG_TAIL:]}")
        figures = json.loads(done.stdout)
        count = figures["count"]
        each_us = figures["seconds"] * 1e6 / count
        return DatabaseSample(
            cpu_us=figures["cpu"] * 1e6 / count + json_us,
            rate=count / figures["seconds"],
            p50_us=each_us,
            p99_us=each_us,
            memory=0,
            database_us=database_cpu * 1e6 / count,
        )

    def _count_round_trips(self, row: DatabaseRow) -> None:
        if row.scenario == JSON:
            return
        _say(f"counting round trips: {row.server}, {row.scenario}")
        with _into([row]):
            row.round_trips = count_round_trips(
                APPLICATIONS[row.server], self.database, row.load, core=self.options.server_core
            )


@contextmanager
def _into(rows: Sequence[Row]) -> Iterator[None]:
    """Turn an error of the block into the error of ``rows``."""
    try:
        yield
    except (BenchError, OSError, subprocess.TimeoutExpired) as error:
        _say(f"{rows[0].server}: {error}")
        for row in rows:
            row.error = str(error)


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
