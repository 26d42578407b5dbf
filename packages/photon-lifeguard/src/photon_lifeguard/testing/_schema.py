"""`Schema`: what makes the tables of a test database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, DeclarativeBaseNoMeta

from ..database import Database
from ..errors import DatabaseConfigurationError

Schema: TypeAlias = MetaData | Callable[[Database], object]
"""Tables to create, or a function that makes them, such as one that runs migrations."""


def create_schema(database: Database, schema: Schema) -> None:
    """Make the tables.

    Blocks: the calling task, or the calling thread outside of tasks.
    """
    if isinstance(schema, MetaData):
        schema.create_all(database.engine)
    else:
        schema(database)


def declared_metadata() -> list[MetaData]:
    """Return the metadata of all declarative bases in this process that have tables.

    Raises:
        DatabaseConfigurationError: Two of them have a table of the same name.
    """
    found: list[MetaData] = []
    tables: set[str] = set()
    for base in (DeclarativeBase, DeclarativeBaseNoMeta):
        for cls in _subclasses(base):
            metadata = cls.__dict__.get("metadata")
            if not isinstance(metadata, MetaData) or metadata in found or not metadata.tables:
                continue
            if common := tables & metadata.tables.keys():
                raise DatabaseConfigurationError(
                    f"several declarative bases have the table {min(common)}: name the metadata of "
                    "the test databases by a fixture `database_schema`"
                )
            tables |= metadata.tables.keys()
            found.append(metadata)
    return found


def _subclasses(cls: type[object]) -> Iterator[type[object]]:
    subclasses: list[type[object]] = cls.__subclasses__()
    for subclass in subclasses:
        yield subclass
        yield from _subclasses(subclass)
