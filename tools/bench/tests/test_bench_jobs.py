"""The jobs suite: what it counts, its tables, and one whole run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench._results import Outcome, Row
from bench.errors import BenchError
from bench.jobs import _run
from bench.jobs._asking import ask
from bench.jobs._report import rate_ratio, table, to_json
from bench.jobs._run import JobsOptions, Run, plan
from bench.jobs._runners import PHOTON, RUNNERS, STORES, Runner
from bench.jobs._samples import JobsSample, of_durations
from bench.jobs._scenarios import BESIDE, DELAYED, JOINED, NOOP, SCENARIOS, WAITS
from bench.jobs._stores import JobStores

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = JobsOptions(tuple(RUNNERS), tuple(SCENARIOS), 1, 1, 0, 0)


# What is measured


def test_photon_takes_part_in_all_scenarios_and_its_peers_in_the_throughput() -> None:
    rows = {(each.scenario, each.server) for each in plan(OPTIONS)}
    assert {(NOOP, name) for name in RUNNERS} <= rows
    assert {(WAITS, f"photon-{store}") for store in STORES} <= rows
    assert (JOINED, "photon-redis") not in rows
    assert [server for scenario, server in rows if scenario == BESIDE] == ["photon-sqlite"]
    assert all(scenario == NOOP for scenario, server in rows if RUNNERS[server].library != PHOTON)


def test_percentiles_are_of_all_durations() -> None:
    sample = of_durations([each / 1e3 for each in range(101)], cpu=0.202)
    assert [round(each) for each in (sample.p50_us, sample.p95_us, sample.p99_us)] == [
        50_000,
        95_000,
        99_000,
    ]
    assert round(sample.cpu_us) == 2_000


def test_a_program_that_fails_is_reported_with_its_last_words() -> None:
    with pytest.raises(BenchError, match=r"has failed: .*no such thing"):
        ask([sys.executable, "-c", "raise SystemExit('no such thing')"], {}, 0)


def worker(folder: Path, monkeypatch: pytest.MonkeyPatch, *effects: str) -> JobsSample:
    """Measure a worker that writes these effects, with a pause between them."""
    monkeypatch.setattr(_run, "_PATIENCE", 1.0)
    script = ["import os, time", "file = open(os.environ['JOBS_EFFECTS'], 'a', buffering=1)"]
    script += ["time.sleep(0.3)"]
    for each in effects:
        script += [f"os.write(file.fileno(), {each.encode()!r})", "time.sleep(0.2)"]
    script += ["time.sleep(30)"]
    runner = Runner(
        "toy",
        "",
        "sqlite",
        (sys.executable, "-c", "\n".join(script)),
        lambda count: (sys.executable, "-c", "pass"),
        10,
        "toy",
    )
    return Run(JobStores(folder), OPTIONS).noop(runner)


def test_a_worker_is_measured_from_its_first_jobs_to_its_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = worker(tmp_path, monkeypatch, "..", "....", "....")
    assert 0.3 < sample.seconds < 3
    assert sample.rate == pytest.approx(8 / sample.seconds)


def test_a_job_that_runs_twice_or_not_at_all_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("twice", "lost"):
        (tmp_path / name).mkdir()
    with pytest.raises(BenchError, match="12 jobs have run, not 10"):
        worker(tmp_path / "twice", monkeypatch, "..", "." * 10)
    with pytest.raises(BenchError, match="no further job has run for 1 s: 9"):
        worker(tmp_path / "lost", monkeypatch, "..", "." * 7)


# The tables


def row(name: str, *rates: float, scenario: str = NOOP) -> Row:
    made = Row(scenario, name)
    for number, rate in enumerate(rates, 1):
        made.samples[number] = JobsSample(cpu_us=1e6 / rate, rate=rate, memory=50_000_000)
    return made


def report(*rows: Row) -> str:
    return table(Outcome({}, {}, {}, rows))


def verdicts(rows: Sequence[Row]) -> dict[str, str]:
    lines = report(*rows).split("### Limits")[1].splitlines()
    cells = [[cell.strip() for cell in line.split("|")] for line in lines if line.count("|") == 5]
    return {each[1]: each[4] for each in cells[2:]}


def test_the_rate_is_compared_with_the_fastest_variant_of_each_peer() -> None:
    rows = [row("photon-redis", 9_000), row("dramatiq-16", 5_000), row("dramatiq-8", 3_000)]
    rows += [row("celery-threads", 2_000), row("rq", 9_500)]
    rows += [row("photon-sqlite", 5_100), row("photon-postgresql", 4_900)]
    assert verdicts(rows) == {
        "noop, photon-sqlite": "kept",
        "noop, photon-postgresql": "EXCEEDED",
        "noop, photon-redis to dramatiq-16": "EXCEEDED",
        "noop, photon-redis to celery-threads": "kept",
        "noop, photon-redis to rq": "EXCEEDED",
    }


def test_ratios_are_taken_round_by_round() -> None:
    share = rate_ratio(row("photon-redis", 100, 1_000), to=row("rq", 10, 500))
    assert share is not None
    assert (share.low, share.high) == (2, 10)


def test_the_limits_of_the_other_scenarios_are_in_their_units() -> None:
    waits, delayed = Row(WAITS, "photon-sqlite"), Row(DELAYED, "photon-redis")
    beside = Row(BESIDE, "photon-sqlite")
    waits.samples[1] = JobsSample(seconds=12.5)
    delayed.samples[1] = JobsSample(growth=9_000_000)
    beside.samples[1] = JobsSample(p99_us=99_000)
    assert verdicts([waits, delayed, beside]) == {
        "waits, photon-sqlite": "EXCEEDED",
        "delayed, photon-redis": "kept",
        "beside, photon-sqlite": "kept",
    }


def test_a_worker_that_fails_is_a_row_with_the_reason() -> None:
    failed = row("rq")
    failed.error = "it ended\nwith status 1"
    outcome = Outcome({}, {}, {}, [row("photon-redis", 20), failed])
    assert "| rq | ERROR: it ended with status 1 |" in table(outcome)
    assert outcome.failed
    found = json.loads(to_json(outcome))["rows"]
    assert [each["error"] for each in found] == [None, "it ended\nwith status 1"]
    assert found[0]["rounds"]["1"]["rate"] == 20


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_run_measures_photon() -> None:
    command = [sys.executable, "tools/bench", "--jobs", "--quick", "--runners", "photon-sqlite"]
    command += ["--scenarios", "noop,pickup-between,enqueue,enqueue-joined"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR" not in done.stdout
    assert done.stdout.count("| photon-sqlite ") == 4
