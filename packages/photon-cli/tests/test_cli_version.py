from __future__ import annotations

import json
import platform
from importlib.metadata import version as version_of

import pytest
from click.testing import CliRunner

from photon_cli._version import version
from photon_cli.main import cli
from photon_runtime import speedups
from photon_runtime.speedups import Status

USED = Status(is_used=True, version="0.1.0")
NOT_USED = Status(is_used=False, reason="it is not installed")


def test_the_installed_photon_packages_and_python_are_listed() -> None:
    lines = CliRunner().invoke(version).output.splitlines()
    found = dict(line.split(maxsplit=1) for line in lines)
    assert found["photon-cli"] == version_of("photon-cli")
    assert list(found)[-2:] == ["python", "speedups"]
    assert found["python"] == platform.python_version()


def test_machines_get_the_same_as_json() -> None:
    found = json.loads(CliRunner().invoke(version, ["--json"]).output)
    assert found["photon-runtime"] == version_of("photon-runtime")


@pytest.mark.parametrize(
    ("status", "line"), [(USED, "used"), (NOT_USED, "not used: it is not installed")]
)
def test_the_module_in_c_is_listed_with_the_reason_why_it_is_not_used(
    monkeypatch: pytest.MonkeyPatch, status: Status, line: str
) -> None:
    monkeypatch.setattr(speedups, "status", lambda: status)
    last = CliRunner().invoke(version).output.splitlines()[-1]
    assert last.split(maxsplit=1) == ["speedups", line]
    found = json.loads(CliRunner().invoke(version, ["--json"]).output)
    assert found["speedups"] == {"is_used": status.is_used, "reason": status.reason}


def test_the_version_option_is_short() -> None:
    output = CliRunner().invoke(cli, ["--version"]).output
    assert output == f"photon {version_of('photon-cli')}\n"
