"""A lock, so that one of many processes migrates a database while the others wait.

Theory of operation. PostgreSQL: an advisory lock of an open transaction on a connection of its own.
It works through a pooler in transaction mode, ends with its process, and the transaction has no
snapshot. Processes poll for it: one that waits *inside* of a statement would have a snapshot,
and ``CREATE INDEX CONCURRENTLY`` of the process with the lock would wait for that in turn, for
ever. MySQL: a named lock of a connection. SQLite needs none: each migration begins with ``BEGIN
IMMEDIATE`` and reads the current revision then, so that the write lock of the file is the lock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from ..errors import MigrationError

_KEY = 0x70686F746F6E6462  # "photondb", as a 64-bit integer
_INTERVAL = 0.1


@contextmanager
def migration_lock(
    engine: Engine, *, wait: float, waiting: Callable[[], object] | None = None
) -> Iterator[None]:
    """Let one process at a time into the block, for each database.

    Args:
        engine: Engine of the database.
        wait: Maximum time to wait, in seconds.
        waiting: Called once if another process has the lock.

    Raises:
        MigrationError: The time is over.

    Blocks: the thread, until the lock is free.
    """
    attempt = _ATTEMPTS.get(engine.dialect.name)
    if attempt is None:
        yield
        return
    with engine.connect() as connection:
        _acquire(lambda: attempt(connection), wait, waiting)
        yield
        connection.rollback()


def _acquire(
    attempt: Callable[[], bool], wait: float, waiting: Callable[[], object] | None
) -> None:
    until = time.monotonic() + wait
    is_first = True
    while not attempt():
        if time.monotonic() > until:
            raise MigrationError(
                f"another process has been migrating this database for {wait:g} seconds; wait for "
                "it, or raise [database] migration_wait"
            )
        if is_first and waiting is not None:
            waiting()
        is_first = False
        time.sleep(_INTERVAL * random.uniform(0.5, 1.5))


def _postgresql(connection: Connection) -> bool:
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
    # Without parameters: the portal of a statement with some would keep its snapshot, see above.
    return bool(connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_KEY})").scalar())


def _mysql(connection: Connection) -> bool:
    name = f"photon_db.{connection.engine.url.database}"[:64]
    return bool(connection.scalar(text("SELECT GET_LOCK(:name, 0)"), {"name": name}))


_ATTEMPTS: dict[str, Callable[[Connection], bool]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mariadb": _mysql,
}
