"""The SQL of pending migrations, without executing it: `pending_sql`."""

from __future__ import annotations

import io
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from alembic.util.exc import CommandError
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL

from ..database import Database
from ..errors import MigrationError
from ._applying import plan_of, run_plan
from ._engine import migration_engine
from ._environment import current_revisions, write_sql
from ._log import OWN_TABLES
from ._scripts import Scripts, migrations_folder

_CONTROL = ("BEGIN", "PRAGMA", "SELECT", "EXPLAIN")


def pending_sql(database: Database, revision: str = "head") -> str:
    """Return the statements that `migrate` would execute; nothing is changed.

    On SQLite the migrations run on a copy of the file, because the definition of a table depends on
    the existing one. Elsewhere they run without a connection: one that reads rows fails.

    Args:
        database: The database.
        revision: Migration to stop after.

    Raises:
        MigrationError: As for `migrate`.

    Blocks: the thread.
    """
    scripts = Scripts(migrations_folder(database))
    plan = plan_of(scripts, revision)
    if plan is None:
        return ""
    if database.backend.name == "sqlite":
        return _recorded(database, revision)
    with migration_engine(database) as engine, engine.connect() as connection:
        now = current_revisions(connection)
    scripts.require_known(now)
    if not list(plan(now)):
        return ""
    output = io.StringIO()
    try:
        write_sql(scripts, database.engine.url, plan, now, output)
    except CommandError as error:
        raise MigrationError(str(error)) from error
    return output.getvalue()


def _recorded(database: Database, revision: str) -> str:
    statements: list[str] = []

    def record(  # noqa: PLR0917  the signature of the event
        connection: Connection,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: Any,
        executemany: bool,
    ) -> None:
        is_own = any(name in statement for name in OWN_TABLES)
        if not is_own and not statement.lstrip().upper().startswith(_CONTROL):
            statements.append(f"{statement.strip()};")

    with sqlite_copy(database.engine.url) as url, migration_engine(database, url) as engine:
        event.listen(engine, "before_cursor_execute", record)
        run_plan(database, engine, revision)
    return "\n\n".join(statements) + "\n" if statements else ""


@contextmanager
def sqlite_copy(url: URL) -> Iterator[URL]:
    """Yield the address of a copy of a file of SQLite, which is removed at the end.

    Blocks: the thread, while the file is copied.
    """
    with tempfile.TemporaryDirectory(prefix="photon-db-") as folder:
        path = Path(folder) / "copy.db"
        source = Path(url.database or "")
        if source.exists():
            with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(path)) as new:
                old.backup(new)
        yield url.set(database=str(path))
