from __future__ import annotations

import json
import platform
from importlib.metadata import version as version_of

from click.testing import CliRunner

from photon_cli._version import version
from photon_cli.main import cli


def test_the_installed_photon_packages_and_python_are_listed() -> None:
    lines = CliRunner().invoke(version).output.splitlines()
    found = dict(line.split() for line in lines)
    assert found["photon-cli"] == version_of("photon-cli")
    assert list(found)[-1] == "python"
    assert found["python"] == platform.python_version()


def test_machines_get_the_same_as_json() -> None:
    found = json.loads(CliRunner().invoke(version, ["--json"]).output)
    assert found["photon-runtime"] == version_of("photon-runtime")


def test_the_version_option_is_short() -> None:
    output = CliRunner().invoke(cli, ["--version"]).output
    assert output == f"photon {version_of('photon-cli')}\n"
