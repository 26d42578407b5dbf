"""``photon jobs``: commands on the store of a project, as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import photon_runtime as rt
from photon_lifeguard import Database, DatabaseSettings
from photon_tasks.records import AttemptOutcome, Delivery, NewJob, WorkerInfo
from photon_tasks.records import JobState as State
from photon_tasks.stores import JobStore
from photon_tasks.stores.sql import SqlStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

APPLICATION = """
    from photon import Photon, step, task

    print("this is not of the command")
    app = Photon()

    @task
    def charge(order: int) -> int:
        step("reserve", reserve, order)
        if order < 0:
            raise ValueError(f"{order} is not an order")
        return order

    def reserve(order: int) -> None:
        print("reserving", order)
"""

Photon: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"


def job(number: int, order: int) -> NewJob:
    return NewJob(
        id=f"01900000-0000-7000-8000-{number:012x}",
        task="shop.charge",
        arguments=json.dumps({"order": order}),
        max_attempts=1,
    )


@pytest.fixture
def change(tmp_path: Path) -> Callable[[Callable[[JobStore], object]], None]:
    """Call a function with the store of the project."""

    def in_store(call: Callable[[JobStore], object]) -> None:
        def main() -> None:
            database = Database(DatabaseSettings(url=f"sqlite:///{tmp_path / 'jobs.db'}"))
            store = SqlStore(database.engine)
            store.open()
            call(store)
            database.close()

        rt.run(main)

    return in_store


@pytest.fixture
def photon(tmp_path: Path, change: Callable[[Callable[[JobStore], object]], None]) -> Photon:
    """Run a command of a project that has a dead, a completed, a queued and a scheduled job."""
    (tmp_path / "photon.toml").write_text(
        '[project]\napp = "shop:app"\n[tasks]\nmode = "queue"\n'
        f'url = "sqlite:///{tmp_path / "jobs.db"}"\n'
    )
    (tmp_path / "shop.py").write_text(textwrap.dedent(APPLICATION))

    def fill(store: JobStore) -> None:
        store.register(WorkerInfo(id="w", host="here", pid=1), 1000.0)
        for number, state in ((1, State.DEAD), (2, State.COMPLETED)):
            store.deliver(Delivery([job(number, -number if state is State.DEAD else number)]))
            [claimed] = store.claim("w", 1).jobs
            error = "ValueError: -1 is not an order" if state is State.DEAD else None
            store.finish(
                "w", [AttemptOutcome(claim=claimed.claim, state=state, error=error, keep=1000)]
            )
        store.deliver(Delivery([job(3, 3)]))

    change(fill)

    def run(*arguments: str, answers: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "photon_cli", "jobs", *arguments],
            cwd=tmp_path,
            text=True,
            input=answers,
            capture_output=True,
            timeout=60,
            check=False,
        )

    return run


def members(result: subprocess.CompletedProcess[str]) -> Any:
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


DEAD, COMPLETED, QUEUED = (f"01900000-0000-7000-8000-{number:012x}" for number in (1, 2, 3))


def test_jobs_are_listed_shown_and_counted(photon: Photon) -> None:
    listed = members(photon("list", "--json"))
    assert [each["state"] for each in listed] == ["queued", "completed", "dead"]
    assert listed[2]["arguments"] == {"order": -1}
    lines = photon("list", "--status", "dead,queued").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [[QUEUED, "queued"], [DEAD, "dead"]]
    assert lines[1].endswith("ValueError: -1 is not an order")
    assert [each["id"] for each in members(photon("dead", "--json"))] == [DEAD]
    shown = photon("show", DEAD).stdout
    assert "shop.charge" in shown
    assert shown.rstrip().endswith("ValueError: -1 is not an order")
    stats = members(photon("stats", "--json"))
    assert {each["state"]: each["jobs"] for each in stats["queues"]} == {
        "queued": 1,
        "completed": 1,
        "dead": 1,
    }
    assert [each["host"] for each in stats["workers"]] == ["here"]
    unknown = photon("show", "nope")
    assert (unknown.returncode, unknown.stderr.splitlines()[-1]) == (
        1,
        "Error: the job nope does not exist, or is not kept any more",
    )
    assert "the states are scheduled, queued" in photon("list", "--status", "lost").stderr


def test_actions_on_several_jobs_ask_first(photon: Photon) -> None:
    refused = photon("requeue", answers="n\n")
    assert refused.returncode == 1
    assert "Queue all jobs that are dead or parked again? [y/N]" in refused.stderr
    assert photon("requeue", "--yes").stdout == "1 queued\n"
    assert photon("cancel").returncode == 2
    assert photon("cancel", "--name", "shop.charge", answers="y\n").stdout == "2 cancelled\n"
    assert photon("purge", "--max-age", "0").returncode == 1, (
        "the end of the input is not a confirmation"
    )
    assert photon("purge", "--yes").stdout == "0 removed\n", "younger than 90 days"
    assert photon("purge", "--max-age", "0", "--yes").stdout == "3 removed\n"
    assert photon("tidy").stdout == "0 removed\n"
    assert photon("list").stderr.endswith("no jobs\n")


def test_named_jobs_need_no_question(photon: Photon) -> None:
    assert photon("requeue", DEAD).stdout == "1 queued\n"
    assert photon("cancel", DEAD, QUEUED).stdout == "2 cancelled\n"
    assert photon("purge", DEAD).stdout == "1 removed\n"
    missing = photon("purge", DEAD)
    assert (missing.stdout, missing.returncode) == ("0 removed\n", 1)


def test_a_job_that_does_not_exist_is_not_passed_over_in_silence(photon: Photon) -> None:
    for command in ("requeue", "cancel"):
        run = photon(command, "123")
        assert run.returncode == 1
        assert "`photon jobs show ID` shows whether a job exists" in run.stdout


def test_jobs_go_to_files_and_come_back(photon: Photon, tmp_path: Path) -> None:
    dumped = photon("dump", "--status", "dead", "-f", "files").stdout
    path, _, count = dumped.strip().partition(": ")
    assert count == "1 jobs"
    assert json.loads((tmp_path / path).read_text())["id"] == DEAD
    purged = photon("purge", "--max-age", "0", "--dump", "purged.jsonl", "--yes")
    assert purged.stdout == "2 removed\n"
    assert photon("import", "-f", "purged.jsonl").stdout == "1 enqueued\n"
    assert photon("import", "-f", path).stdout == "0 enqueued, 1 existed already\n"
    assert {each["id"] for each in members(photon("list", "--json"))} == {DEAD, QUEUED}


def test_a_dead_job_is_run_again_with_the_debugger(photon: Photon) -> None:
    debugged = photon("replay", DEAD, "--here", answers="p order * 7\nq\n")
    assert debugged.returncode == 1
    assert "(Pdb) -7" in debugged.stdout
    assert "ValueError: -1 is not an order" in debugged.stderr
    plain = photon("replay", DEAD, "--here", "--no-debugger")
    assert plain.returncode == 1
    assert "Pdb" not in plain.stdout
    well = photon("replay", QUEUED, "--here")
    assert well.returncode == 0
    assert well.stdout.endswith("the job would be completed, with the result 3\n")
    assert "add --here" in photon("replay", DEAD).stderr
    states = {each["id"]: each["state"] for each in members(photon("list", "--json"))}
    assert states == {DEAD: "dead", COMPLETED: "completed", QUEUED: "queued"}
