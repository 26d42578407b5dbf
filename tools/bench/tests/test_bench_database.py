"""The database suite: its tables, the proxy that counts round trips, and one whole run."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.database._applications import APPLICATIONS, LOOP
from bench.database._report import DatabaseOutcome, table, to_json
from bench.database._round_trips import counting_proxy
from bench.database._run import DatabaseOptions, DatabaseRow, DatabaseSample, plan
from bench.database._scenarios import LIMITS, SCENARIOS

ROOT = Path(__file__).resolve().parents[3]


def sample(cpu_us: float) -> DatabaseSample:
    return DatabaseSample(
        cpu_us=cpu_us, rate=1000.0, p50_us=620.0, p99_us=1500.0, memory=52_000_000, database_us=64.0
    )


def row(server: str, *cpu_us: float, scenario: str = "db", kind: str = "postgresql") -> DatabaseRow:
    return DatabaseRow(scenario, server, dict(enumerate(map(sample, cpu_us), start=1)), kind=kind)


def report(*rows: DatabaseRow) -> str:
    return table(DatabaseOutcome({"cpu": "Test CPU"}, {"rounds": 3}, {}, rows))


def test_costs_are_compared_with_the_loop_round_by_round() -> None:
    text = report(row(LOOP, 100, 200, 400), row("photon", 80, 180, 200))
    [line] = [line for line in text.splitlines() if line.startswith("| photon ")]
    cells = [cell.strip() for cell in line.split("|")]
    assert cells[1:4] == ["photon", "180 (80-200)", "0.80"]  # not 180 / 200
    assert "### PostgreSQL, db: a row is read by its primary key" in text


def test_each_limit_is_reported_as_kept_or_exceeded() -> None:
    rows = [row(LOOP, 100), row("photon", 101), row("photon-core", 60)]
    rows += [row(LOOP, 100, scenario="write"), row("photon", 115, scenario="write")]
    limits = report(*rows).split("### Limits on PostgreSQL")[1]
    verdicts = [line.split("|")[-2].strip() for line in limits.splitlines() if "photon" in line]
    assert verdicts == ["EXCEEDED", "kept", "kept"]


def test_sqlite_has_no_limits_and_no_server() -> None:
    text = report(row(LOOP, 100, kind="sqlite"), row("photon", 300, kind="sqlite"))
    assert "Limits" not in text
    assert "3.00" in text
    assert "64" not in text


def test_an_application_that_fails_is_a_row_with_the_reason() -> None:
    failed = row("fastapi")
    failed.error = "it ended\nwith status 1"
    text = report(row(LOOP, 100), failed)
    assert "| fastapi | ERROR: it ended with status 1 |" in text


def test_the_json_has_every_round() -> None:
    outcome = DatabaseOutcome({}, {}, {}, [row("photon", 80, 90)])
    [written] = json.loads(to_json(outcome))["rows"]
    assert [each["cpu_us"] for each in written["rounds"].values()] == [80, 90]


def test_every_scenario_has_a_loop_and_every_application_what_it_supports() -> None:
    options = DatabaseOptions(
        ("postgresql", "sqlite"), tuple(APPLICATIONS), tuple(SCENARIOS), 1, 1, 1, 0, 0
    )
    rows = {(each.kind, each.scenario, each.server) for each in plan(options)}
    assert {("postgresql", name, LOOP) for name in SCENARIOS} <= rows
    assert {("postgresql", name, "fastapi") for name in SCENARIOS} <= rows
    assert ("sqlite", "db", "fastapi") not in rows
    assert ("postgresql", "write", "photon-core") not in rows
    assert {(limit.scenario, limit.application) for limit in LIMITS} <= {
        (scenario, server) for _, scenario, server in rows
    }


def test_what_is_sent_before_a_response_is_one_round_trip() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer_lines, args=(server,), daemon=True).start()
        with (
            counting_proxy(server.getsockname()[1]) as proxy,
            socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client,
        ):
            lines = client.makefile("rb")
            client.sendall(b"two parts ")
            client.sendall(b"of one question\n")
            assert lines.readline() == b"two parts of one question\n"
            for question in (b"second\n", b"third\n"):
                client.sendall(question)
                assert lines.readline() == question
            assert proxy.round_trips == 3


def answer_lines(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        for line in connection.makefile("rb"):
            connection.sendall(line)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_run_on_both_databases_measures_photon_and_the_loop() -> None:
    command = [sys.executable, "tools/bench", "--database", "--applications", "photon,photon-core"]
    command += ["--scenarios", "db,write", "--rounds", "1", "--seconds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR" not in done.stdout
    assert done.stdout.count("bare loop + JSON route") == 4
    for title in ("PostgreSQL, db", "PostgreSQL, write", "SQLite, db", "SQLite, write"):
        assert f"### {title}: " in done.stdout
