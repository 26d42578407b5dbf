"""Waits of one session of a test for another, which often is the test's own: bounded and explained.

A test that has written and not committed, and sends a request that writes the same row (on SQLite:
that writes), waits for itself. The servers' own limits are long, and their errors name no session.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, ExceptionContext

from .._database_settings import DatabaseSettings
from ..database import Database

_POSTGRESQL_STATE = "55P03"
_MYSQL_NUMBER = 1205


def with_lock_timeout(url: URL, settings: DatabaseSettings) -> URL:
    """Return ``url`` with a limit for waits for locks, ``acquire_timeout`` of ``settings``.

    On SQLite this is the limit already.
    """
    seconds = max(1, round(settings.acquire_timeout))
    if url.get_backend_name() == "postgresql":
        options = url.query.get("options", "")
        present = options if isinstance(options, str) else " ".join(options)
        limited = f"-c lock_timeout={seconds}s {present}".strip()
        return url.update_query_dict({"options": limited})
    if "init_command" in url.query:
        return url
    command = f"SET SESSION innodb_lock_wait_timeout = {seconds}"
    return url.update_query_dict({"init_command": command})


def explain_lock_waits(database: Database, all_databases: list[Database]) -> None:
    """Add the sessions that may be in the way to the error of a wait that was too long.

    They are a note of the error, whose class and message stay those of production.

    Args:
        database: Database whose errors are explained.
        all_databases: Those of the same test, further ones to come.
    """

    def explain(context: ExceptionContext) -> None:
        if _is_lock_timeout(context.original_exception):
            holders = [str(holder) for each in all_databases for holder in each.pool.holders()]
            error = context.sqlalchemy_exception or context.original_exception
            error.add_note(
                "A test commits what it has written before it sends a request that writes. "
                f"Sessions in use: {'; '.join(holders)}"
            )

    event.listen(database.engine, "handle_error", explain)


def _is_lock_timeout(error: Any) -> bool:
    return (
        "database is locked" in str(error)
        or getattr(error, "sqlstate", None) == _POSTGRESQL_STATE
        or getattr(error, "args", ())[:1] == (_MYSQL_NUMBER,)
    )
