"""The invalid indexes that a failed ``CREATE INDEX CONCURRENTLY`` leaves on PostgreSQL."""

from __future__ import annotations

from sqlalchemy import Connection, text

_INVALID = text(
    "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_index i"
    " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE NOT i.indisvalid AND n.nspname <> 'pg_toast'"
)


def invalid_indexes(connection: Connection) -> frozenset[str]:
    """Return the quoted names of the invalid indexes; none for other databases."""
    if connection.dialect.name != "postgresql":
        return frozenset()
    return frozenset(connection.scalars(_INVALID))


def drop_invalid_indexes(connection: Connection, before: frozenset[str]) -> list[str]:
    """Drop the invalid indexes that are not in ``before``, and return their names.

    Args:
        connection: Connection without a transaction.
        before: Those that were invalid before.
    """
    new = sorted(invalid_indexes(connection) - before)
    for name in new:
        connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    return new
