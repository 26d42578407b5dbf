"""Every project that `photon new` makes runs, passes its tests and is clean, as it is.

The commands run in processes of their own, as a developer types them, without a network.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import attrs
import pytest

PHOTON = (sys.executable, "-m", "photon_cli")
CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
)
KINDS = ("api", "html", "minimal")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@attrs.frozen
class Folder:
    """A folder in which commands run.

    Attributes:
        path: The folder.
        variables: Variables of the environment besides those of this process.
    """

    path: Path
    variables: dict[str, str] = attrs.field(factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        names = ("PHOTON_ENV", "DATABASE_URL", "SECRET_KEY")
        inherited = {name: value for name, value in os.environ.items() if name not in names}
        return inherited | {"NO_COLOR": "1", "COLUMNS": "200"} | self.variables

    def run(self, *command: str) -> str:
        """Run a command that must succeed, and return its output."""
        done = self.attempt(*command)
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def attempt(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.path,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def photon(self, *arguments: str) -> str:
        return self.run(*PHOTON, *arguments)

    @contextmanager
    def serving(self, *options: str) -> Iterator[str]:
        """Serve the application by ``photon run`` on a free port, and return its URL."""
        command = [*PHOTON, *options, "run", "--port", "0"]
        process = subprocess.Popen(
            command,
            cwd=self.path,
            env=self.environment | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield announced_url(process)
        finally:
            process.terminate()
            assert process.wait(30) == 0
            assert process.stdout is not None
            process.stdout.close()


def announced_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError("".join(lines))


def get(url: str, accept: str = "text/html") -> tuple[int, str]:
    with urlopen(Request(url, headers={"accept": accept}), timeout=10) as response:
        return response.status, response.read().decode()


def new_project(folder: Path, *options: str, **variables: str) -> Folder:
    Folder(folder).photon("new", "my-shop", "--no-git", *options)
    return Folder(folder / "my-shop", variables)


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Folder], None]:
    """Check the code of a project; the types of libraries are read once for all tests."""
    cache = {"MYPY_CACHE_DIR": str(tmp_path_factory.mktemp("mypy"))}

    def check(project: Folder) -> None:
        for command in CHECKS:
            Folder(project.path, cache).run(sys.executable, "-m", *command)

    return check


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("database", ["sqlite", "none"])
def test_a_new_project_is_clean_and_passes(
    tmp_path: Path, kind: str, database: str, check: Callable[[Folder], None]
) -> None:
    project = new_project(tmp_path, f"--{kind}", "--db", database)
    check(project)
    assert " passed" in project.photon("test", "-q", "-W", "error")
    if database != "none":
        project.photon("db", "migrate")
    with project.serving("-e", "development") as url:
        assert get(f"{url}/health")[0] == 200
        assert get(f"{url}/docs")[0] == 200
        if kind != "minimal":
            assert get(url)[0] == 200


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_project_with_postgresql_passes(
    tmp_path: Path, kind: str, empty_postgres_url: str, check: Callable[[Folder], None]
) -> None:
    project = new_project(
        tmp_path, f"--{kind}", "--db", "postgresql", DATABASE_URL=empty_postgres_url
    )
    check(project)
    assert " passed" in project.photon("test", "-q", "-W", "error")
    project.photon("db", "migrate")
    with project.serving("-e", "development") as url:
        assert get(f"{url}/ready")[0] == 200


def test_production_serves_here_and_refuses_to_start_without_its_variables(tmp_path: Path) -> None:
    project = new_project(tmp_path, "--html")
    project.photon("db", "migrate")
    with project.serving() as url:
        assert get(url)[0] == 200
    (project.path / ".env").unlink()  # as in a clone, or in the image
    refused = project.attempt(*PHOTON, "run", "--port", "0")
    assert refused.returncode != 0
    assert "SECRET_KEY" in refused.stderr
    secret = project.photon("secret").strip()
    with Folder(project.path, {"SECRET_KEY": secret}).serving() as url:
        assert get(url)[0] == 200


def test_the_commands_of_the_image_work(tmp_path: Path) -> None:
    """They are run as they are in the Dockerfile, except for pip and the port."""
    project = new_project(tmp_path, "--api")
    dockerfile = (project.path / "Dockerfile").read_text()
    listing = re.search(r'RUN python -c "(.*?)" >', dockerfile)
    assert listing is not None
    requirements = project.run(sys.executable, "-c", listing[1].replace("\\\\", "\\")).split()
    pyproject = tomllib.loads((project.path / "pyproject.toml").read_text())
    assert requirements == pyproject["project"]["dependencies"]
    probe = re.search(r'CMD \["python", "-c", "(.*?)"\]', dockerfile)
    assert probe is not None
    project.photon("db", "migrate")
    with project.serving() as url:
        project.run(sys.executable, "-c", probe[1].replace("http://127.0.0.1:8000", url))
