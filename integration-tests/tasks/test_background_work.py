"""Work in the background of an application: its errors fail tests, its end is waited for."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

import photon_runtime as rt
from photon import BackgroundTasks, Photon, spawn_background
from photon.testing import Client

FOLDER = Path(__file__).parent


def make_app() -> Photon:
    app = Photon()

    def fail(where: str) -> None:
        rt.sleep(0.01)
        raise ValueError(where)

    @app.get("/spawned")
    def spawned() -> str:
        spawn_background(fail, "spawned")
        return "begun"

    @app.get("/after")
    def after(tasks: BackgroundTasks) -> str:
        tasks.add_task(fail, "after the response")
        return "begun"

    @app.get("/fine")
    def fine() -> str:
        spawn_background(rt.sleep, 0.01)
        return "begun"

    return app


def test_an_error_after_the_response_is_raised_by_the_request() -> None:
    with Client(make_app()) as client:
        with pytest.raises(ValueError, match="after the response") as caught:
            client.get("/after")
        assert "test_background_work.py:" in caught.value.__notes__[0]
        assert client.get("/fine").json() == "begun"


def test_an_error_of_background_work_is_raised_at_the_end_of_the_test_at_the_latest() -> None:
    client = Client(make_app())
    assert client.get("/spawned").status_code == 200
    with pytest.raises(ValueError, match="spawned"):
        client.close()


def test_a_client_that_does_not_raise_errors_leaves_them_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Client(make_app(), raise_errors=False) as client:
        assert client.get("/spawned").status_code == 200
        assert client.get("/after").status_code == 200
    assert caplog.text.count("has failed") == 2


@contextmanager
def served(folder: Path, *, shutdown_timeout: float) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    environ = {**os.environ, "PHOTON__TASKS__SHUTDOWN_TIMEOUT": str(shutdown_timeout)}
    environ["PYTHONPATH"] = f"{FOLDER}{os.pathsep}{environ.get('PYTHONPATH', '')}"
    with subprocess.Popen(
        [sys.executable, "-m", "photon_cli", "run", "background_program:app", "--port", "0"],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield announced_url(process), process
        finally:
            process.kill()


def announced_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"URL +(http://127\.0\.0\.1:\d+)", line)
        if found:
            return found[1]
    raise AssertionError("the server has not started")


@pytest.mark.slow
def test_sigterm_waits_for_background_work(tmp_path: Path) -> None:
    with served(tmp_path, shutdown_timeout=20) as (url, process):
        assert httpx2.post(f"{url}/work/50/1.5").status_code == 200
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
    assert output.count("ended 1.5") == 50
    assert process.returncode == 0


@pytest.mark.slow
def test_sigterm_names_background_work_that_does_not_end_in_time(tmp_path: Path) -> None:
    with served(tmp_path, shutdown_timeout=0.5) as (url, process):
        assert httpx2.post(f"{url}/work/3/60").status_code == 200
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
    assert output.count("is cancelled after") == 3
    assert "work, begun at " in output
    assert f"{FOLDER / 'background_program.py'}:" in output
    assert "ended 60" not in output
