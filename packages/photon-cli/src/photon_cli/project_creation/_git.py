"""The git repository of a new project."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT = 30.0


def start_repository(folder: Path, *, target: Path) -> str:
    """Make a folder a git repository without a commit, and describe the result in one line.

    It never fails: a project does not need git. A folder inside of a repository stays part of it.

    Args:
        folder: The folder with the files.
        target: The path that it will have.

    Blocks: while git runs.
    """
    for parent in (target, *target.parents):
        if (parent / ".git").exists():
            return f"git: the project is in the repository {parent}; none was created"
    git = shutil.which("git")
    if git is None:
        return "git: it is not installed; no repository was created"
    command = [git, "-c", "init.defaultBranch=main", "init", "--quiet", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"git: no repository was created: {error}"
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        shutil.rmtree(folder / ".git", ignore_errors=True)
        return f"git: no repository was created: {reason[-1]}"
    return "git: a repository was created, without a commit"
