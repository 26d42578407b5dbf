"""``photon scheduler``: it fires schedules beside workers, and lists them."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

APPLICATION = """
from photon import Photon, schedule

app = Photon(title="Shop", version="1")


@schedule("every second", name="sweep")
def sweep() -> None: ...


@schedule("every day at 9:30", timezone="Asia/Kolkata")
def report() -> None: ...
"""
PROGRAM = (
    "from photon_tasks._cli.scheduler import scheduler; "
    "from photon_runtime.project import Project; scheduler(obj=Project.here())"
)


@pytest.mark.slow
def test_the_command_fires_schedules_until_it_is_stopped_and_lists_them(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APPLICATION)
    (tmp_path / "photon.toml").write_text(
        '[project]\nname = "shop"\napp = "shop:app"\n[tasks]\nurl = "sqlite:///jobs.db"\n'
    )
    command = [sys.executable, "-c", PROGRAM]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        line = process.stdout.readline()
        assert line.startswith("shop fires 2 schedules (production); store sqlite:///jobs.db")
        time.sleep(3.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    listed = subprocess.run(
        [*command, "--list"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert listed.returncode == 0, listed.stderr
    head, report, sweep = listed.stdout.splitlines()
    assert head.split()[:2] == ["NAME", "TEXT"]
    assert "every day at 9:30" in report
    assert "09:30:00" in report
    assert "04:00:00  -  " in report  # 9:30 in UTC, and it has not fired
    assert sweep.startswith("sweep")
    assert "  -  " not in sweep  # it has fired
