"""The environment has one meaning for all commands, and only one of them is for development."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from photon_cli._environment import with_environment_option
from photon_cli.main import cli
from photon_runtime.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

APPLICATION = """
    import os
    from photon import Photon

    app = Photon(title="Shop", version="1")

    @app.get(f"/{os.environ['PHOTON_ENV']}")
    def read() -> str:
        return ""
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "photon.toml").write_text("[project]\napp = 'envapp:app'\n")
    (tmp_path / "envapp.py").write_text(textwrap.dedent(APPLICATION))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOTON_ENV", "")  # commands set it
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture
def photon(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    def photon(*arguments: str) -> Result:
        monkeypatch.delitem(sys.modules, "envapp", raising=False)
        return CliRunner().invoke(cli, arguments, prog_name="photon")

    return photon


@pytest.mark.parametrize("option", ["-e", "--environment", "--env"])
@pytest.mark.parametrize("is_before", [True, False])
def test_the_option_is_accepted_before_and_after_the_command(
    photon: Callable[..., Result], option: str, is_before: bool
) -> None:
    words = (option, "staging", "routes") if is_before else ("routes", option, "staging")
    result = photon(*words)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("[GET] /staging")


def test_the_option_of_a_command_below_a_command_counts(photon: Callable[..., Result]) -> None:
    assert photon("config", "check", "-e", "ci").output == "the settings for ci are valid\n"
    assert photon("config", "-e", "ci", "check").output == "the settings for ci are valid\n"
    assert photon("-e", "a", "config", "-e", "b", "check", "-e", "c").output.endswith(
        "for c are valid\n"
    )


def test_development_is_the_environment_of_that_name_and_no_other() -> None:
    project = Project.here()
    assert project.is_development
    assert not project.defaulting_to("production").is_development
    assert project.defaulting_to("production").in_environment("development").is_development
    for name in ("production", "test", "staging", "Development", "development2"):
        assert not project.in_environment(name).is_development


def test_middleware_are_those_of_the_environment(photon: Callable[..., Result]) -> None:
    assert "AccessLog" in photon("middleware").output
    assert "AccessLog" in photon("middleware", "-e", "development").output
    assert "AccessLog" not in photon("middleware", "-e", "production").output


def test_a_command_with_an_option_of_that_letter_keeps_it() -> None:
    @click.command()
    @click.option("-e", "expression")
    @click.pass_obj
    def command(project: Project, /, expression: str) -> None:
        click.echo(f"{expression} in {project.environment}")

    changed = with_environment_option(command)
    result = CliRunner().invoke(changed, ["-e", "1+1", "--environment", "test"], obj=Project.here())
    assert result.output == "1+1 in test\n"
    assert len(command.params) == 1
