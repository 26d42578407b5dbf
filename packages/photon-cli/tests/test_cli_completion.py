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


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_calls_photon(shell: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell], prog_name="photon")
    assert result.exit_code == 0
    assert f"_PHOTON_COMPLETE={shell}_complete" in result.output


def test_another_shell_is_refused_with_the_choice() -> None:
    result = CliRunner().invoke(cli, ["completion", "tcsh"])
    assert result.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in result.output


def complete(folder: Path, *words: str) -> str:
    script = (
        "import sys; from photon_cli.main import main\n"
        "try: main()\n"
        "finally: print([name for name in ('main', 'photon_runtime', 'photon_lifeguard', 'attrs')"
        " if name in sys.modules])"
    )
    environ = os.environ | {
        "_PHOTON_COMPLETE": "zsh_complete",
        "COMP_WORDS": " ".join(["photon", *words]),
        "COMP_CWORD": str(len(words)),
    }
    command = [sys.executable, "-c", script]
    result = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=30, check=False
    )
    return result.stdout


def test_commands_are_completed_with_their_descriptions_and_without_imports(
    tmp_path: Path,
) -> None:
    (tmp_path / "photon.toml").write_text("[project]\napp = 'main:app'\n")
    (tmp_path / "main.py").write_text("raise SystemExit('imported')\n")
    output = complete(tmp_path, "ro")
    assert "plain\nroutes\nList the routes of the application" in output
    assert output.endswith("[]\n")


def test_commands_beside_generators_are_completed(tmp_path: Path) -> None:
    assert "plain\noverride\n" in complete(tmp_path, "generate", "over")


def test_options_of_a_command_are_completed_without_the_application(tmp_path: Path) -> None:
    (tmp_path / "photon.toml").write_text("[project]\napp = 'main:app'\n")
    (tmp_path / "main.py").write_text("raise SystemExit('imported')\n")
    output = complete(tmp_path, "routes", "--")
    assert "--json" in output
    assert "--environment" in output
    assert "'main'" not in output
