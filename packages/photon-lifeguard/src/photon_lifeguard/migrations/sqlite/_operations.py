"""`SqliteOperations`: Alembic's operations on SQLite, each as a rebuild of its table.

The same migrations run on SQLite and on PostgreSQL: ``op.alter_column``, ``op.add_column``,
``op.create_foreign_key`` and the others work as they are, outside of ``op.batch_alter_table`` and
inside of it. Comments of tables and columns do not exist on SQLite and are left out.
"""

from __future__ import annotations

from typing import Any

from alembic.ddl.base import ColumnName
from alembic.ddl.sqlite import SQLiteImpl
from sqlalchemy import Column, Computed, Connection, MetaData, Table
from sqlalchemy.schema import CheckConstraint, Constraint, Identity
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.types import NullType, TypeEngine

from ...errors import MigrationError
from ._rebuild import read_table, rebuild
from ._table_sql import ColumnSql, TableSql, clause_from, column_from


class SqliteOperations(SQLiteImpl):
    """Changes of tables in one transaction, without losing rows or what belongs to the table."""

    def requires_recreate_in_batch(self, batch_op: object) -> bool:
        """Return ``False``: every operation rebuilds its table itself where that is needed."""
        return False

    def alter_column(
        self,
        table_name: str,
        column_name: str,
        *,
        nullable: bool | None = None,
        server_default: Any = False,
        name: str | None = None,
        type_: TypeEngine[Any] | None = None,
        existing_type: TypeEngine[Any] | None = None,
        **options: Any,
    ) -> None:
        """Change the type, the default, the null constraint or the name of a column."""
        table = read_table(self._connection, table_name)
        column = table.column(column_name)
        before = table.sql("")
        if type_ is not None:
            column.type = self.dialect.type_compiler_instance.process(type_)
        if nullable is not None:
            column.set_clause("NULL", None)
            column.set_clause("NOT", None if nullable else "NOT NULL")
        if server_default is not False:
            self._set_default(column, server_default, type_ or existing_type)
        if table.sql("") != before:
            rebuild(self._connection, table)
        if name is not None and name != column_name:
            self._exec(ColumnName(table_name, column_name, name))

    def add_column(
        self,
        table_name: str,
        column: Column[Any],
        *,
        if_not_exists: bool | None = None,
        **options: Any,
    ) -> None:
        """Add a column at the end."""
        table = read_table(self._connection, table_name)
        names = {each.name.lower() for each in table.columns}
        if if_not_exists and column.name.lower() in names:
            return
        table.columns.append(column_from(self._specification(column)))
        rebuild(self._connection, table)

    def drop_column(
        self,
        table_name: str,
        column: Column[Any],
        *,
        if_exists: bool | None = None,
        **options: Any,
    ) -> None:
        """Drop a column, with the indexes and constraints that contain it."""
        table = read_table(self._connection, table_name)
        names = {each.name.lower() for each in table.columns}
        if if_exists and column.name.lower() not in names:
            return
        table.remove_column(column.name)
        rebuild(self._connection, table, dropped=frozenset([column.name]))

    def add_constraint(self, const: Constraint, **options: Any) -> None:
        """Add a constraint, which all rows must meet."""
        text = self._constraint(const)
        if text is None:
            return
        table = self._table_of(const)
        table.constraints.append(clause_from(text))
        rebuild(self._connection, table)

    def drop_constraint(self, const: Constraint, **options: Any) -> None:
        """Drop a constraint by its name; a check without one by its text."""
        table = self._table_of(const)
        if isinstance(const.name, str):
            table.remove_constraint(const.name)
        elif isinstance(const, CheckConstraint):
            table.remove_check(self._constraint(const) or "")
        else:
            raise MigrationError(f"a constraint of {table.name} is to be dropped: name it")
        rebuild(self._connection, table)

    def create_table_comment(self, table: Table) -> None:
        """Do nothing: SQLite has no comments."""

    def drop_table_comment(self, table: Table) -> None:
        """Do nothing: SQLite has no comments."""

    def create_column_comment(self, column: Column[Any]) -> None:
        """Do nothing: SQLite has no comments."""

    @property
    def _connection(self) -> Connection:
        if self.connection is None:
            raise MigrationError("migrations of SQLite need a connection")
        return self.connection

    def _table_of(self, const: Constraint) -> TableSql:
        return read_table(self._connection, const.table.name)

    def _compiler(self) -> DDLCompiler:
        """Return a compiler for parts of statements; it has no statement of its own."""
        nothing: Any = None
        return self.dialect.ddl_compiler(self.dialect, nothing)

    def _constraint(self, const: Constraint) -> str | None:
        compiler = self._compiler()
        rule = const._create_rule
        if rule is not None and not rule(compiler):
            return None
        text: str | None = compiler.process(const)
        return text

    def _specification(self, column: Column[Any]) -> str:
        """Return the definition of a column, which may belong to no table."""
        if not hasattr(column, "table") or not isinstance(column.table, Table):
            Table("t", MetaData(), column)
        return self._compiler().get_column_specification(column)

    def _set_default(self, column: ColumnSql, default: Any, type_: TypeEngine[Any] | None) -> None:
        kind = "GENERATED" if isinstance(default, Computed) else "DEFAULT"
        text = None
        if default is not None and not isinstance(default, Identity):
            made: Column[Any]
            if isinstance(default, Computed):
                made = Column(
                    "c", type_ or NullType(), Computed(default.sqltext, default.persisted)
                )
            else:
                made = Column("c", type_ or NullType(), server_default=default)
            parsed = column_from(self._specification(made))
            text = next((each.text for each in parsed.clauses if each.kind == kind), None)
        column.set_clause(kind, text)
