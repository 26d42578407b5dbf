"""`PostgresqlOperations`: Alembic's operations on PostgreSQL, with the enum types that they need.

Alembic creates an enum type with its table, but not with a column that is added, and fails if two
tables share one. Here a type is created before its first use, if it does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alembic.ddl.postgresql import PostgresqlImpl
from sqlalchemy import ARRAY, Column, Table
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.types import TypeDecorator, TypeEngine


class PostgresqlOperations(PostgresqlImpl):
    """Changes of tables, and of the enum types of their columns."""

    def create_table(self, table: Table, **options: Any) -> None:
        """Create a table."""
        for column in table.columns:
            self._create_enums(column.type)
        super().create_table(table, **options)

    def add_column(self, table_name: str, column: Column[Any], **options: Any) -> None:
        """Add a column."""
        self._create_enums(column.type)
        super().add_column(table_name, column, **options)

    def alter_column(
        self,
        table_name: str,
        column_name: str,
        *,
        type_: TypeEngine[Any] | None = None,
        **options: Any,
    ) -> None:
        """Change a column."""
        if type_ is not None:
            self._create_enums(type_)
        super().alter_column(table_name, column_name, type_=type_, **options)

    def _create_enums(self, type_: TypeEngine[Any]) -> None:
        if self.as_sql or self.connection is None:
            return
        for enum in _enums(type_, self):
            enum.create(self.connection, checkfirst=True)
            # SQLAlchemy notes there which types it has created in this run.
            enum._check_for_name_in_memos(False, {"_ddl_runner": self})  # type: ignore[arg-type]


def _enums(type_: TypeEngine[Any], impl: PostgresqlImpl) -> Iterator[ENUM]:
    actual = type_.dialect_impl(impl.dialect)
    if isinstance(actual, TypeDecorator):
        actual = actual.impl_instance.dialect_impl(impl.dialect)
    if isinstance(actual, ENUM) and actual.create_type:
        yield actual
    elif isinstance(actual, ARRAY):
        yield from _enums(actual.item_type, impl)
