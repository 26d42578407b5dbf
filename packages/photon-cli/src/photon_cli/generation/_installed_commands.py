"""Commands of other packages, for generators that need to know something from them."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from photon_runtime.project import Project


def run_command(
    project: Project, *arguments: str, timeout: float = 60
) -> subprocess.CompletedProcess[str] | None:
    """Run a command of an installed package in a process of its own, with its output captured.

    Args:
        project: The project; the command runs in its folder and environment.
        arguments: The command and its arguments, as in ``"db", "status", "--json"``.
        timeout: The seconds after which it is killed.

    Returns:
        The finished process; ``None`` if no package offers the command.

    Raises:
        subprocess.TimeoutExpired: The command did not end in time.

    Blocks: the calling thread, until the command has ended.
    """
    if not any(each.name == arguments[0] for each in entry_points(group="photon.commands")):
        return None
    return subprocess.run(
        [sys.executable, "-m", "photon_cli", *arguments],
        cwd=project.root or project.directory,
        env=os.environ | {"PHOTON_ENV": project.environment, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
