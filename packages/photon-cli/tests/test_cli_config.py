from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from photon_cli.main import cli

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("PHOTON_ENV", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "photon.toml").write_text(
        "[server]\nport = 8123\n[app]\napi_key = 'hunter2'\nurl = 'redis://:hunter2@h'\n"
    )
    return tmp_path


def photon(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["config", *arguments], prog_name="photon")


def test_a_section_is_shown_with_values_and_sources() -> None:
    output = photon("show", "server").output
    rows = {line.split()[0]: line.split()[1:] for line in output.splitlines()}
    assert rows["port"] == ["8123", "photon.toml:2"]
    assert rows["host"] == ['"127.0.0.1"', "default"]
    assert "hunter2" not in output
    assert "api_key" not in output


def test_secrets_are_masked_in_both_forms() -> None:
    assert "hunter2" not in photon("show").output
    found = json.loads(photon("show", "--json").output)
    by_name = {each["name"]: each for each in found}
    assert by_name["app.api_key"] == {
        "name": "app.api_key",
        "value": "********",
        "source": "photon.toml:4",
        "secret": True,
    }
    assert by_name["app.url"]["value"] == "redis://:********@h"


def test_an_unknown_section_suggests_the_nearest() -> None:
    result = photon("show", "servr")
    assert result.exit_code == 2
    assert "there are no settings [servr]; did you mean `server`?" in result.output


def test_invalid_settings_are_shown_and_are_an_error(project: Path) -> None:
    (project / "photon.toml").write_text("[server]\nport = 'x'\n")
    result = photon("show", "server")
    assert result.exit_code == 1
    assert "photon.toml:2" in result.output
    assert photon("check").exit_code == 1


def test_check_names_the_environment_and_what_it_cannot_check(project: Path) -> None:
    valid = "the settings for test are valid"
    assert photon("check", "-e", "test").output == f"{valid}; [app] is checked by photon check\n"
    (project / "photon.toml").write_text("[server]\nport = 8123\n")
    assert photon("check", "-e", "test").output == f"{valid}\n"


def test_output_has_colours_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    def colored() -> str:
        return CliRunner().invoke(cli, ["config", "show", "app"], color=True).output

    assert "\x1b[" not in photon("show", "app").output
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in colored()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in colored()
