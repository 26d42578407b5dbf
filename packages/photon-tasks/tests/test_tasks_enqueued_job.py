"""What code sees of a job that an outbox has not relayed yet."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import NullPool, create_engine

import photon_runtime as rt
from photon_runtime.observability import Meter
from photon_runtime.testing import in_hub
from photon_tasks import EnqueuedJob, Tasks, TasksSettings
from photon_tasks.errors import JobNotFound
from photon_tasks.records import AttemptOutcome, Delivery, JobState, NewJob, WorkerInfo
from photon_tasks.registry import Registry
from photon_tasks.stores import JobStore
from photon_tasks.stores.sql import SqlStore


def tasks_with_outbox(path: Path) -> Tasks:
    # Connections are closed after each use, since nothing closes the engine.
    store: JobStore = SqlStore(create_engine(f"sqlite:///{path}", poolclass=NullPool))
    store.open()
    settings = TasksSettings(enqueue_timeout=0.3)
    tasks = Tasks(
        settings, store, Registry(), Meter(), open_store=lambda: contextlib.nullcontext(store)
    )
    tasks.deliveries.outbox = cast("Any", object())
    return tasks


@in_hub
def test_a_result_is_waited_for_until_the_job_is_relayed(tmp_path: Path) -> None:
    tasks = tasks_with_outbox(tmp_path / "jobs.db")
    job: EnqueuedJob[Any] = EnqueuedJob("a", True, tasks, None)

    def relay_and_run() -> None:
        rt.sleep(0.1)
        tasks.store.deliver(Delivery([NewJob(id="a", task="t")]))
        tasks.store.register(WorkerInfo(id="w"), 30)
        [claimed] = tasks.store.claim("w", 1).jobs
        ended = AttemptOutcome(claim=claimed.claim, state=JobState.COMPLETED, result="7", keep=60)
        tasks.store.finish("w", [ended])

    with pytest.raises(JobNotFound):
        job.result(timeout=0)
    with rt.scope() as helpers:
        helpers.spawn(relay_and_run)
        assert job.result(timeout=10) == 7


@in_hub
def test_a_job_that_is_never_relayed_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    tasks = tasks_with_outbox(tmp_path / "jobs.db")
    with pytest.raises(JobNotFound), rt.deadline(5):
        EnqueuedJob("a", True, tasks, None).result()
    tasks.deliveries.outbox = None
    with (
        pytest.raises(JobNotFound, match="is not committed yet or was rolled back"),
        rt.deadline(0.2),
    ):
        EnqueuedJob("a", True, tasks, None).result()
