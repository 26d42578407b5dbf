"""The models in an empty place of the same server, for a snapshot.

PostgreSQL: a schema in a transaction that is rolled back. SQLite: a database in memory. MySQL: a
database that is dropped afterwards.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from sqlalchemy import Connection, Engine, MetaData, create_engine
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.pool import NullPool, StaticPool

from ..errors import MigrationError
from ._snapshot import Snapshot, take_snapshot


def snapshot_of_models(engine: Engine, models: MetaData) -> Snapshot:
    """Describe the tables that the models would have on the server of ``engine``.

    Raises:
        MigrationError: The user of the database may not create a schema, or the models cannot be
            created.

    Blocks: the thread, while the tables are created.
    """
    try:
        match engine.dialect.name:
            case "postgresql":
                return _in_schemas(engine, models)
            case "sqlite":
                return _in_memory(models)
            case _:
                return _in_database(engine, models)
    except DBAPIError as error:
        raise MigrationError(
            "the models cannot be created on the server, which is how they are compared with the "
            f"tables (nothing was changed): {error.orig}"
        ) from error


def schemas_of(models: MetaData) -> list[str | None]:
    """Return the schemas of the models; ``None`` is the default one."""
    named = sorted({table.schema for table in models.tables.values() if table.schema})
    return [None, *named]


def _in_schemas(engine: Engine, models: MetaData) -> Snapshot:
    suffix = uuid.uuid4().hex[:8]
    names: dict[str | None, str | None] = {
        schema: f"photon_models_{suffix}_{number}"
        for number, schema in enumerate(schemas_of(models))
    }
    with engine.connect() as connection:
        path = connection.exec_driver_sql("SHOW search_path").scalar_one()
        for name in names.values():
            connection.exec_driver_sql(f"CREATE SCHEMA {name}")
        connection.exec_driver_sql(f"SET LOCAL search_path = {names[None]}, {path}")
        named = {schema: name for schema, name in names.items() if schema is not None}
        translated = connection.execution_options(schema_translate_map=named)
        models.create_all(translated, checkfirst=False)
        snapshot = take_snapshot(translated.execution_options(schema_translate_map=None), names)
        connection.rollback()
    return snapshot


def _in_memory(models: MetaData) -> Snapshot:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            _attach(connection, schemas_of(models))
            models.create_all(connection, checkfirst=False)
            return take_snapshot(connection, {each: each for each in schemas_of(models)})
    finally:
        engine.dispose()


def _attach(connection: Connection, schemas: Iterable[str | None]) -> None:
    for schema in schemas:
        if schema is not None:
            connection.exec_driver_sql(f"ATTACH ':memory:' AS \"{schema}\"")


def _in_database(engine: Engine, models: MetaData) -> Snapshot:
    name = f"photon_models_{uuid.uuid4().hex[:8]}"
    with engine.connect() as connection:
        try:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        except ProgrammingError as error:
            raise MigrationError(
                "the user of the database may not create another one, in which the models are "
                f"created to compare them: {error.orig}"
            ) from error
        try:
            other = create_engine(engine.url.set(database=name), poolclass=NullPool)
            with other.connect() as inner:
                models.create_all(inner, checkfirst=False)
                inner.commit()
                return take_snapshot(inner, {None: None})
        finally:
            connection.exec_driver_sql(f"DROP DATABASE {name}")
