"""Renamed tables and columns: which pairs may be one, and a snapshot after the rename.

No database knows that ``headline`` was ``title``: a column is missing and another is there. A pair
is offered as a rename if both have the same type, of tables if most columns are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from alembic.operations.ops import AlterColumnOp, RenameTableOp

from ._changes import Change
from ._snapshot import Piece, Snapshot, TableKey, TableShape

_SIMILAR = 0.6


class Decisions(Protocol):
    """Decides what cannot be known from the models and the database."""

    def is_rename(self, kind: str, old: str, new: str) -> bool:
        """Return whether a table or a column (``kind``) was renamed.

        Args:
            kind: ``table`` or ``column``.
            old: Name in the database, as ``posts`` or ``posts.title``.
            new: Name in the models.
        """
        ...


def rename(database: Snapshot, models: Snapshot, decisions: Decisions) -> list[Change]:
    """Return the renames, and change ``database`` to what it is after them."""
    changes = []
    for old, new in list(_table_pairs(database, models)):
        if old in database.tables and new not in database.tables:
            shown = _shown(old), _shown(new)
            if decisions.is_rename("table", *shown):
                _rename_table(database, old, new)
                changes.append(
                    Change(
                        "rename",
                        f"table {shown[0]} is renamed to {new[1]}",
                        (RenameTableOp(old[1], new[1], schema=old[0]),),
                        (RenameTableOp(new[1], old[1], schema=old[0]),),
                    )
                )
    for key, table in database.tables.items():
        if key in models.tables:
            changes += _column_renames(database, table, models.tables[key], decisions)
    return changes


def _table_pairs(database: Snapshot, models: Snapshot) -> Iterator[tuple[TableKey, TableKey]]:
    missing = [key for key in database.tables if key not in models.tables]
    added = [key for key in models.tables if key not in database.tables]
    for old in missing:
        for new in added:
            if old[0] == new[0]:
                before, after = database.tables[old].columns, models.tables[new].columns
                same = [each for each in before if each in after]
                if len(same) >= _SIMILAR * max(len(before), len(after)):
                    yield old, new


def _column_renames(
    snapshot: Snapshot, database: TableShape, models: TableShape, decisions: Decisions
) -> Iterator[Change]:
    added = [each for each in models.columns if each not in database.columns]
    for old in [each for each in database.columns if each not in models.columns]:
        for new in added:
            if models.columns[new].type != database.columns[old].type:
                continue
            table = _shown((database.schema, database.name))
            if decisions.is_rename("column", f"{table}.{old}", f"{table}.{new}"):
                added.remove(new)
                _rename_column(snapshot, database, old, new)
                yield Change(
                    "rename",
                    f"{table}: column {old} is renamed to {new}",
                    (_renaming(database, old, new),),
                    (_renaming(database, new, old),),
                )
                break


def _renaming(table: TableShape, old: str, new: str) -> AlterColumnOp:
    return AlterColumnOp(table.name, old, schema=table.schema, modify_name=new)


def _rename_table(snapshot: Snapshot, old: TableKey, new: TableKey) -> None:
    table = snapshot.tables.pop(old)
    table.name, table.stored_name = new[1], old[1]
    snapshot.tables[new] = table
    for piece in _pieces(table):
        _rename_in_sql(piece, *(each[1] for each in (old, new)))
    for other in snapshot.tables.values():
        for piece in other.foreign_keys:
            columns, schema, target, *rest = piece.definition
            if (schema, target) == old:
                piece.definition = (columns, schema, new[1], *rest)


def _rename_column(snapshot: Snapshot, table: TableShape, old: str, new: str) -> None:
    table.stored_columns[new] = old
    table.columns = {
        (new if name == old else name): column for name, column in table.columns.items()
    }
    for piece in _pieces(table):
        piece.definition = _renamed(piece.definition, old, new)
        _rename_in_sql(piece, old, new)
    for column in table.columns.values():
        if column.computed is not None:
            column.computed = (_replaced(column.computed[0], old, new), column.computed[1])
    for other in snapshot.tables.values():
        for piece in other.foreign_keys:
            columns, schema, target, targets, options = piece.definition
            if (schema, target) == (table.schema, table.name):
                targets = _renamed(targets, old, new)
                piece.definition = (columns, schema, target, targets, options)
    for piece in table.foreign_keys:
        columns, *rest = piece.definition
        piece.definition = (_renamed(columns, old, new), *rest)


def _rename_in_sql(piece: Piece, old: str, new: str) -> None:
    """Rename in the statement and the condition with which the way back makes it anew."""
    for name in ("sql", "sqltext"):
        if piece.info and name in piece.info:
            piece.info = {**piece.info, name: _replaced(piece.info[name], old, new)}


def _pieces(table: TableShape) -> list[Piece]:
    return [table.primary_key, *table.uniques, *table.checks, *table.indexes]


def _renamed(definition: object, old: str, new: str) -> object:
    if isinstance(definition, tuple):
        return tuple(_renamed(each, old, new) for each in definition)
    if isinstance(definition, str):
        return _replaced(definition, old, new)
    return definition


def _replaced(sql: str, old: str, new: str) -> str:
    """Replace a name in an expression, but not in its texts."""
    return re.sub(rf"(?<![\w']){re.escape(old)}(?![\w'])", new, sql)


def _shown(key: TableKey) -> str:
    return ".".join(filter(None, key))
