"""Seeds: rows that an application begins with, from files and from functions.

In the folder of the seeds, ``db/seeds`` by default, ``TABLE.json`` is a list of rows, and each
``*.py`` has a function ``seed(session)``. The files come first, a table after those that it refers
to; then the functions, in the order of their names. All of it is one transaction.

Seeding twice must be possible: a row of a file whose primary key exists replaces the values of that
row, and functions look for what they would add.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import importlib.util
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from sqlalchemy import Connection, MetaData, Table, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.types import (
    JSON,
    Date,
    DateTime,
    Interval,
    LargeBinary,
    Numeric,
    Time,
    TypeEngine,
    Uuid,
)

from photon_runtime.tracebacks import readable

from ..database import Database
from ..errors import MigrationError
from ._databases import empty
from ._engine import migration_engine, writing
from ._log import OWN_TABLES
from ._models import make_importable

Row = dict[str, Any]


@attrs.frozen
class Seeded:
    """What `seed` has done.

    Attributes:
        rows: Number of rows of the files, by table.
        functions: Names of the files whose functions were called.
    """

    rows: dict[str, int]
    functions: tuple[str, ...]


def seeds_folder(database: Database) -> Path:
    """Return the folder of the seeds of ``database``."""
    return (database.folder or Path.cwd()) / database.settings.seeds


def seed(database: Database, folder: Path | None = None, *, reset: bool = False) -> Seeded:
    """Write the rows of the seeds into a database, in one transaction.

    Args:
        database: The database, with all migrations applied.
        folder: Folder of the seeds; by default that of the settings.
        reset: True to delete the rows of all tables first.

    Raises:
        MigrationError: The folder does not exist, or a file is invalid or names an unknown table or
            column.

    Blocks: the thread.
    """
    folder = folder or seeds_folder(database)
    if not folder.is_dir():
        raise MigrationError(
            f"the folder of the seeds, {folder}, does not exist: put TABLE.json files with lists "
            "of rows there, or Python files with a function seed(session)"
        )
    make_importable(database)
    with migration_engine(database) as engine, engine.connect() as connection:
        writing(connection)
        tables = _tables(connection)
        if reset and tables.tables:
            empty(connection, sorted(tables.tables))
        rows = _read(folder, tables)
        for table, found in rows.items():
            try:
                _write(connection, tables.tables[table], found)
            except DBAPIError as error:
                raise MigrationError(
                    f"the rows of {table}.json cannot be written: {error.orig}"
                ) from error
        functions = _functions(folder)
        with Session(connection, expire_on_commit=False) as session:
            for path, function in functions:
                try:
                    function(session)
                    session.flush()
                except Exception as error:
                    raise MigrationError(f"{path.name} failed:\n{readable(error)}") from error
            session.commit()
        connection.commit()
    counts = {table: len(found) for table, found in rows.items()}
    return Seeded(counts, tuple(path.name for path, _ in functions))


def dump(
    database: Database, folder: Path | None = None, tables: Sequence[str] | None = None
) -> list[Path]:
    """Write the rows of a database to files, from which `seed` reads them.

    Args:
        database: The database.
        folder: Folder; by default that of the seeds.
        tables: Tables; by default all that have rows.

    Returns:
        The files.

    Raises:
        MigrationError: A table does not exist.

    Blocks: the thread, while the rows are read.
    """
    folder = folder or seeds_folder(database)
    written = []
    with migration_engine(database) as engine, engine.connect() as connection:
        metadata = _tables(connection)
        for name in tables or sorted(metadata.tables):
            if name not in metadata.tables:
                raise MigrationError(f"the table {name} does not exist")
            table = metadata.tables[name]
            rows = connection.execute(select(table).order_by(*table.primary_key)).mappings()
            shown = [_as_json(row, table) for row in rows]
            if shown or tables:
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / f"{name}.json"
                text = json.dumps(shown, indent=2, ensure_ascii=False)
                path.write_text(f"{text}\n", encoding="utf-8")
                written.append(path)
    return written


def _tables(connection: Connection) -> MetaData:
    metadata = MetaData()
    metadata.reflect(connection)
    for name in OWN_TABLES & set(metadata.tables):
        metadata.remove(metadata.tables[name])
    return metadata


def _read(folder: Path, tables: MetaData) -> dict[str, list[Row]]:
    files = {path.stem: path for path in sorted(folder.glob("*.json"))}
    for name, path in files.items():
        if name not in tables.tables:
            raise MigrationError(f"{path}: the table {name} does not exist")
    order = [table.name for table in tables.sorted_tables if table.name in files]
    return {name: _rows(files[name], tables.tables[name]) for name in order}


def _rows(path: Path, table: Table) -> list[Row]:
    try:
        rows: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise MigrationError(f"{path} is not JSON: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise MigrationError(f"{path}: expected a list of objects, one for each row")
    return [_from_json(path, number, row, table) for number, row in enumerate(rows, 1)]


def _from_json(path: Path, number: int, row: Row, table: Table) -> Row:
    values = {}
    for name, value in row.items():
        if name not in table.columns:
            raise MigrationError(f"{path}, row {number}: {table.name} has no column {name}")
        try:
            values[name] = _value(value, table.columns[name].type)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise MigrationError(f"{path}, row {number}, {name}: {error}") from error
    return values


def _value(value: Any, type_: TypeEngine[Any]) -> Any:
    if value is None:
        return None
    for cls, convert in _FROM_JSON:
        if isinstance(type_, cls):
            return convert(value)
    return value


_FROM_JSON: tuple[tuple[type[TypeEngine[Any]], Callable[[Any], Any]], ...] = (
    (DateTime, lambda text: dt.datetime.fromisoformat(text)),
    (Date, lambda text: dt.date.fromisoformat(text)),
    (Time, lambda text: dt.time.fromisoformat(text)),
    (Interval, lambda seconds: dt.timedelta(seconds=seconds)),
    (Uuid, lambda text: uuid.UUID(text)),
    (LargeBinary, lambda text: base64.b64decode(text, validate=True)),
    (Numeric, lambda number: decimal.Decimal(str(number))),
)


def _write(connection: Connection, table: Table, rows: list[Row]) -> None:
    """Insert rows, and update those whose primary key exists."""
    keys = [column.name for column in table.primary_key]
    for row in rows:
        values = {name: value for name, value in row.items() if name not in keys}
        if keys and all(name in row for name in keys):
            same = [table.columns[name] == row[name] for name in keys]
            if connection.execute(select(*table.primary_key).where(*same)).first() is not None:
                if values:
                    connection.execute(update(table).where(*same).values(values))
                continue
        connection.execute(insert(table).values(row))
    if connection.dialect.name == "postgresql":
        _advance_sequences(connection, table)


def _advance_sequences(connection: Connection, table: Table) -> None:
    """Let the sequences of PostgreSQL continue after the identifiers of the files."""
    quote = connection.dialect.identifier_preparer.quote
    for column in table.primary_key:
        sequence = connection.exec_driver_sql(
            "SELECT pg_get_serial_sequence(%s, %s)", (quote(table.name), column.name)
        ).scalar()
        if sequence is not None:
            connection.exec_driver_sql(
                f"SELECT setval(%s, greatest((SELECT max({quote(column.name)}) FROM"
                f" {quote(table.name)}), 1))",
                (sequence,),
            )


def _functions(folder: Path) -> list[tuple[Path, Callable[[Session], object]]]:
    found = []
    for path in sorted(folder.glob("*.py")):
        if path.name == "__init__.py":
            continue
        spec = importlib.util.spec_from_file_location(f"photon_seeds_{path.stem}", path)
        if spec is None or spec.loader is None:
            raise MigrationError(f"{path} cannot be loaded")
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise MigrationError(f"{path} cannot be loaded:\n{readable(error)}") from error
        function = getattr(module, "seed", None)
        if not callable(function):
            raise MigrationError(f"{path} has no function seed(session)")
        found.append((path, function))
    return found


def _as_json(row: Mapping[Any, Any], table: Table) -> Row:
    return {
        column.name: value if isinstance(column.type, JSON) else _plain(row[column.name])
        for column in table.columns
        if column.computed is None
        for value in [row[column.name]]
    }


def _plain(value: Any) -> Any:
    match value:
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return value.total_seconds()
        case bytes() | memoryview():
            return base64.b64encode(bytes(value)).decode()
        case uuid.UUID() | decimal.Decimal():
            return str(value)
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return value
