"""Test databases of SQLite: each test gets a file of its own, a copy of an image.

Theory of operation. The image is a database with all tables and nothing in its log. It is made once
and stays in memory; a test database is a file that is written from it, in memory where the
operating system has a file system for that. A file behaves exactly as in production: several
connections, readers beside a writer, its locks. A database without a file (``memdb``) does not, and
copying into one takes longer.

The folder of a process is locked while the process lives. The next process removes the folders that
are not locked: those of processes that were killed.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

from .._database_settings import DatabaseSettings
from ..database import Database
from ._schema import Schema, create_schema

_PREFIX = "photon-test-databases-"
_LOCK = "lock"
_SHARED_MEMORY = Path("/dev/shm")


class SqliteDatabases:
    """The test databases of one process.

    Args:
        schema: What makes the tables.
        settings: Settings of the database; the address is replaced.
        project: Folder of the project.
    """

    def __init__(self, schema: Schema, settings: DatabaseSettings, project: Path | None) -> None:
        """Make the image.

        Blocks: the calling thread.
        """
        # Nothing needs to survive a loss of power.
        self._settings = attrs.evolve(settings, replicas=(), synchronous="normal")
        self._project = project
        self._folder = _LockedFolder()
        self._numbers = itertools.count(1)
        try:
            self._image = self._new_image(schema)
        except BaseException:
            self.close()
            raise

    def _new_image(self, schema: Schema) -> bytes:
        path = self._folder.path / "image.db"
        database = Database(self._settings_of(path), folder=self._project)
        try:
            create_schema(database, schema)
            with database.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").close()
        finally:
            database.close()
        return path.read_bytes()

    def _settings_of(self, path: Path) -> DatabaseSettings:
        return attrs.evolve(self._settings, url=f"sqlite:///{path}")

    @contextmanager
    def fresh(self) -> Iterator[DatabaseSettings]:
        """Yield the settings of a new database, which is removed at the end of the block."""
        path = self._folder.path / f"{next(self._numbers)}.db"
        path.write_bytes(self._image)
        try:
            yield self._settings_of(path)
        finally:
            for suffix in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):
                    os.unlink(f"{path}{suffix}")

    def close(self) -> None:
        """Remove the folder."""
        self._folder.close()


class _LockedFolder:
    """A folder that is locked while this process uses it."""

    def __init__(self) -> None:
        parent = _parent()
        _remove_unlocked(parent)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        self._lock = (self.path / _LOCK).open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _parent() -> Path:
    if _SHARED_MEMORY.is_dir() and os.access(_SHARED_MEMORY, os.W_OK | os.X_OK):
        return _SHARED_MEMORY
    return Path(tempfile.gettempdir())


def _remove_unlocked(parent: Path) -> None:
    """Remove the folders of processes that have ended."""
    for folder in parent.glob(f"{_PREFIX}*"):
        # A folder without a lock is being made, or belongs to another user.
        with suppress(OSError), (folder / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
