"""Fixtures of the tests of libraries."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from library_programs import PROGRAMS, SLOW


@pytest.fixture(scope="module")
def slow_url() -> Iterator[str]:
    """The URL of a slow HTTP server in a process of its own, which is not patched."""
    with subprocess.Popen(
        [sys.executable, PROGRAMS / "slow_server.py", str(SLOW)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.communicate(timeout=10)
