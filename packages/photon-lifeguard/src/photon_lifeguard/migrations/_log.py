"""The table in which Photon notes the migrations that it has applied.

Alembic's table has the current revisions only. This one has a row for each applied migration, with
the checksum of its code, so that a migration that was edited afterwards is noticed. A database that
was migrated by Alembic before has no rows for its older migrations; they are not examined.
"""

from __future__ import annotations

import datetime as dt

import attrs
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Float,
    MetaData,
    String,
    Table,
    delete,
    insert,
    inspect,
    select,
)

from ._scripts import Revision

LOG_TABLE = "photon_migrations"
VERSION_TABLE = "alembic_version"
OWN_TABLES = frozenset([LOG_TABLE, VERSION_TABLE])
"""Tables that are not part of the models."""

_TABLE = Table(
    LOG_TABLE,
    MetaData(),
    Column("revision", String(32), primary_key=True),
    Column("file", String(255), nullable=False),
    Column("checksum", String(64), nullable=False),
    Column("applied_at", DateTime, nullable=False),
    Column("seconds", Float, nullable=False),
)


@attrs.frozen
class LogEntry:
    """An applied migration.

    Attributes:
        checksum: Checksum of its code at that time.
        applied_at: Time in UTC.
        seconds: Duration.
    """

    checksum: str
    applied_at: dt.datetime
    seconds: float


def read_log(connection: Connection) -> dict[str, LogEntry]:
    """Return the entries by revision. Blocks: the thread, for a round trip or two."""
    if not inspect(connection).has_table(LOG_TABLE):
        return {}
    columns = _TABLE.c
    rows = connection.execute(
        select(columns.revision, columns.checksum, columns.applied_at, columns.seconds)
    )
    return {row.revision: LogEntry(row.checksum, row.applied_at, row.seconds) for row in rows}


def note(connection: Connection, revision: Revision, seconds: float) -> None:
    """Note that a migration was applied; part of its transaction."""
    connection.execute(delete(_TABLE).where(_TABLE.c.revision == revision.revision))
    connection.execute(
        insert(_TABLE).values(
            revision=revision.revision,
            file=revision.name[:255],
            checksum=revision.checksum,
            applied_at=dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0),
            seconds=round(seconds, 3),
        )
    )


def forget(connection: Connection, revision: str) -> None:
    """Remove the entry of a migration that was rolled back; part of its transaction."""
    connection.execute(delete(_TABLE).where(_TABLE.c.revision == revision))


def create_log(connection: Connection) -> None:
    """Create the table where it does not exist."""
    _TABLE.create(connection, checkfirst=True)
