"""Changed values of PostgreSQL's enum types.

New values are added to the type; that does not touch the tables. For removed and reordered values
the type is made anew and the columns are converted, which fails if a row has a removed value: rows
are not changed behind the author's back. The statements run on PostgreSQL only, since elsewhere an
enum is text with a check.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alembic.operations.ops import ExecuteSQLOp, MigrateOperation

from ._changes import Change
from ._snapshot import Snapshot, TableKey


class PostgresqlOnly(ExecuteSQLOp):
    """A statement that is executed on PostgreSQL and left out elsewhere."""


class DropEnum(MigrateOperation):
    """Drops an enum type that no table uses any more."""

    def __init__(self, name: str, schema: str | None) -> None:
        """Note the type."""
        self.name = name
        self.schema = schema


def enum_changes(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """Yield the changes of enum types; new ones are created with their tables."""
    for key, values in after.enums.items():
        old = before.enums.get(key)
        if old is not None and old != values:
            yield Change(
                "types",
                f"enum {key[1]}: {_difference(old, values)}",
                tuple(_statements(before, key, old, values)),
                tuple(_statements(after, key, values, old)),
                warning=_warning(key, old, values),
            )
        elif old is None:
            yield Change("create tables", "", (), (DropEnum(key[1], key[0]),))
    for key in before.enums:
        if key not in after.enums:
            yield Change("drop types", f"enum {key[1]} is dropped", (DropEnum(key[1], key[0]),))


def _difference(before: Sequence[str], after: Sequence[str]) -> str:
    added = [each for each in after if each not in before]
    removed = [each for each in before if each not in after]
    parts = [f"values {', '.join(added)} are added"] if added else []
    parts += [f"values {', '.join(removed)} are removed"] if removed else []
    return " and ".join(parts) or "the order of the values changes"


def _warning(key: TableKey, before: Sequence[str], after: Sequence[str]) -> str | None:
    removed = [each for each in before if each not in after]
    if not removed:
        return None
    return (
        f"the values {', '.join(removed)} of {key[1]} are removed: the migration fails if rows "
        "have them. Change these rows in it first; a renamed value is ALTER TYPE … RENAME VALUE"
    )


def _statements(
    before: Snapshot, key: TableKey, old: Sequence[str], new: Sequence[str]
) -> Iterator[MigrateOperation]:
    if [each for each in new if each in old] == list(old):
        yield from _additions(key, old, new)
    else:
        yield from _replacement(before, key, new)


def _additions(key: TableKey, old: Sequence[str], new: Sequence[str]) -> Iterator[MigrateOperation]:
    for at, value in enumerate(new):
        if value not in old:
            place = f" AFTER {_literal(new[at - 1])}" if at else f" BEFORE {_literal(old[0])}"
            is_last = at == len(new) - 1 or not set(new[at:]) & set(old)
            place = "" if is_last else place
            yield PostgresqlOnly(f"ALTER TYPE {_name(key)} ADD VALUE {_literal(value)}{place}")


def _replacement(
    before: Snapshot, key: TableKey, values: Sequence[str]
) -> Iterator[MigrateOperation]:
    name, old = _name(key), f"{key[1]}_old"
    yield PostgresqlOnly(f"ALTER TYPE {name} RENAME TO {_quoted(old)}")
    yield PostgresqlOnly(f"CREATE TYPE {name} AS ENUM ({', '.join(map(_literal, values))})")
    for table in before.tables.values():
        for column, shape in table.columns.items():
            base = shape.type.removesuffix("[]")
            if base in (key[1], _quoted(key[1]), name):
                kind = "[]" if base != shape.type else ""
                yield from _conversion(_name(table.key), _quoted(column), name, kind, shape.default)
    yield PostgresqlOnly(f"DROP TYPE {_name((key[0], old))}")


def _conversion(
    table: str, column: str, name: str, kind: str, default: str | None
) -> Iterator[MigrateOperation]:
    alter = f"ALTER TABLE {table} ALTER COLUMN {column}"
    if default is not None:
        yield PostgresqlOnly(f"{alter} DROP DEFAULT")
    using = f"{column}::text{kind}::{name}{kind}"
    yield PostgresqlOnly(f"{alter} TYPE {name}{kind} USING {using}")
    if default is not None:
        yield PostgresqlOnly(f"{alter} SET DEFAULT {default}")


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(key: TableKey) -> str:
    return ".".join(_quoted(each) for each in key if each)


def _quoted(name: str) -> str:
    is_plain = name.isidentifier() and name == name.lower()
    return name if is_plain else '"' + name.replace('"', '""') + '"'
