"""Packages that add a command or a generator need photon_runtime and nothing of photon_cli.

The toy packages beside this file are found by their entry points without being installed: what
``pip install`` would write is written into a folder on ``PYTHONPATH``.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

HERE = Path(__file__).parent
MAIN = """\
from time import sleep


def app(request):
    sleep(1)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose application sleeps, called twice by each worker."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "main.py").write_text(MAIN)
    (folder / "photon.toml").write_text(
        "[project]\napp = 'main:app'\n[log]\nformat = 'json'\n[toy]\ncalls = 2\n"
    )
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Make the environment in which a toy package is found."""

    def found(name: str) -> dict[str, str]:
        site = tmp_path / "site"
        table = tomllib.loads((HERE / name / "pyproject.toml").read_text())["project"]
        shutil.copytree(HERE / name / name, site / name)
        info = site / f"{name}-{table['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {table['name']}\nVersion: {table['version']}\n"
        )
        lines = []
        for group, entries in table["entry-points"].items():
            lines += [f"[{group}]", *(f"{key} = {value}" for key, value in entries.items())]
        (info / "entry_points.txt").write_text("\n".join(lines))
        rest = {key: text for key, text in os.environ.items() if not key.startswith("PHOTON_")}
        path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
        return rest | {"PYTHONPATH": path}

    return found


class Worker:
    """A supervisor that runs, and what its workers log."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.other: list[str] = []

    def events(self, message: str, count: int) -> list[dict[str, object]]:
        """Read on until a message was logged so many times."""
        assert self.process.stderr is not None
        found: list[dict[str, object]] = []
        while len(found) < count:
            line = self.process.stderr.readline()
            assert line, f"it ended: {self.other}"
            if line.startswith("{"):
                event = json.loads(line)
                if event["message"] == message:
                    found.append(event)
            else:
                self.other.append(line)
        return found

    def pids(self, message: str, count: int) -> set[int]:
        """Read on as `events`; return who logged it."""
        return {int(str(event["pid"])) for event in self.events(message, count)}


@pytest.fixture
def start(
    environment: Callable[[str], dict[str, str]], project: Path
) -> Iterator[Callable[..., Worker]]:
    """Start ``photon toy-worker``."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> Worker:
        process = subprocess.Popen(
            [sys.executable, "-m", "photon_cli", "toy-worker", *arguments],
            cwd=project,
            env=environment("toy_worker"),
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return Worker(process)

    yield start
    for process in started:
        process.kill()
        process.wait()
        stderr: IO[str] | None = process.stderr
        assert stderr is not None
        stderr.close()


@pytest.mark.parametrize("name", ["toy_worker", "toy_generator"])
def test_the_toy_packages_import_nothing_of_photon_but_public_modules_of_the_runtime(
    name: str,
) -> None:
    imported = {
        module
        for path in (HERE / name).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for module in _modules(node)
        if module.startswith("photon")
    }
    assert imported
    for module in imported:
        assert module.partition(".")[0] == "photon_runtime"
        assert "._" not in module


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []


@pytest.mark.slow
def test_a_worker_command_runs_under_the_supervisor(start: Callable[..., Worker]) -> None:
    worker = start("--worker-timeout", "30")
    ready = worker.events("ready", 2)
    assert all(1 <= float(str(event["seconds"])) < 1.9 for event in ready)  # patched: at once
    assert ready[0]["logger"] == "toy"
    first = {int(str(event["pid"])) for event in ready}
    assert len(first) == 2

    killed, survivor = first
    os.kill(killed, signal.SIGKILL)
    [successor] = worker.pids("ready", 1)
    assert f"(pid {killed}) was killed by signal 9" in "".join(worker.other)

    worker.process.send_signal(signal.SIGHUP)
    replaced = worker.pids("ready", 2)
    assert replaced.isdisjoint({*first, successor})

    worker.process.send_signal(signal.SIGTERM)
    stopped = worker.pids("stopped", 2)
    assert worker.process.wait(20) == 0
    assert worker.process.stderr is not None
    rest = [json.loads(line) for line in worker.process.stderr if line.startswith("{")]
    ended = stopped | {event["pid"] for event in rest if event["message"] == "stopped"}
    assert replaced <= ended
    assert killed not in ended
    assert survivor != successor


@pytest.mark.slow
def test_a_worker_whose_scheduler_is_blocked_is_replaced(
    start: Callable[..., Worker], project: Path
) -> None:
    blocking = "import os, threading\n\ndef app(request): ...\n"
    (project / "main.py").write_text(
        blocking + "from photon_runtime import spawn, sleep\n"
        "def block():\n    sleep(0.2)\n    while True: pass\n"
        "def app(request):\n    spawn(block)\n"
    )
    worker = start("--processes", "1", "--worker-timeout", "1.5")
    [first] = worker.pids("ready", 1)
    [second] = worker.pids("ready", 1)
    assert first != second
    assert "has given no sign of life for 1.5 s and is killed" in "".join(worker.other)


@pytest.mark.slow
def test_an_application_that_cannot_be_loaded_ends_a_worker_command_with_one_message(
    start: Callable[..., Worker], project: Path
) -> None:
    (project / "main.py").write_text("import mising_module\n")
    worker = start()
    assert worker.process.wait(30) == 3
    assert worker.process.stderr is not None
    text = worker.process.stderr.read()
    assert text.count("Error: importing `main` failed:") == 1
    assert "No module named 'mising_module'" in text


@pytest.mark.slow
def test_the_section_of_a_foreign_package_is_checked_with_all_others(
    start: Callable[..., Worker], project: Path
) -> None:
    (project / "photon.toml").write_text("[toy]\ncals = 2\n[server]\nport = 'x'\n")
    worker = start()
    assert worker.process.wait(30) == 1
    assert worker.process.stderr is not None
    text = worker.process.stderr.read()
    assert "2 problems in the settings:" in text
    assert "[toy] has no key `cals`; did you mean `calls`?" in text


TOYS = "toys = []\n"
SETTINGS = "# all of it\n[app]\ncolour = 'red'  # for now\n"


def test_a_generator_of_another_package_generates_and_destroys(
    environment: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "main.py").write_text(TOYS)
    (folder / "photon.toml").write_text(SETTINGS)
    variables = environment("toy_generator")

    def photon(*arguments: str, exit_code: int = 0) -> list[str]:
        command = [sys.executable, "-m", "photon_cli", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == exit_code, done.stderr
        return (done.stdout + done.stderr).splitlines()

    generate = ("generate", "toy", "robot", "arm", "leg", "--switched-on")
    assert photon(*generate) == [
        "added: toys/robot.py",
        "injected: main.py",
        "injected: photon.toml",
        "next: import toys.robot",
    ]
    assert (folder / "toys" / "robot.py").read_text() == (
        'NAME = "robot"\nPARTS = (\n    "arm",\n    "leg",\n)\n'
    )
    assert (folder / "main.py").read_text() == "from toys import robot\n\ntoys = [robot]\n"
    assert tomllib.loads((folder / "photon.toml").read_text())["app"]["toys"] == {"robot": True}
    assert (folder / "photon.toml").read_text().startswith(SETTINGS)
    assert {line.partition(":")[0] for line in photon(*generate)} == {"skipped"}

    assert photon("generate", "override", "toy") == ["added: .photon/templates/toy/toy.py.jinja"]
    (folder / ".photon" / "templates" / "toy" / "toy.py.jinja").write_text("# [[ name ]]\n")
    photon("generate", "toy", "ball")
    assert (folder / "toys" / "ball.py").read_text() == "# ball\n"
    photon("destroy", "toy", "ball")

    (folder / "robot.lock").touch()
    assert photon("destroy", "toy", "robot", exit_code=1)[-1] == "    remove robot.lock first"
    (folder / "robot.lock").unlink()
    shutil.rmtree(folder / ".photon" / "templates")
    assert photon("destroy", "toy", "robot")[0] == "removed: photon.toml (the inserted code)"
    assert sorted(path.name for path in folder.iterdir()) == [".photon", "main.py", "photon.toml"]
    assert (folder / "main.py").read_text() == TOYS
    assert (folder / "photon.toml").read_text() == SETTINGS
