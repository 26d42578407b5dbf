from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from photon_cli import _doctor
from photon_cli._doctor import doctor
from photon_runtime import speedups
from photon_runtime.project import Project
from photon_runtime.speedups import Status

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

APPLICATION = """
import contextlib

class App:
    @contextlib.contextmanager
    def start(self, *, development=False):
        yield lambda request: None

app = App()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photon.toml").write_text("[project]\napp = 'main:app'\n[server]\nport = 0\n")
    (tmp_path / "main.py").write_text(APPLICATION)
    return tmp_path


def findings(environment: str = "development") -> tuple[int, dict[str, tuple[str, str]]]:
    project = Project.here(environment=environment)
    result = CliRunner().invoke(doctor, ["--json"], obj=project)
    listed = json.loads(result.output)
    return result.exit_code, {each["name"]: (each["status"], each["message"]) for each in listed}


def test_a_sound_project_passes_in_lines_and_in_json(project: Path) -> None:
    code, found = findings()
    assert code == 0
    assert {
        name: status for name, (status, _) in found.items() if name not in {"tools", "speedups"}
    } == dict.fromkeys(
        [
            *("versions", "settings", "secrets", "port", "application", "patch", "start"),
            *("libraries", "generated"),
        ],
        "ok",
    )
    output = CliRunner().invoke(doctor, obj=Project.here()).output
    assert "✓ start: the application starts\n" in output


@pytest.mark.parametrize(
    ("status", "finding"),
    [
        (Status(is_used=True, version="0.1.0"), ("ok", "photon-speedups 0.1.0 is used")),
        (
            Status(is_used=False, reason="it is not installed"),
            ("ok", "photon-speedups is not used: it is not installed"),
        ),
        (
            Status(is_used=False, reason="it needs epoll", version="0.1.0"),
            ("warning", "photon-speedups is not used: it needs epoll"),
        ),
    ],
    ids=["used", "not installed", "installed and not used"],
)
def test_the_module_in_c_is_named_with_the_reason_why_it_is_not_used(
    project: Path, monkeypatch: pytest.MonkeyPatch, status: Status, finding: tuple[str, str]
) -> None:
    monkeypatch.setattr(speedups, "status", lambda: status)
    assert findings()[1]["speedups"] == finding


def test_a_library_that_waits_in_c_is_named_with_its_remedy(project: Path) -> None:
    (project / "pyodbc.py").write_text("def connect(): ...\n")
    (project / "main.py").write_text(f"import pyodbc\n{APPLICATION}")
    code, found = findings()
    assert code == 0
    status, message = found["libraries"]
    assert status == "warning"
    assert message.startswith("pyodbc waits in C")
    assert "offload" in message


def test_an_application_that_does_not_load_or_start_is_shown_with_its_error(project: Path) -> None:
    (project / "main.py").write_text("1 / 0\n")
    code, found = findings()
    assert code == 1
    assert "ZeroDivisionError" in found["application"][1]
    (project / "main.py").write_text(APPLICATION.replace("yield", "raise OSError('no');yield"))
    code, found = findings()
    assert code == 1
    assert found["start"][0] == "failed"


def test_an_application_that_never_comes_back_is_ended(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_doctor, "_PATIENCE", 0.5)
    (project / "main.py").write_text("while True: pass\n")
    code, found = findings()
    assert code == 1
    assert "within 0.5 s" in found["application"][1]


def test_invalid_settings_and_a_port_in_use_fail(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (project / "photon.toml").write_text(
            f"[project]\napp = 'main:app'\n[server]\nport = {port}\n"
        )
        code, found = findings()
    assert (code, found["port"][0]) == (1, "failed")
    (project / "photon.toml").write_text("[server]\nprot = 1\n")
    code, found = findings()
    assert (code, found["settings"][0]) == (1, "failed")


def test_weak_secrets_and_switches_of_development_fail_in_production(project: Path) -> None:
    with (project / "photon.toml").open("a") as file:
        file.write("[app]\napi_token = 'changeme'\ndebug = true\n")
    assert findings()[1]["secrets"][0] == "warning"
    code, found = findings("production")
    assert code == 1
    assert found["secrets"][0] == "failed"
    assert "changeme" not in found["secrets"][1]
    assert "app.debug (photon.toml:7)" in found["production"][1]


def test_a_switch_about_tokens_is_not_a_weak_secret(project: Path) -> None:
    with (project / "photon.toml").open("a") as file:
        file.write("[app]\nrequire_token = 'forms'\n")
    assert findings("production")[1]["secrets"][0] == "ok"


def test_a_process_that_the_application_leaves_running_does_not_count(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_doctor, "_PATIENCE", 10.0)
    left = "import subprocess\nsubprocess.Popen(['sleep', '15'])\n"
    (project / "main.py").write_text(left + APPLICATION)
    code, found = findings()
    assert (code, found["start"][0]) == (0, "ok")


def test_an_environment_without_a_file_is_a_warning(project: Path) -> None:
    code, found = findings("prodution")
    assert (code, found["settings"][0]) == (0, "warning")
    assert "config/prodution.toml" in found["settings"][1]
    (project / "config").mkdir()
    (project / "config" / "staging.toml").write_text("")
    assert findings("staging")[1]["settings"] == ("ok", "valid for staging")
