"""The databases under the applications: one PostgreSQL for the whole run, or a file of SQLite.

PostgreSQL is pinned to the core of the load, and has its defaults but for ``fsync``: the time of a
disk is not measured. SQLite syncs every commit.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench._servers import FOLDER
from bench._usage import read_usage
from bench.database._applications import POOL_SIZE, POSTGRESQL
from bench.errors import BenchError
from servers.postgres import run_postgres

_LOG_TAIL = 500  # characters


@dataclass(frozen=True, slots=True)
class BenchDatabase:
    """A database that is filled.

    Attributes:
        kind: ``postgresql`` or ``sqlite``.
        url: Its address.
        pid: The first process of its server; zero for none.
    """

    kind: str
    url: str
    pid: int = 0

    @property
    def cpu(self) -> float:
        """Seconds of CPU that the server has used."""
        return read_usage(self.pid).cpu if self.pid else 0.0

    def environ(self, url: str | None = None) -> Mapping[str, str]:
        """Return the variables of an application that uses it.

        Args:
            url: Another address of it.
        """
        return {"DATABASE_URL": url or self.url, "DATABASE_POOL_SIZE": str(POOL_SIZE)}


@contextmanager
def run_database(kind: str, core: int) -> Iterator[BenchDatabase]:
    """Run and fill a database for the time of a block.

    Args:
        kind: ``postgresql`` or ``sqlite``.
        core: The core of its server.

    Raises:
        BenchError: It cannot be filled.
    """
    if kind != POSTGRESQL:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # /tmp may be memory
            database = BenchDatabase(kind, f"sqlite:///{folder}/bench.db")
            _fill(database)
            yield database
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # inherited by the server
    try:
        with run_postgres() as server:
            os.sched_setaffinity(0, allowed)
            database = BenchDatabase(kind, server.url, server.pid)
            _fill(database)
            yield database
    finally:
        os.sched_setaffinity(0, allowed)


def _fill(database: BenchDatabase) -> None:
    done = subprocess.run(
        [sys.executable, "fill_database.py"],
        cwd=FOLDER,
        env={**os.environ, **database.environ()},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"the database cannot be filled: {done.stderr.strip()[-_LOG_TAIL:]}")
