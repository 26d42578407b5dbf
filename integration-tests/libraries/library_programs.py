"""The programs that use libraries: how a test runs one scenario of one of them.

Each scenario runs in an interpreter of its own, because a process is patched once and for all,
before it imports anything else. A program checks and measures itself, and prints what it found.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parent / "programs"
SLOW = 0.3
"""Seconds of one call, by the doing of the server."""
MANY = list(range(20))
"""The calls at once: one after the other they would take 20 times `SLOW`."""


def found_by(program: str, scenario: str, url: str = "-", *, quiet: bool = True) -> dict[str, Any]:
    """Run a scenario of a program under the patch and return what it printed.

    Args:
        program: Name of the file.
        scenario: Name of the function.
        url: Address of the server that it uses.
        quiet: False if it may write to standard error.
    """
    done = subprocess.run(
        [sys.executable, "-m", "photon_runtime.patch", PROGRAMS / program, scenario, url],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not quiet or not done.stderr, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@contextmanager
def slow_server() -> Iterator[str]:
    """Yield the URL of a slow HTTP server in a process of its own, which is not patched."""
    with subprocess.Popen(
        [sys.executable, PROGRAMS / "slow_server.py", str(SLOW)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.communicate(timeout=10)
