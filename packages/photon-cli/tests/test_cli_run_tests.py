from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from photon_cli.main import cli

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """
import os

def test_environment():
    print("in", os.environ["PHOTON_ENV"], os.getcwd())

def test_other():
    assert True
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "photon.toml").write_text("")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(TESTS)
    return tmp_path


def photon(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    own = {name for name in os.environ if name.startswith("PYTEST_")} - {"PYTEST_ADDOPTS"}
    environ = {name: text for name, text in os.environ.items() if name not in own}
    return subprocess.run(
        [sys.executable, "-m", "photon_cli", *arguments],
        cwd=folder,
        env=environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
def test_pytest_runs_in_the_root_in_the_environment_test(project: Path) -> None:
    result = photon(project / "tests", "test", "-s", "-q", PHOTON_ENV="production")
    assert result.returncode == 0
    assert f"in test {project}" in result.stdout
    assert "2 passed" in result.stdout


@pytest.mark.slow
def test_arguments_go_to_pytest_and_paths_are_those_of_the_current_folder(project: Path) -> None:
    result = photon(
        project / "tests", "test", "-s", "-e", "ci", "test_it.py::test_environment", "-vv"
    )
    assert f"in ci {project}" in result.stdout
    assert "1 passed" in result.stdout


@pytest.mark.slow
def test_the_exit_code_is_that_of_pytest(project: Path) -> None:
    (project / "tests" / "test_it.py").write_text("def test_it(): assert False\n")
    assert photon(project, "test").returncode == 1
    assert photon(project, "test", "--no-such-option").returncode == 4
    assert photon(project, "test", "-k", "nothing").returncode == 5


def test_without_pytest_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = CliRunner().invoke(cli, ["test"])
    assert result.exit_code == 1
    assert "python -m pip install pytest" in result.output


@pytest.mark.slow
def test_outside_of_a_project_tests_have_to_be_named(project: Path) -> None:
    (project / "photon.toml").unlink()
    (project / "tests" / "test_it.py").write_text("def test_it(): open('ran', 'w')")
    for arguments in ([], ["-q"]):
        result = photon(project, "test", *arguments)
        assert result.returncode == 1
        assert f"there is no photon.toml in {project} or above" in result.stderr
        assert not (project / "ran").exists()
    assert photon(project, "test", "-q", "tests").returncode == 0
    assert (project / "ran").exists()
