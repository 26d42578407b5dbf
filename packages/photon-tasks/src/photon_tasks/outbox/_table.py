"""`OutboxTable`: the rows of the outbox in one database of the application.

Theory of operation. A row is inserted on the connection of the application's transaction, so it
exists if and only if the application's rows do. One relay at a time works on a table: it holds a
lease, a row of its own, while it delivers; no transaction is open meanwhile, because the writers of
the application would wait for it (SQLite) or the server keep old rows (PostgreSQL).

A relay that loses its lease, because it was stopped for too long, has its rows delivered again by
another one. That does no harm, since jobs have ids. What would do harm is that it deletes rows
afterwards that it has not delivered; so rows are deleted by the holder of the lease only, and the
numbers of rows are not used again.

Times are those of the database, except for SQLite, whose processes share the clock of the machine.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import attrs
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Double,
    Engine,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    case,
    delete,
    func,
    insert,
    inspect,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.mysql import LONGTEXT
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

_LONG = Text().with_variant(LONGTEXT, "mysql", "mariadb")
_NUMBER = BigInteger().with_variant(Integer, "sqlite")
_METADATA: Final = MetaData()
_ROWS: Final = Table(
    "photon_outbox",
    _METADATA,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("enqueued", Double, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("is_aside", SmallInteger, nullable=False),
    Column("error", _LONG),
    Column("delivery", _LONG, nullable=False),
    sqlite_autoincrement=True,
)
_RELAYS: Final = Table(
    "photon_outbox_relays",
    _METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("holder", String(32), nullable=False),
    Column("expires", Double, nullable=False),
)
_LOCK: Final = 0x70686F746F6E4F  # "photonO"
_MAX_ERROR: Final = 4000
_COMMITTING: Final = ("mysql", "mariadb")
"""Databases in which CREATE TABLE commits the transaction that it is in."""


@attrs.frozen
class OutboxRow:
    """A row that waits.

    Attributes:
        number: Its number; later rows have greater ones.
        attempts: How often it could not be delivered, for a reason that is its own.
        age: Seconds since it was inserted.
        delivery: Its text.
    """

    number: int
    attempts: int
    age: float
    delivery: str


@attrs.frozen
class OutboxStatus:
    """The state of the outbox of one database.

    Attributes:
        rows: Number of deliveries that wait.
        oldest: Age of the oldest one in seconds; zero without any.
        aside: Number of those that were set aside, because they cannot be delivered.
    """

    rows: int
    oldest: float
    aside: int


class OutboxTable:
    """The outbox of one database.

    Args:
        engine: Engine of the database.

    Attributes:
        engine: Engine of the database.
        is_made: True if the table exists for certain.
    """

    def __init__(self, engine: Engine) -> None:
        """Note the engine; nothing is opened."""
        self.engine = engine
        self.is_made = False
        self._dialect = engine.dialect.name

    def make(self) -> None:
        """Make the table, unless it exists. Several processes may do so at once.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database cannot be used.

        Blocks: the calling task.
        """
        with self.engine.begin() as connection:
            self._create(connection)
        try:
            with self.engine.begin() as connection:
                if connection.scalar(select(_RELAYS.c.id)) is None:
                    connection.execute(insert(_RELAYS).values(id=1, holder="", expires=0.0))
        except IntegrityError:
            pass  # another process has inserted it
        self.is_made = True

    def exists(self) -> bool:
        """Return whether the table exists. Blocks: the calling task."""
        with self.engine.connect() as connection:
            return inspect(connection).has_table(_ROWS.name)

    def put(self, connection: Connection, delivery: str) -> None:
        """Insert a row as a part of the transaction of ``connection``, and the table if needed.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: It cannot be inserted.

        Blocks: the calling task.
        """
        if not self.is_made:
            if self._dialect in _COMMITTING:
                self.make()
            else:
                self._create(connection)  # rolled back with everything else
        connection.execute(
            insert(_ROWS).values(enqueued=self._now(), attempts=0, is_aside=0, delivery=delivery)
        )

    def has_rows(self) -> bool:
        """Return whether any row waits. Blocks: the calling task."""
        with self.engine.connect() as connection:
            found = connection.scalar(select(_ROWS.c.number).where(_ROWS.c.is_aside == 0).limit(1))
        return found is not None

    def claim(self, holder: str, lease: float, limit: int) -> Sequence[OutboxRow] | None:
        """Acquire the lease, or extend it, and return the first rows.

        Returns:
            ``None`` if another relay has the lease. It is given back at once if no row waits.

        Blocks: the calling task.
        """
        now = self._now()
        mine = or_(
            _RELAYS.c.holder == holder,
            _RELAYS.c.expires <= now,
            _RELAYS.c.expires > now + 2 * lease,  # the clock was set back
        )
        with self.engine.begin() as connection:
            taken = connection.execute(
                update(_RELAYS).where(mine).values(holder=holder, expires=now + lease)
            )
            if not taken.rowcount:
                return None
            found = connection.execute(
                select(_ROWS.c.number, _ROWS.c.attempts, now - _ROWS.c.enqueued, _ROWS.c.delivery)
                .where(_ROWS.c.is_aside == 0)
                .order_by(_ROWS.c.number)
                .limit(limit)
            )
            rows = [OutboxRow(*each) for each in found]
            if not rows:
                self._release(connection, holder)
        return rows

    def finish(
        self,
        holder: str,
        delivered: Collection[int],
        failed: Mapping[int, str],
        *,
        max_attempts: int,
        is_last: bool,
    ) -> None:
        """Delete rows that were delivered, and note the errors of others.

        Nothing happens if the lease is lost: another relay has the rows then.

        Args:
            holder: The holder of the lease.
            delivered: Numbers of rows that were delivered.
            failed: Errors, by the numbers of the rows.
            max_attempts: Number of errors after which a row is set aside.
            is_last: True to give the lease back.

        Blocks: the calling task.
        """
        with self.engine.begin() as connection:
            # An update that changes nothing has a row count of zero in MySQL, so the time changes.
            kept = connection.execute(
                update(_RELAYS)
                .where(_RELAYS.c.holder == holder)
                .values(expires=_RELAYS.c.expires + 0.001)
            )
            if not kept.rowcount:
                return
            if delivered:
                connection.execute(delete(_ROWS).where(_ROWS.c.number.in_(delivered)))
            for number, error in failed.items():
                attempts = _ROWS.c.attempts + 1
                connection.execute(
                    update(_ROWS)
                    .where(_ROWS.c.number == number)
                    .ordered_values(  # MySQL assigns in order, and reads what it has assigned
                        (_ROWS.c.is_aside, case((attempts >= max_attempts, 1), else_=0)),
                        (_ROWS.c.attempts, attempts),
                        (_ROWS.c.error, error[:_MAX_ERROR]),
                    )
                )
            if is_last:
                self._release(connection, holder)

    def status(self) -> OutboxStatus:
        """Return the number of rows and the age of the oldest. Blocks: the calling task."""
        aside = func.coalesce(func.sum(_ROWS.c.is_aside), 0)
        oldest = func.min(case((_ROWS.c.is_aside == 0, _ROWS.c.enqueued)))
        with self.engine.connect() as connection:
            rows, apart, since = connection.execute(
                select(func.count(), aside, oldest).select_from(_ROWS)
            ).one()
            now = since if since is None else connection.scalar(select(self._now()))
        return OutboxStatus(
            rows - apart, 0.0 if since is None else max(0.0, now - since), int(apart)
        )

    def retry(self) -> int:
        """Let the rows that were set aside wait again; return their number.

        Blocks: the calling task.
        """
        with self.engine.begin() as connection:
            changed = connection.execute(
                update(_ROWS).where(_ROWS.c.is_aside == 1).values(is_aside=0, attempts=0)
            )
        return changed.rowcount

    def _create(self, connection: Connection) -> None:
        if self._dialect == "postgresql":  # whose IF NOT EXISTS fails if two do it at once
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        for table in _METADATA.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))

    def _release(self, connection: Connection, holder: str) -> None:
        connection.execute(
            update(_RELAYS).where(_RELAYS.c.holder == holder).values(holder="", expires=0.0)
        )

    def _now(self) -> ColumnElement[Any]:
        """Return the time in seconds since the epoch."""
        if self._dialect == "postgresql":
            return literal_column("extract(epoch FROM clock_timestamp())::float8", Double)
        if self._dialect in _COMMITTING:
            return literal_column(
                "timestampdiff(MICROSECOND, '1970-01-01', utc_timestamp(6)) / 1e6", Double
            )
        return literal(time.time(), Double)
