from pathlib import Path

import pytest

from photon_runtime._env_file import read_env_file
from photon_runtime.errors import SettingsError
from photon_runtime.project import Project

TEXT = """\
# of this machine
SECRET_KEY=a=b # c

export URL = postgresql://user:p'w@host/name
SINGLE='two words'
DOUBLE=" kept "
EMPTY=
QUOTED=''
"""


def test_variables_have_their_values_without_quotes(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(TEXT)
    assert read_env_file(tmp_path / ".env") == {
        "SECRET_KEY": "a=b # c",
        "URL": "postgresql://user:p'w@host/name",
        "SINGLE": "two words",
        "DOUBLE": " kept ",
        "EMPTY": "",
        "QUOTED": "",
    }


def test_a_missing_file_has_no_variables(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / ".env") == {}


@pytest.mark.parametrize("line", ["secret", "A B=hidden", "A='hidden", '"A"=hidden', "1A=hidden"])
def test_an_invalid_line_is_an_error_without_its_value(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"A=1\n{line}\n")
    with pytest.raises(SettingsError, match=r"\.env:2: a line is NAME=value") as caught:
        read_env_file(tmp_path / ".env")
    assert "hidden" not in str(caught.value)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose section [app] refers to two variables, one of which is set."""
    (tmp_path / "photon.toml").write_text(
        '[app]\nkey = "${ENV_FILE_KEY:-}"\nset = "${ENV_FILE_SET}"'
    )
    (tmp_path / ".env").write_text("ENV_FILE_KEY=file\nENV_FILE_SET=file\n")
    monkeypatch.setenv("ENV_FILE_KEY", "")  # so that it is removed again after the test
    monkeypatch.delenv("ENV_FILE_KEY")
    monkeypatch.setenv("ENV_FILE_SET", "environment")
    return Project(tmp_path, tmp_path)


def test_the_settings_of_a_project_use_its_file_and_variables_take_precedence(
    project: Project,
) -> None:
    assert project.settings.section("app", dict) == {"key": "file", "set": "environment"}


def test_tests_do_not_use_the_file(project: Project) -> None:
    tests = project.defaulting_to("test")
    assert tests.settings.section("app", dict) == {"key": "", "set": "environment"}
