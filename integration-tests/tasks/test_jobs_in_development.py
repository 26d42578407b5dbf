"""Jobs that run when ``photon dev`` stops the application, which it kills after three seconds."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import photon_runtime as rt
from photon import Photon
from photon.testing import Client
from photon_runtime.settings import load_settings
from photon_runtime.testing import in_hub
from photon_tasks import JobState, TasksPart, task
from photon_tasks.stores.sql import SqlStore

BEGUN = threading.Event()


def wait_for_long() -> None:
    BEGUN.set()
    rt.sleep(600)


@pytest.mark.slow
@in_hub
def test_a_long_job_is_queued_again_at_once_and_keeps_its_attempts(tmp_path: Path) -> None:
    app, working = Photon(), task(wait_for_long)
    app.add(TasksPart(tasks=[working], home="photon_tasks"))

    @app.post("/")
    def begin() -> str:
        return working.enqueue().id

    url = f"sqlite:///{tmp_path}/jobs.db"
    environ = {"PHOTON__TASKS__MODE": "in_process", "PHOTON__TASKS__URL": url}
    app.use_settings(load_settings(tmp_path, environment="development", environ=environ))
    with Client(app, development=True) as client:
        job = client.post("/").json()
        assert BEGUN.wait(10)
        start = time.monotonic()
    assert time.monotonic() - start < 3
    store = SqlStore(create_engine(url))
    store.open()
    record = store.job(job)
    assert record is not None
    assert (record.state, record.attempts) == (JobState.QUEUED, 0)
