"""The rebuild of a table: a new one with the same rows, and everything that belongs to it.

Theory of operation: the procedure of SQLite's manual ("Making Other Kinds Of Table Schema
Changes"), inside of the transaction of the migration and with foreign keys off. Nothing is
converted: a value stays as it is, as far as the affinity of the new type permits. The number of
rows is compared, since a constraint with ON CONFLICT IGNORE would drop rows without an error.
Indexes and triggers are made anew from their text, the sequence of AUTOINCREMENT and the hidden row
ids are kept.

Views and triggers that do not work any more are an error: SQLite would report it at their next use.
"""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from ...errors import MigrationError
from ._table_sql import TableSql
from ._tokens import mentions, quoted

_GENERATED = (2, 3)  # in the column "hidden" of table_xinfo


def read_table(connection: Connection, name: str) -> TableSql:
    """Return the definition of a table.

    Raises:
        MigrationError: It does not exist, or is a virtual one.
    """
    sql = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)", (name,)
    ).scalar()
    if sql is None:
        raise MigrationError(f"the table {name} does not exist")
    return TableSql.parse(sql)


def rebuild(
    connection: Connection, table: TableSql, *, dropped: frozenset[str] = frozenset()
) -> None:
    """Replace a table by one with another definition, and keep its rows.

    Args:
        connection: Connection in a transaction, with foreign keys off.
        table: New definition, under the name of the existing table.
        dropped: Columns that it does not have any more; indexes with one of them are dropped.

    Raises:
        MigrationError: Rows would be lost or violate a constraint of the new definition, or a view
            or trigger would not work any more.
    """
    name = table.name
    working = _working_objects(connection, name)
    belongings = _belongings(connection, name, dropped)
    new = f"_photon_new_{name}"
    connection.exec_driver_sql(table.sql(new))
    _copy(connection, name, new, table)
    sequence = _sequence(connection, name)
    connection.exec_driver_sql(f"DROP TABLE {quoted(name)}")
    # Otherwise the rename examines views, which refer to a table that does not exist right now.
    connection.exec_driver_sql("PRAGMA legacy_alter_table = ON")
    connection.exec_driver_sql(f"ALTER TABLE {quoted(new)} RENAME TO {quoted(name)}")
    connection.exec_driver_sql("PRAGMA legacy_alter_table = OFF")
    if sequence is not None:
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
        connection.exec_driver_sql("INSERT INTO sqlite_sequence VALUES (?, ?)", (name, sequence))
    for sql in belongings:
        connection.exec_driver_sql(sql)
    broken = working - _working_objects(connection, name)
    broken |= {each for column in dropped for each in _quoting_objects(connection, name, column)}
    if broken:
        raise MigrationError(
            f"{' and '.join(sorted(broken))} would not work any more after the change of {name}: "
            "drop it before the change, and create it anew afterwards"
        )


def _belongings(connection: Connection, name: str, dropped: frozenset[str]) -> list[str]:
    rows = connection.exec_driver_sql(
        "SELECT type, sql FROM sqlite_master WHERE lower(tbl_name) = lower(?)"
        " AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY type, rowid",
        (name,),
    )
    return [
        sql
        for kind, sql in rows
        if kind == "trigger" or not any(_indexes(sql, column) for column in dropped)
    ]


def _indexes(sql: str, column: str) -> bool:
    """Return whether an index contains a column, not counting the names before its parentheses."""
    return mentions(sql[sql.index("(") :], column)


def _copy(connection: Connection, old: str, new: str, table: TableSql) -> None:
    before, after = _stored_columns(connection, old), _stored_columns(connection, new)
    present = {each.lower() for each in before}
    columns = [quoted(each) for each in after if each.lower() in present]
    if _has_hidden_rowid(connection, new, table) and _has_hidden_rowid(connection, old, table):
        columns.insert(0, "rowid")
    if columns:
        names = ", ".join(columns)
        try:
            connection.exec_driver_sql(
                f"INSERT INTO {quoted(new)} ({names}) SELECT {names} FROM {quoted(old)}"
            )
        except IntegrityError as error:
            reason = str(error.orig).replace(new, old)
            raise MigrationError(
                f"the rows of {old} do not meet its new definition: {reason}"
            ) from error
    rows = [
        connection.exec_driver_sql(f"SELECT count(*) FROM {quoted(each)}").scalar()
        for each in (old, new)
    ]
    if rows[0] != rows[1]:
        raise MigrationError(f"the change of {old} would keep {rows[1]} of its {rows[0]} rows")


def _stored_columns(connection: Connection, name: str) -> list[str]:
    rows = connection.exec_driver_sql(f"PRAGMA table_xinfo({quoted(name)})")
    return [row[1] for row in rows if row[6] not in _GENERATED]


def _has_hidden_rowid(connection: Connection, name: str, table: TableSql) -> bool:
    """Return whether rows have an identifier that is not a column."""
    if "ROWID" in table.options.upper():
        return False
    rows = list(connection.exec_driver_sql(f"PRAGMA table_info({quoted(name)})"))
    keys = [row for row in rows if row[5]]
    if len(keys) == 1 and keys[0][2].upper() == "INTEGER":
        return False
    return all(row[1].lower() not in ("rowid", "oid", "_rowid_") for row in rows)


def _sequence(connection: Connection, name: str) -> int | None:
    """Return the last identifier that AUTOINCREMENT has given."""
    exists = connection.exec_driver_sql(
        "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
    ).scalar()
    if not exists:
        return None
    found: int | None = connection.exec_driver_sql(
        "SELECT seq FROM sqlite_sequence WHERE name = ?", (name,)
    ).scalar()
    return found


def _working_objects(connection: Connection, table: str) -> set[str]:
    """Return the views that can be read, and the changes of a table that its triggers accept."""
    views = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'view'")
    tests = {f"the view {row[0]}": f"SELECT * FROM {quoted(row[0])} LIMIT 0" for row in views}
    columns = _stored_columns(connection, table)
    shown = quoted(table)
    if columns:
        changes = ", ".join(f"{quoted(each)} = {quoted(each)}" for each in columns)
        tests |= {
            f"a trigger after UPDATE of {table}": f"EXPLAIN UPDATE {shown} SET {changes}",
            f"a trigger after INSERT into {table}": f"EXPLAIN INSERT INTO {shown} DEFAULT VALUES",
            f"a trigger after DELETE from {table}": f"EXPLAIN DELETE FROM {shown}",
        }
    return {name for name, sql in tests.items() if _compiles(connection, sql)}


def _quoting_objects(connection: Connection, table: str, column: str) -> set[str]:
    """Return the views and triggers with a dropped column in double quotes.

    SQLite takes quotes without such a column for a text, and does not report an error.
    """
    rows = connection.exec_driver_sql(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('view', 'trigger')"
    )
    quotes = quoted(column).lower()
    return {
        f"the {kind} {name}"
        for kind, name, sql in rows
        if mentions(sql, table) and quotes in sql.lower()
    }


def _compiles(connection: Connection, sql: str) -> bool:
    try:
        connection.exec_driver_sql(sql).close()
    except DBAPIError:
        return False
    return True
