"""The ways in which the tests are run: under Photon's patch, under gevent's, under none."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import attrs

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv" / "cpython-peers"


@attrs.frozen
class Subject:
    """One way to run a Python program.

    Attributes:
        name: As on the command line.
        command: What stands before the program's path.
    """

    name: str
    command: tuple[str, ...]


def subject(name: str) -> Subject:
    """Return the subject of that name, installing what it needs.

    Raises:
        ValueError: There is no such subject.
        subprocess.CalledProcessError: It could not be installed.
    """
    if name == "photon":
        return Subject(name, (sys.executable, "-m", "photon_runtime.patch"))
    if name == "plain":
        return Subject(name, (sys.executable,))
    if name == "gevent":
        return Subject(name, (str(_peers_python()), "-m", "gevent.monkey"))
    raise ValueError(f"{name!r} is none of photon, gevent and plain")


def _peers_python() -> Path:
    python = PEERS / "bin" / "python"
    if not python.exists():
        venv.create(PEERS, with_pip=True)
    check = subprocess.run([python, "-c", "import gevent"], capture_output=True, check=False)
    if check.returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", "gevent"], check=True)
    return python
