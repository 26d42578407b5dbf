"""The differences between two snapshots, as `Change` objects with Alembic's operations.

What is added comes from the models, which describe it in the words of SQLAlchemy. What is dropped
is read from the database, so that the way back restores it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from alembic.operations import ops
from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Table,
    TextClause,
    UniqueConstraint,
    text,
)
from sqlalchemy.exc import SAWarning
from sqlalchemy.schema import Constraint, conv, sort_tables_and_constraints

from ._changes import Change
from ._enum_changes import enum_changes
from ._snapshot import ColumnShape, Piece, Snapshot, TableShape


class Comparison:
    """Compares the tables of a database with models.

    Args:
        connection: Connection to the database.
        models: Models.
        before: Snapshot of the database.
        after: Snapshot of the models.
    """

    def __init__(
        self, connection: Connection, models: MetaData, before: Snapshot, after: Snapshot
    ) -> None:
        self._connection = connection
        self._dialect = connection.dialect
        self._models = {(table.schema, table.name): table for table in models.tables.values()}
        self._before = before
        self._after = after
        self._tables = MetaData()

    def changes(self) -> list[Change]:
        """Return all differences."""
        found = list(enum_changes(self._before, self._after))
        found += self._new_tables()
        for key, table in self._after.tables.items():
            if key in self._before.tables:
                found += self._table(self._before.tables[key], table, self._models[key])
        found += self._dropped_tables()
        return found

    def complete(self, renames: Iterable[Change]) -> None:
        """Add to renames of columns what MySQL has to repeat."""
        if self._dialect.name not in _MYSQL:
            return
        for change in renames:
            for operation in (*change.upgrade, *change.downgrade):
                if isinstance(operation, ops.AlterColumnOp):
                    names = {operation.column_name, operation.modify_name}
                    table = self._before.tables[operation.schema, operation.table_name]
                    (name,) = names & set(table.columns)
                    column = self._stored_column(table, name or "")
                    operation.existing_type = column.type
                    operation.existing_nullable = column.nullable
                    operation.existing_server_default = column.server_default or False

    def _new_tables(self) -> Iterator[Change]:
        new = [self._models[key] for key in self._after.tables if key not in self._before.tables]
        tables, deferred = _sorted_tables(new)
        for table in tables:
            yield self._new_table(table, deferred)
        for constraint in deferred:
            yield self._new_foreign_key(constraint)

    def _new_table(self, table: Table, late: Iterable[Constraint]) -> Change:
        create = ops.CreateTableOp.from_table(table)
        removed = set(late)
        create.columns = [each for each in create.columns if each not in removed]
        create.columns += self._checks_of_types(table)
        indexes = [ops.CreateIndexOp.from_index(each) for each in _sorted(table.indexes)]
        return Change(
            "create tables",
            f"table {_shown(table)} is added",
            (create, *indexes),
            (ops.DropTableOp(table.name, schema=table.schema),),
        )

    def _checks_of_types(self, table: Table) -> list[CheckConstraint]:
        """Return the checks that enums and booleans without a native type have here."""
        checks = self._after.tables[table.schema, table.name].checks
        made = []
        for constraint in table.constraints:
            if isinstance(constraint, CheckConstraint) and constraint._type_bound:
                piece = next((each for each in checks if self._is(constraint, each)), None)
                if piece is not None:
                    name = _final(piece.name)
                    made.append(CheckConstraint(self._condition(constraint), name=name))
        return made

    def _condition(self, check: CheckConstraint) -> TextClause:
        compiler = self._dialect.statement_compiler(self._dialect, None)
        return text(compiler.process(check.sqltext, literal_binds=True, include_table=False))

    def _new_foreign_key(self, constraint: ForeignKeyConstraint) -> Change:
        table = constraint.table
        name = self._name(constraint)
        create = ops.CreateForeignKeyOp.from_constraint(constraint)
        create.constraint_name = _final(name)
        return Change(
            "create foreign keys",
            f"{_shown(table)}: foreign key {name} is added",
            (create,),
            (_drop(name, table.name, table.schema, "foreignkey"),),
        )

    def _dropped_tables(self) -> Iterator[Change]:
        gone = [key for key in self._before.tables if key not in self._after.tables]
        tables = [self._reflect(self._before.tables[key]) for key in gone]
        for table in reversed(_sorted_tables(tables)[0]):
            shape = self._before.tables[table.schema, table.name]
            indexes = [self._create_index(shape, piece) for piece in shape.indexes]
            create = ops.CreateTableOp.from_table(table)
            shown = _shown(table)
            yield Change(
                "drop tables",
                f"table {shown} is dropped",
                (ops.DropTableOp(table.name, schema=table.schema),),
                (create, *indexes),
                loses=f"table {shown}",
            )

    def _table(self, before: TableShape, after: TableShape, model: Table) -> Iterator[Change]:
        yield from self._columns(before, after, model)
        yield from self._primary_key(before, after)
        yield from self._pieces(before, after, model)
        if before.comment != after.comment:
            yield Change(
                "alter columns",
                f"{_shown(model)}: the comment changes",
                (_table_comment(model, after.comment, before.comment),),
                (_table_comment(model, before.comment, after.comment),),
            )

    def _columns(self, before: TableShape, after: TableShape, model: Table) -> Iterator[Change]:
        for name, column in after.columns.items():
            if name not in before.columns:
                yield self._added_column(_column_of(model, name))
            elif column != before.columns[name]:
                yield from self._altered_column(
                    before.columns[name], column, _column_of(model, name)
                )
        for name in before.columns:
            if name not in after.columns:
                yield self._dropped_column(before, name)

    def _added_column(self, column: Column[Any]) -> Change:
        table = column.table
        shown = f"{_shown(table)}.{column.name}"
        needs_value = not column.nullable and column.server_default is None
        return Change(
            "add columns",
            f"{_shown(table)}: column {column.name} is added",
            (ops.AddColumnOp(table.name, _free(column), schema=table.schema),),
            (ops.DropColumnOp(table.name, column.name, schema=table.schema),),
            warning=f"{shown} is NOT NULL without a server_default: adding it fails if the table "
            "has rows"
            if needs_value and not _is_generated(column)
            else None,
        )

    def _dropped_column(self, table: TableShape, name: str) -> Change:
        shown = table.shown
        column = self._stored_column(table, name)
        is_computed = table.columns[name].computed is not None
        return Change(
            "drop columns",
            f"{shown}: column {name} is dropped",
            (ops.DropColumnOp(table.name, name, schema=table.schema),),
            (ops.AddColumnOp(table.name, column, schema=table.schema),),
            loses=None if is_computed else f"column {shown}.{name}",
        )

    def _altered_column(
        self, before: ColumnShape, after: ColumnShape, column: Column[Any]
    ) -> Iterator[Change]:
        table = column.table
        old = self._stored_column(self._before.tables[table.schema, table.name], column.name)
        what = _column_differences(before, after)
        if before.computed != after.computed:
            yield self._recreated_column(column, old, before, after)
            return
        up: dict[str, Any] = {"existing_type": old.type}
        down: dict[str, Any] = {"existing_type": column.type}
        if before.type != after.type:
            up["modify_type"], down["modify_type"] = column.type, old.type
            self._add_conversion(up, before.type, after.type, column)
            self._add_conversion(down, after.type, before.type, column)
        if before.nullable != after.nullable:
            up["modify_nullable"], down["modify_nullable"] = after.nullable, before.nullable
        else:
            up["existing_nullable"] = down["existing_nullable"] = after.nullable
        if self._dialect.name in _MYSQL:
            up["existing_server_default"] = old.server_default or False
            down["existing_server_default"] = column.server_default or False
        if (before.default, before.identity) != (after.default, after.identity):
            up["modify_server_default"] = column.identity or column.server_default
            down["modify_server_default"] = old.identity or old.server_default
            up["existing_server_default"] = old.identity or False
            down["existing_server_default"] = column.identity or False
        if before.comment != after.comment:
            up["modify_comment"], down["modify_comment"] = after.comment, before.comment
            up["existing_comment"], down["existing_comment"] = before.comment, after.comment
        yield Change(
            "alter columns",
            f"{_shown(table)}: column {column.name}: {what}",
            self._alterations(column, up, bool(before.default), column.server_default),
            self._alterations(column, down, bool(after.default), old.server_default),
        )

    def _alterations(
        self, column: Column[Any], options: dict[str, Any], had_default: bool, default: Any
    ) -> tuple[ops.MigrateOperation, ...]:
        """Return the operations; PostgreSQL converts the rows of a column, but not its default."""

        def alter(**options: Any) -> ops.MigrateOperation:
            return ops.AlterColumnOp(table.name, column.name, schema=table.schema, **options)

        table = column.table
        if "postgresql_using" not in options or not had_default:
            return (alter(**options),)
        options = {"modify_server_default": default, **options}
        default = options.pop("modify_server_default")
        after = options["modify_type"]
        return (
            alter(existing_type=options["existing_type"], modify_server_default=None),
            alter(**options),
            *(
                []
                if default is None
                else [alter(existing_type=after, modify_server_default=default)]
            ),
        )

    def _recreated_column(
        self, column: Column[Any], old: Column[Any], before: ColumnShape, after: ColumnShape
    ) -> Change:
        """Drop a column and add it: no database changes the expression of a generated column."""
        table = column.table
        drop = ops.DropColumnOp(table.name, column.name, schema=table.schema)
        shown = f"{_shown(table)}.{column.name}"
        return Change(
            "alter columns",
            f"{_shown(table)}: column {column.name}: {_column_differences(before, after)}",
            (drop, ops.AddColumnOp(table.name, _free(column), schema=table.schema)),
            (drop, ops.AddColumnOp(table.name, old, schema=table.schema)),
            loses=None if before.computed is not None else f"column {shown}",
        )

    def _add_conversion(
        self, options: dict[str, Any], before: str, after: str, column: Column[Any]
    ) -> None:
        """Add the conversion of PostgreSQL where it has no implicit one."""
        if self._dialect.name != "postgresql":
            return
        enums = {name for _, name in {**self._before.enums, **self._after.enums}}
        words = {before.split("(")[0], after.split("(")[0]}
        texts = {"text", "character varying", "character"}
        if words <= texts or words <= _NUMBERS:
            return
        name = self._dialect.identifier_preparer.quote(column.name)
        middle = "::text" if words & enums else ""
        options["postgresql_using"] = f"{name}{middle}::{after}"

    def _primary_key(self, before: TableShape, after: TableShape) -> Iterator[Change]:
        old, new = before.primary_key, after.primary_key
        if old.definition == new.definition:
            return
        shown = after.shown
        drops, creates = [], []
        for piece in (old, new):
            name = piece.name or f"pk_{after.name}"
            drop = _drop(name, after.name, after.schema, "primary")
            create = ops.CreatePrimaryKeyOp(
                name, after.name, list(piece.definition), schema=after.schema
            )
            drops.append([drop] if piece.definition else [])
            creates.append([create] if piece.definition else [])
        yield Change(
            "alter columns",
            f"{shown}: the primary key becomes {', '.join(new.definition) or 'nothing'}",
            (*drops[0], *creates[1]),
            (*drops[1], *creates[0]),
        )

    def _pieces(self, before: TableShape, after: TableShape, model: Table) -> Iterator[Change]:
        for kind in ("foreign_keys", "uniques", "checks", "indexes"):
            old: dict[object, Piece] = {each.key: each for each in getattr(before, kind)}
            new: dict[object, Piece] = {each.key: each for each in getattr(after, kind)}
            for key, piece in old.items():
                if new.get(key) != piece:
                    yield self._dropped_piece(kind, before, piece, is_replaced=key in new)
            for key, piece in new.items():
                if old.get(key) != piece:
                    yield self._added_piece(kind, after, piece, model, is_changed=key in old)

    def _dropped_piece(
        self, kind: str, table: TableShape, piece: Piece, *, is_replaced: bool
    ) -> Change:
        phase = "drop foreign keys" if kind == "foreign_keys" else "drop constraints"
        shown = table.shown
        return Change(
            phase,  # type: ignore[arg-type]  # one of two phases
            "" if is_replaced else f"{shown}: {_NAMES[kind]} {_called(piece)} is dropped",
            (self._drop_piece(kind, table, piece),),
            (self._create_existing(kind, table, piece),),
        )

    def _added_piece(
        self, kind: str, table: TableShape, piece: Piece, model: Table, *, is_changed: bool
    ) -> Change:
        phase = "create foreign keys" if kind == "foreign_keys" else "create constraints"
        shown = table.shown
        verb = "changes" if is_changed else "is added"
        if kind == "indexes" and any(each.name == piece.name for each in table.foreign_keys):
            # MySQL makes an index for a foreign key, and keeps it when that is dropped.
            drop = self._drop_piece(kind, table, piece)
            return Change("create constraints", "", (), (drop,))
        return Change(
            phase,  # type: ignore[arg-type]  # one of two phases
            f"{shown}: {_NAMES[kind]} {_called(piece)} {verb}",
            (self._create_from_model(kind, piece, model),),
            (self._drop_piece(kind, table, piece),),
        )

    def _drop_piece(self, kind: str, table: TableShape, piece: Piece) -> ops.MigrateOperation:
        if kind == "indexes":
            return ops.DropIndexOp(_final(piece.name), table_name=table.name, schema=table.schema)
        return _drop(
            piece.name or self._usual_name(kind, table, piece),
            table.name,
            table.schema,
            _TYPES[kind],
        )

    def _usual_name(self, kind: str, table: TableShape, piece: Piece) -> str:
        """Return the name by which SQLite's operations find a constraint without one."""
        if kind == "foreign_keys":
            columns, _, target, *_ = piece.definition
            return f"fk_{table.name}_{'_'.join(columns)}_{target}"
        if kind == "uniques":
            return f"uq_{table.name}_{'_'.join(piece.definition)}"
        return f"{table.name}_check"

    def _create_existing(self, kind: str, table: TableShape, piece: Piece) -> ops.MigrateOperation:
        """Return the operation that makes a constraint or an index of the database anew."""
        if kind == "indexes":
            return self._create_index(table, piece)
        name, schema = _final(piece.name), table.schema
        if kind == "foreign_keys":
            columns, target_schema, target, targets, options = piece.definition
            return ops.CreateForeignKeyOp(
                name,
                table.name,
                target,
                list(columns),
                list(targets),
                source_schema=schema,
                referent_schema=target_schema,
                **dict(options),
            )
        if kind == "uniques":
            return ops.CreateUniqueConstraintOp(
                name, table.name, list(piece.definition), schema=schema
            )
        return ops.CreateCheckConstraintOp(name, table.name, piece.info["sqltext"], schema=schema)

    def _create_index(self, table: TableShape, piece: Piece) -> ops.MigrateOperation:
        sql = (piece.info or {}).get("sql")
        if sql is not None:  # as the server has it: SQLAlchemy does not reflect all of it
            return ops.ExecuteSQLOp(sql)
        columns, is_unique, _ = piece.definition
        return ops.CreateIndexOp(
            piece.name, table.name, list(columns), schema=table.schema, unique=is_unique
        )

    def _create_from_model(self, kind: str, piece: Piece, model: Table) -> ops.MigrateOperation:
        if kind == "indexes":
            for index in model.indexes:
                if self._index_name(index) == piece.name:
                    return ops.CreateIndexOp.from_index(index)
            return self._create_index(self._after.tables[model.schema, model.name], piece)
        cls, make = _CLASSES[kind]
        for constraint in model.constraints:
            if isinstance(constraint, cls) and self._is(constraint, piece):
                if isinstance(constraint, CheckConstraint):
                    return ops.CreateCheckConstraintOp(
                        _final(piece.name),
                        model.name,
                        self._condition(constraint),
                        schema=model.schema,
                    )
                operation: Any = make(constraint)
                operation.constraint_name = _final(piece.name)
                return cast("ops.MigrateOperation", operation)
        return self._create_existing(kind, self._after.tables[model.schema, model.name], piece)

    def _is(self, constraint: Constraint, piece: Piece) -> bool:
        name = self._name(constraint)
        if name is not None:
            return bool(name == piece.name)
        if isinstance(constraint, UniqueConstraint):
            return bool(tuple(each.name for each in constraint.columns) == piece.definition)
        if isinstance(constraint, ForeignKeyConstraint):
            columns = tuple(each.name for each in constraint.columns)
            target = constraint.referred_table.name
            return bool((columns, target) == (piece.definition[0], piece.definition[2]))
        return False

    def _name(self, constraint: Constraint) -> str | None:
        name = self._dialect.identifier_preparer.format_constraint(constraint)
        if name is None:
            return None
        return name[1:-1] if name[0] in '"`' else name

    def _index_name(self, index: Index) -> str:
        name = self._dialect.identifier_preparer.format_index(index)
        return name[1:-1] if name[0] in '"`' else name

    def _reflect(self, table: TableShape) -> Table:
        """Return the table of the database, under the names that it has there."""
        name = table.stored_name or table.name
        key = ".".join(filter(None, (table.schema, name)))
        if key not in self._tables.tables:
            with (
                warnings.catch_warnings()
            ):  # of indexes with expressions; snapshots have their text
                warnings.simplefilter("ignore", SAWarning)
                Table(name, self._tables, schema=table.schema, autoload_with=self._connection)
        return self._tables.tables[key]

    def _stored_column(self, table: TableShape, name: str) -> Column[Any]:
        column = self._reflect(table).columns[table.stored_columns.get(name, name)]
        free = _free(column)
        free.name = free.key = name
        return free


_TYPES = {"foreign_keys": "foreignkey", "uniques": "unique", "checks": "check"}
_NAMES = {
    "foreign_keys": "foreign key",
    "uniques": "unique constraint",
    "checks": "check",
    "indexes": "index",
}
_CLASSES: dict[str, tuple[type[Constraint], Callable[[Any], Any]]] = {
    "foreign_keys": (ForeignKeyConstraint, ops.CreateForeignKeyOp.from_constraint),
    "uniques": (UniqueConstraint, ops.CreateUniqueConstraintOp.from_constraint),
    "checks": (CheckConstraint, ops.CreateCheckConstraintOp.from_constraint),
}
_MYSQL = frozenset(["mysql", "mariadb"])
_NUMBERS = frozenset(["smallint", "integer", "bigint", "numeric", "real", "double precision"])


def _drop(name: str | None, table: str, schema: str | None, kind: str) -> ops.MigrateOperation:
    return ops.DropConstraintOp(_final(name), table, kind, schema=schema)


def _final(name: str | None) -> Any:
    """Return a name that a naming convention must not change again."""
    return None if name is None else conv(name)


def _free(column: Column[Any]) -> Column[Any]:
    """Return a copy of a column that belongs to no table, without its foreign keys and indexes."""
    copy = column._copy()
    copy.foreign_keys.clear()
    copy.index = copy.unique = None
    return copy


def _sorted_tables(tables: Iterable[Table]) -> tuple[list[Table], list[ForeignKeyConstraint]]:
    """Return tables, each after those that it refers to, and the foreign keys of circles."""
    function: Any = sort_tables_and_constraints
    pairs = list(function(tables))
    return [table for table, _ in pairs if table is not None], list(pairs[-1][1])


def _sorted(indexes: Iterable[Index]) -> list[Index]:
    return sorted(indexes, key=lambda index: str(index.name))


def _is_generated(column: Column[Any]) -> bool:
    return column.computed is not None or column.identity is not None


def _table_comment(table: Table, comment: str | None, existing: str | None) -> Any:
    if comment is None:
        return ops.DropTableCommentOp(table.name, existing_comment=existing, schema=table.schema)
    return ops.CreateTableCommentOp(
        table.name, comment, existing_comment=existing, schema=table.schema
    )


def _column_differences(before: ColumnShape, after: ColumnShape) -> str:
    found = []
    if before.type != after.type:
        found.append(f"type {before.type} → {after.type}")
    if before.nullable != after.nullable:
        found.append("NULL → NOT NULL" if before.nullable else "NOT NULL → NULL")
    if before.default != after.default:
        found.append(f"default {before.default or 'none'} → {after.default or 'none'}")
    if before.identity != after.identity:
        found.append("identity changes")
    if before.computed != after.computed:
        found.append(f"generated as {(after.computed or ('nothing',))[0]}")
    if before.comment != after.comment:
        found.append("the comment changes")
    return ", ".join(found)


def _called(piece: Piece) -> str:
    return piece.name or "without a name"


def _shown(table: Table) -> str:
    return table.fullname


def _column_of(table: Table, name: str) -> Column[Any]:
    """Return a column by its name in the database; its key in Python may be another."""
    return next(each for each in table.columns if each.name == name)
