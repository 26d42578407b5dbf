"""Every project that `photon new` makes runs, passes its tests and is clean, as it is.

The commands run in processes of their own, as a developer types them, without a network.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from project_folder import PHOTON, Folder

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
)
KINDS = ("api", "html", "minimal")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def get(url: str, accept: str = "text/html") -> tuple[int, str]:
    with urlopen(Request(url, headers={"accept": accept}), timeout=10) as response:
        return response.status, response.read().decode()


def new_project(folder: Path, *options: str, **variables: str) -> Folder:
    Folder(folder).photon("new", "my-shop", "--no-git", *options)
    return Folder(folder / "my-shop", variables)


def check(project: Folder) -> None:
    for command in CHECKS:
        project.run(sys.executable, "-m", *command)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("database", ["sqlite", "none"])
def test_a_new_project_is_clean_and_passes(tmp_path: Path, kind: str, database: str) -> None:
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
    tmp_path: Path, kind: str, empty_postgres_url: str
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
