"""The schema of a database as SQL: `schema_sql`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

from sqlalchemy import Connection, MetaData, inspect
from sqlalchemy.engine import URL
from sqlalchemy.schema import CreateIndex, CreateTable

from ..database import Database
from ..errors import MigrationError
from ._engine import migration_engine
from ._log import OWN_TABLES
from ._snapshot import take_snapshot

_DUMP_OPTIONS = ("--schema-only", "--no-owner", "--no-privileges", "--no-comments")


def schema_sql(database: Database) -> str:
    """Return the statements that create the tables of a database, without rows.

    On PostgreSQL ``pg_dump`` writes them, if it is installed; otherwise they are those of the
    tables, indexes and enums, without views, functions and triggers, and the text says so.

    Raises:
        MigrationError: ``pg_dump`` failed.

    Blocks: the thread.
    """
    url = database.engine.url
    name = url.get_backend_name()
    if name == "postgresql":
        program = shutil.which("pg_dump")
        if program is not None:
            return _dumped(program, url)
    with migration_engine(database) as engine, engine.connect() as connection:
        if name == "sqlite":
            statements = list(_sqlite(connection))
        elif name in ("mysql", "mariadb"):
            statements = list(_mysql(connection))
        else:
            statements = list(_reflected(connection))
    return "".join(f"{each.strip()};\n\n" for each in statements)


def _dumped(program: str, url: URL) -> str:
    plain = url.set(drivername="postgresql", password=None).render_as_string()
    environment = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    excluded = [f"--exclude-table={name}" for name in sorted(OWN_TABLES)]
    done = subprocess.run(
        [program, *_DUMP_OPTIONS, *excluded, f"--dbname={plain}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MigrationError(f"pg_dump failed: {done.stderr.strip()}")
    return done.stdout


def _sqlite(connection: Connection) -> Iterator[str]:
    rows = connection.exec_driver_sql(
        "SELECT sql, tbl_name FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        " ORDER BY type = 'trigger', type = 'view', rowid"
    )
    yield from (sql for sql, table in rows if table not in OWN_TABLES)


def _mysql(connection: Connection) -> Iterator[str]:
    metadata = MetaData()
    metadata.reflect(connection)
    quote = connection.dialect.identifier_preparer.quote_identifier
    for table in metadata.sorted_tables:
        if table.name not in OWN_TABLES:
            row = connection.exec_driver_sql(f"SHOW CREATE TABLE {quote(table.name)}").one()
            yield row[1]


def _reflected(connection: Connection) -> Iterator[str]:
    names = [each for each in inspect(connection).get_table_names() if each not in OWN_TABLES]
    metadata = MetaData()
    metadata.reflect(connection, only=names)
    yield (
        "-- pg_dump is not installed: these are the tables, indexes and enums, without views, "
        "functions and triggers\nSELECT 1"
    )
    for (_, name), values in take_snapshot(connection, {None: None}).enums.items():
        shown = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
        quoted = connection.dialect.identifier_preparer.quote(name)
        yield f"CREATE TYPE {quoted} AS ENUM ({shown})"
    for table in metadata.sorted_tables:
        yield str(CreateTable(table).compile(connection))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield str(CreateIndex(index).compile(connection))
