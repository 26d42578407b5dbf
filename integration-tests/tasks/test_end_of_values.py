"""Jobs and background work end before the values that they use are released."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

import photon_runtime as rt
from photon import Photon, spawn_background
from photon.testing import Client
from photon_runtime.settings import load_settings
from photon_tasks import TasksPart, provided, task

LOG: list[str] = []
BEGUN = threading.Event()


@attrs.define
class Engine:
    """A value of the application."""

    is_open: bool = True


def engine() -> Iterator[Engine]:
    made = Engine()
    yield made
    made.is_open = False
    LOG.append("value released")


def use(engine: Engine) -> None:
    rt.sleep(0.1)
    LOG.append(f"background: {engine.is_open}")


def work(engine: Engine = provided) -> None:
    BEGUN.set()
    rt.sleep(0.3)
    LOG.append(f"job: {engine.is_open}")
    spawn_background(use, engine)


@pytest.mark.slow
def test_values_are_released_after_jobs_and_background_work(tmp_path: Path) -> None:
    app, working = Photon(), task(work)
    app.add(TasksPart(tasks=[working], home="photon_tasks"))
    app.provide(Engine, engine, scope="application")

    @app.lifespan
    @contextmanager
    def life() -> Iterator[None]:
        yield
        LOG.append("lifespan ended")

    @app.post("/")
    def begin() -> None:
        working.enqueue()

    environ = {
        "PHOTON__TASKS__MODE": "in_process",
        "PHOTON__TASKS__URL": f"sqlite:///{tmp_path}/jobs.db",
    }
    app.use_settings(load_settings(tmp_path, environment="test", environ=environ))
    with Client(app) as client:
        client.post("/")
        assert BEGUN.wait(10)
    assert LOG == ["job: True", "background: True", "value released", "lifespan ended"]
