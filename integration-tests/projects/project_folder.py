"""A folder in which commands run, each in a process of its own, as a developer types them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

PHOTON = (sys.executable, "-m", "photon_cli")


@attrs.frozen
class Folder:
    """A folder in which commands run.

    Attributes:
        path: The folder.
        variables: Variables of the environment besides those of this process.
    """

    path: Path
    variables: dict[str, str] = attrs.field(factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the commands."""
        names = ("PHOTON_ENV", "DATABASE_URL", "SECRET_KEY")
        inherited = {name: value for name, value in os.environ.items() if name not in names}
        return inherited | {"NO_COLOR": "1", "COLUMNS": "200"} | self.variables

    def run(self, *command: str) -> str:
        """Run a command that must succeed, and return its output."""
        done = self.attempt(*command)
        shown = f"{shlex.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.returncode == 0, shown
        return done.stdout + done.stderr

    def attempt(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command that may fail."""
        return subprocess.run(
            command,
            cwd=self.path,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def photon(self, *arguments: str) -> str:
        """Run a command of ``photon`` that must succeed, and return its output."""
        return self.run(*PHOTON, *arguments)

    @contextmanager
    def serving(self, *options: str) -> Iterator[str]:
        """Serve the application by ``photon run`` on a free port, and return its URL."""
        command = [*PHOTON, *options, "run", "--port", "0"]
        process = subprocess.Popen(
            command,
            cwd=self.path,
            env=self.environment | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            try:
                yield announced_url(process)
            finally:
                process.terminate()
        assert process.returncode == 0


def announced_url(process: subprocess.Popen[str]) -> str:
    """Wait until a server prints its URL."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError("".join(lines))
