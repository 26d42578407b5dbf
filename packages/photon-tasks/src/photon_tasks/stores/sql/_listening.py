"""`listen_to_postgresql`, `listen_to_sqlite`: wake-ups when jobs may have become queued.

Theory of operation. PostgreSQL notifies with the commit of the transaction that enqueues, over a
connection of its own: one of the pool would be missing there. A connection that has been silent is
asked whether the server is still there.

SQLite notifies nobody, so processes wake each other by datagrams after the commit; the addresses
are in a table, and come with the result of each insertion. Where a datagram does not arrive, the
listener looks at ``PRAGMA data_version`` once in `_POLL` seconds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

import photon_runtime as rt
from photon_runtime.wakeups import Wakeups

from ...errors import StoreUnavailable

CHANNEL: Final = "photon_jobs"
_POLL: Final = 1.0
_SILENCE: Final = 4.0
_ANSWER: Final = 4.0
_OPTIONS: Final = {
    "application_name": "photon jobs",
    "connect_timeout": 4,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
}


def listen_to_postgresql(engine: Engine, wake: Callable[[], object]) -> None:
    """Call ``wake`` for each notification.

    Raises:
        StoreUnavailable: The connection was lost.

    Blocks: the calling task, until it is cancelled.
    """
    from photon_runtime.drivers import psycopg as driver

    _, options = engine.dialect.create_connect_args(engine.url)
    connection = None
    notified: list[object] = []
    try:
        connection = driver.Connection.connect(**{**_OPTIONS, **options}, autocommit=True)
        connection.add_notify_handler(notified.append)
        with rt.deadline(_ANSWER):
            connection.execute(f"LISTEN {CHANNEL}")
        wake()
        while True:
            received = driver.receive_notifications(connection, _SILENCE)
            if not received:
                with rt.deadline(_ANSWER):
                    connection.execute("SELECT 1")
            if received or notified:
                notified.clear()
                wake()
    except driver.OperationalError as error:
        raise StoreUnavailable(f"postgresql: {str(error).strip()}") from error
    except rt.DeadlineExceeded as error:
        raise StoreUnavailable("postgresql: the server does not answer") from error
    finally:
        if connection is not None:
            connection.close()


class SqliteListener:
    """Wakes the tasks of this process that wait for jobs in a file.

    Args:
        engine: An engine of SQLite.

    Attributes:
        address: Address that other processes wake it at.
    """

    def __init__(self, engine: Engine) -> None:
        """Open the socket.

        Raises:
            StoreUnavailable: It cannot be opened.
        """
        (path,), options = engine.dialect.create_connect_args(engine.url)
        is_in_memory = path == ":memory:" or "mode=memory" in path
        self._path = None if is_in_memory else str(path)
        self._options = {"uri": True} if options.get("uri") else {}
        try:
            self._wakeups = Wakeups(_file(self._path))
        except OSError as error:
            raise StoreUnavailable(f"no socket for wake-ups can be made: {error}") from error
        self.address = self._wakeups.address

    def listen(self, wake: Callable[[], object]) -> None:
        """Call ``wake`` for each datagram, and for each change that was not announced.

        Raises:
            StoreUnavailable: The file cannot be read.

        Blocks: the calling task, until it is cancelled.
        """
        from photon_runtime.drivers import sqlite as driver

        connection = None
        try:
            if self._path is not None:
                connection = driver.connect(self._path, isolation_level=None, **self._options)
            version = None if connection is None else _version(connection)
            wake()
            while True:
                is_woken = self._wakeups.wait(_POLL)
                before = version
                if not is_woken and connection is not None:
                    version = _version(connection)
                if is_woken or version != before:
                    wake()
        except driver.OperationalError as error:
            raise StoreUnavailable(f"sqlite: {error}") from error
        finally:
            if connection is not None:
                connection.close()

    def close(self) -> None:
        """Close the socket."""
        self._wakeups.close()


def _version(connection: Any) -> int:
    [version] = connection.execute("PRAGMA data_version").fetchone()
    return int(version)


def _file(path: str | None) -> Path:
    """Return a path whose folder is for the socket."""
    if path is None or path.startswith("file:"):
        return Path(tempfile.gettempdir()) / "photon-jobs"
    return Path(path)
