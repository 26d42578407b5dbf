"""`advisory_lock`: one transaction at a time does a piece of work, across processes and hosts.

PostgreSQL has locks of this kind that end with their transaction. MySQL's belong to its session:
the pool resets that, because GET_LOCK changes it, when the connection is given back. On SQLite a
transaction that may write is the only one of its kind already.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..errors import TransactionError
from ._on_demand import ensure_begun

_AS_LONG_AS_IT_TAKES = 365 * 24 * 3600  # seconds; MariaDB refuses negative ones


def advisory_lock(session: Session, name: str, *, wait: bool = True) -> bool:
    """Acquire the lock ``name`` until the end of the transaction of ``session``.

    MySQL holds it until the session has given its connection back.
    The lock is a matter of agreement: it protects nothing but other callers with the same name. A
    transaction that holds it already acquires it again.

    Args:
        session: Session of a `Database`; a transaction begins if it has none.
        name: Name of the lock, such as ``invoices:2026``. Names are hashed to 64 bits.
        wait: False to return at once if another transaction holds the lock.

    Returns:
        True if the lock was acquired; always true with ``wait``.

    Raises:
        TransactionError: The session does not belong to a `Database`.

    Blocks: the calling task, until the lock is free. A deadline ends the wait.
    """
    connection = session.connection()
    ensure_begun(connection)
    kind = connection.dialect.name
    if kind == "postgresql":
        return _on_postgresql(session, name, wait=wait)
    if kind in ("mysql", "mariadb"):
        return _on_mysql(session, name, wait=wait)
    if kind == "sqlite":
        return True
    raise TransactionError(f"advisory locks are not supported on {kind}")


def _on_postgresql(session: Session, name: str, *, wait: bool) -> bool:
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    key = int.from_bytes(digest, "big", signed=True)
    if wait:
        session.execute(select(func.pg_advisory_xact_lock(key)))
        return True
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(key))))


def _on_mysql(session: Session, name: str, *, wait: bool) -> bool:
    key = hashlib.blake2b(name.encode(), digest_size=32).hexdigest()  # at most 64 characters
    timeout = _AS_LONG_AS_IT_TAKES if wait else 0
    return bool(session.scalar(select(func.get_lock(key, timeout))))
