"""Which way a server of Photon runs: with photon-speedups, or in Python alone.

Photon itself is asked, in a process with the environment of the server. A server that should run
with the module and does not, or the other way round, is an error: its figures would stand in
the row of the other one.
"""

import functools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from bench._servers import FOLDER, Server
from bench.errors import BenchError

# The application is imported first: a class that the module does not fit is noticed there.
_STATUS = """
import importlib.util, json
import photon_app
from photon_runtime.speedups import status
found = status()
has_file = importlib.util.find_spec("photon_speedups") is not None and (
    importlib.util.find_spec("photon_speedups._native") is not None
)
is_installed = has_file or found.version is not None
print(json.dumps([is_installed, found.is_used, found.reason, found.version]))
"""


@dataclass(frozen=True, slots=True)
class Way:
    """How Photon runs in an environment.

    Attributes:
        is_installed: Whether photon-speedups is there, as a distribution or in place.
        is_used: Whether Photon runs with it.
        reason: Why not, or an empty string.
        version: That of photon-speedups, where it is used.
    """

    is_installed: bool
    is_used: bool
    reason: str
    version: str | None

    def __str__(self) -> str:
        """Write it for the report."""
        if self.is_used:
            return f"photon-speedups {self.version or 'in place'}"
        return f"Python ({self.reason})" if self.reason else "Python"


def way_of(server: Server) -> Way | None:
    """Find out how a server runs, and hold it against what its row claims.

    Returns:
        None for a peer.

    Raises:
        BenchError: It runs the other way, or Photon could not be asked.

    Blocks: for the start of a Python process.
    """
    if server.speedups is None:
        return None
    way = _ask(tuple(sorted(server.environ.items())))
    check_way(server.name, way, wants_speedups=server.speedups)
    return way


def check_way(name: str, way: Way, *, wants_speedups: bool) -> None:
    """Compare how a server runs with what its row claims.

    Raises:
        BenchError: They differ. Python where photon-speedups is not installed is what was wanted.
    """
    if wants_speedups and way.is_installed and not way.is_used:
        raise BenchError(
            f"photon-speedups is installed and {name} does not use it: {way.reason}; "
            f"compile it, remove it, or measure the servers whose names end in -python"
        )
    if not wants_speedups and way.is_used:
        raise BenchError(f"{name} must run in Python alone, and uses photon-speedups {way.version}")


@functools.cache
def _ask(environ: tuple[tuple[str, str], ...]) -> Way:
    variables: Mapping[str, str] = {**os.environ, **dict(environ)}
    done = subprocess.run(
        [sys.executable, "-c", _STATUS],
        cwd=FOLDER,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"Photon does not tell how it runs: {done.stderr.strip()[-300:]}")
    return Way(*json.loads(done.stdout))
