"""The checks of ``photon doctor`` about jobs, on every store."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from photon_runtime.observability import Meter
from photon_runtime.parts import Finding
from photon_runtime.testing import in_hub
from photon_tasks import JobState, StoreUnavailable, Tasks, TasksSettings, task
from photon_tasks.checks import check_jobs
from photon_tasks.registry import Registry
from photon_tasks.stores import InspectedStore, JobStore

from .conftest import StoreCase
from .store_contract import claim_one, deliver, end, new_job, work_at


@task(name="shop.charge")
def charge() -> None:
    """Do nothing."""


def checked(store: JobStore, mode: str = "queue", processes: int = 1) -> list[Finding]:
    """Return the findings about a store."""
    tasks = Tasks(
        TasksSettings(),
        store,
        Registry([charge]),
        Meter(),
        open_store=lambda: pytest.fail("not opened"),
        mode=mode,
    )
    return [*check_jobs(tasks, processes=processes)]


def messages(findings: Sequence[Finding], status: str) -> str:
    """Return the messages of findings with a status."""
    return "\n".join(each.message for each in findings if each.status == status)


@in_hub
def test_a_store_with_a_worker_is_well(store: JobStore) -> None:
    work_at(store)
    deliver(store, new_job())
    claim_one(store)
    findings = checked(store)
    assert not messages(findings, "failed")
    warnings = messages(findings, "warning")
    assert not warnings or warnings.startswith("jobs are in a Redis that may lose them")
    assert "workers: 1, running jobs: 1, mode queue" in messages(findings, "ok")
    assert ("one has arrived after" in messages(findings, "ok")) is isinstance(
        store, InspectedStore
    )


@in_hub
def test_what_keeps_jobs_from_running_is_found(case: StoreCase, store: JobStore) -> None:
    work_at(store)
    deliver(store, new_job())
    end(store, claim_one(store), JobState.DEAD)
    deliver(store, new_job(task="shop.unknown"), new_job())
    case.advance(600)
    warnings = messages(checked(store), "warning")
    assert "jobs that wait in the queue default: 2, the oldest for 10 min" in warnings
    assert "dead or parked jobs: 1;" in warnings
    assert "workers that have lost their lease: 1;" in warnings
    assert "no worker runs" in warnings
    assert "jobs of the task shop.unknown wait, which is not defined here" in warnings


@in_hub
def test_workers_in_several_processes_that_serve_are_named(store: JobStore) -> None:
    warnings = messages(checked(store, "in_process", processes=4), "warning")
    assert "each of the 4 processes that serve runs jobs" in warnings


@in_hub
def test_a_store_that_does_not_respond_fails_once(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> float:
        raise StoreUnavailable("refused")

    monkeypatch.setattr(store, "clock", fail)
    [finding] = checked(store)
    assert (finding.status, finding.message) == ("failed", "refused")


@in_hub
def test_a_clock_that_differs_is_found(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    now = store.clock()
    monkeypatch.setattr(store, "clock", lambda: now - 60)
    assert "s behind" in messages(checked(store), "warning")
