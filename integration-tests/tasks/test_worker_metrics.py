"""``photon worker`` serves the metrics of all of its processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

APPLICATION = """
import time
from photon import Photon, task

app = Photon(title="Shop", version="1")

@task(queue="packing")
def pack(order: int) -> int:
    end = time.monotonic() + 0.05
    while time.monotonic() < end:  # computes: the other process has to accept connections
        pass
    return order

@task
def later() -> None: ...
"""
SETTINGS = """
[project]
name = "shop"
app = "shop_jobs:app"
[tasks]
url = "sqlite:///{folder}/jobs.db"
mode = "queue"
processes = 2
metrics = "127.0.0.1:{port}"
"""
ENQUEUE = """
import photon_runtime as rt
import shop_jobs
from photon_runtime.settings import load_settings
from pathlib import Path

def main():
    shop_jobs.app.use_settings(load_settings(Path.cwd(), environment="production"))
    with shop_jobs.app.start():
        for number in range(20):
            shop_jobs.pack.enqueue(number)
        shop_jobs.later.enqueue_in(3600)

rt.run(main)
"""


def read(port: int, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
        return str(response.read().decode())


def until(condition: Callable[[], object], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
def test_a_worker_serves_the_figures_of_all_processes(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "shop_jobs.py").write_text(APPLICATION)
    (tmp_path / "photon.toml").write_text(SETTINGS.format(folder=tmp_path, port=port))
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    subprocess.run(
        [sys.executable, "-c", ENQUEUE], cwd=tmp_path, env=environ, check=True, timeout=40
    )
    command = [sys.executable, "-m", "photon_cli", "-e", "production", "worker"]
    with subprocess.Popen(command, cwd=tmp_path, env=environ) as program:
        try:

            def has_all() -> bool:
                try:
                    page = read(port)
                except OSError:
                    return False
                ended = 'photon_jobs_attempts_total{outcome="completed",task="shop_jobs.pack"} 20.0'
                depth = 'photon_jobs_depth{queue="default",state="scheduled"} 1.0'
                return ended in page and depth in page

            until(has_all)
            with pytest.raises(urllib.error.HTTPError) as refused:
                read(port, "/jobs")
            assert refused.value.code == 404
            refused.value.close()
        finally:
            program.send_signal(signal.SIGTERM)
            assert program.wait(20) == 0
