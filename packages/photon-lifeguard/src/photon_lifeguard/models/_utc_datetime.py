"""Times with a time zone on every database.

Theory of operation. PostgreSQL has points in time; SQLite and MySQL have a date and a time of day,
without a zone. There the time in UTC is stored. What is read is in UTC on all of them. A time
without a zone is refused: it could be of any.
"""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import DateTime, Dialect
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

_MYSQL = ("mysql", "mariadb")


class UtcDateTime(TypeDecorator[datetime.datetime]):
    """A point in time, to the microsecond; `datetime.datetime` with a time zone.

    PostgreSQL stores ``TIMESTAMP WITH TIME ZONE``, MySQL ``DATETIME(6)``, SQLite text.

    Raises:
        ValueError: A value has no time zone (`sqlalchemy.exc.StatementError` has it as its cause).
    """

    impl = DateTime
    cache_ok = True

    @property
    def python_type(self) -> type[datetime.datetime]:
        """The class of values."""
        return datetime.datetime

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type on one kind of database."""
        if dialect.name in _MYSQL:
            return dialect.type_descriptor(DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(
        self, value: datetime.datetime | None, dialect: Dialect
    ) -> datetime.datetime | None:
        """Return the value to store."""
        if value is None:
            return None
        if value.tzinfo is None or value.utcoffset() is None:
            raise ValueError(
                f"{value!r} has no time zone: use datetime.now(UTC), or replace(tzinfo=...)"
            )
        utc = value.astimezone(datetime.UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(
        self, value: datetime.datetime | None, dialect: Dialect
    ) -> datetime.datetime | None:
        """Return a stored value, in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=datetime.UTC)
        return value.astimezone(datetime.UTC)


class utc_now(FunctionElement[datetime.datetime]):  # noqa: N801  a function of SQL
    """The time of the database, as an expression; for defaults of the server, and for updates.

    It is that of the statement, or on PostgreSQL of the transaction.
    """

    type = UtcDateTime()
    inherit_cache = True


@compiles(utc_now)
def _now(element: utc_now, compiler: Any, **_: Any) -> str:
    return "CURRENT_TIMESTAMP"


@compiles(utc_now, "sqlite")
def _now_on_sqlite(element: utc_now, compiler: Any, **_: Any) -> str:
    # As SQLAlchemy stores times, with six digits, so that text is sorted as the time is.
    return "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')"


@compiles(utc_now, "mysql")
@compiles(utc_now, "mariadb")
def _now_on_mysql(element: utc_now, compiler: Any, **_: Any) -> str:
    return "(UTC_TIMESTAMP(6))"
