"""One expression that a query is sorted by, on each kind of database.

Theory of operation. A position is the values of the sort keys of a row, and the rows after it are
found by comparing with these values. That is exact only if a value survives the way to Python and
back, and compares as it is sorted. Where it does not, another form of the expression is read and
compared, which is sorted the same:

- SQLite: the value as it is stored. A time may be stored with or without a fraction, a number with
  more digits than its column shows.
- MySQL: ``FLOAT`` is sent with six digits, so it is converted to ``DOUBLE``; an ``ENUM`` is sorted
  by the number of its value and compared by its name, so the number is used.
- PostgreSQL: ``REAL`` is converted to ``DOUBLE PRECISION``, which parameters have.
- A `TypeDecorator` of the application: the value in the form of the database.

The databases differ in where NULL is sorted: first in ascending order on SQLite and MySQL, last on
PostgreSQL. What a query states (``NULLS LAST``) is followed on all of them; MySQL has no words for
it and sorts by ``IS NULL`` before.
"""

from __future__ import annotations

from typing import Any

import attrs
from sqlalchemy import (
    ColumnElement,
    Dialect,
    Enum,
    and_,
    case,
    cast,
    false,
    literal,
    or_,
    type_coerce,
)
from sqlalchemy.types import REAL, Double, Float, Integer, NullType, TypeDecorator, TypeEngine


@attrs.frozen
class SortKey:
    """An expression that a query is sorted by.

    Attributes:
        expression: The expression, as the query has it.
        is_descending: True for descending order.
        nulls: ``first`` or ``last`` if the query states where NULL is sorted; else ``None``.
        may_be_null: False for a column that has no NULL.
    """

    expression: ColumnElement[Any]
    is_descending: bool = False
    nulls: str | None = None
    may_be_null: bool = True

    def reversed(self, dialect: Dialect) -> SortKey:
        """Return the key for the opposite order."""
        opposite = "last" if self.nulls_are_first(dialect) else "first"
        return attrs.evolve(self, is_descending=not self.is_descending, nulls=opposite)

    def nulls_are_first(self, dialect: Dialect) -> bool:
        """Return whether NULL is sorted before the values."""
        if self.nulls is not None:
            return self.nulls == "first"
        return self.is_descending is _sorts_null_last(dialect)

    def order_by(self, dialect: Dialect) -> list[ColumnElement[Any]]:
        """Return the expressions for ``ORDER BY``."""
        ordered = self.expression.desc() if self.is_descending else self.expression.asc()
        is_usual = self.nulls_are_first(dialect) == (
            self.is_descending is _sorts_null_last(dialect)
        )
        if is_usual or not self.may_be_null:
            return [ordered]
        if dialect.name in ("mysql", "mariadb"):
            null, value = (0, 1) if self.nulls_are_first(dialect) else (1, 0)
            return [case((self.expression.is_(None), null), else_=value), ordered]
        return [ordered.nulls_first() if self.nulls == "first" else ordered.nulls_last()]

    def compared(self, dialect: Dialect) -> ColumnElement[Any]:
        """Return the expression whose values are read and compared."""
        expression, type_ = self.expression, self.expression.type
        if dialect.name == "sqlite":
            return type_coerce(expression, NullType())
        if isinstance(type_, TypeDecorator):
            return type_coerce(expression, type_.load_dialect_impl(dialect))
        is_mysql = dialect.name in ("mysql", "mariadb")
        if is_mysql and isinstance(type_, Enum) and type_.native_enum:
            return type_coerce(expression, Integer()) + 0
        is_short = isinstance(type_, REAL) or (is_mysql and isinstance(type_, Float))
        if is_short and not isinstance(type_, Double):
            return cast(expression, Double())
        return expression

    def after(self, value: object, dialect: Dialect) -> ColumnElement[bool]:
        """Return the condition for rows that are sorted after ``value``."""
        compared = self.compared(dialect)
        if value is None:
            return self.expression.is_not(None) if self.nulls_are_first(dialect) else false()
        bound = literal(value, _bound_type(compared.type))
        is_after = compared < bound if self.is_descending else compared > bound
        if self.may_be_null and not self.nulls_are_first(dialect):
            return or_(is_after, self.expression.is_(None))
        return is_after

    def at_or_after(self, value: object, dialect: Dialect) -> ColumnElement[bool]:
        """Return the condition for rows that are sorted as ``value`` is, or after it.

        Args:
            value: A value that is not ``None``, of a key that has no NULL.
            dialect: The database.
        """
        compared = self.compared(dialect)
        bound = literal(value, _bound_type(compared.type))
        return compared <= bound if self.is_descending else compared >= bound

    def equal(self, value: object, dialect: Dialect) -> ColumnElement[bool]:
        """Return the condition for rows that are sorted as ``value`` is."""
        if value is None:
            return self.expression.is_(None)
        compared = self.compared(dialect)
        return compared == literal(value, _bound_type(compared.type))


def rows_after(keys: list[SortKey], values: list[object], dialect: Dialect) -> ColumnElement[bool]:
    """Return the condition for the rows after a position.

    Args:
        keys: The sort keys.
        values: The position: a value for each of them.
        dialect: The database.
    """
    options = []
    for index, (key, value) in enumerate(zip(keys, values, strict=True)):
        earlier = zip(keys[:index], values[:index], strict=True)
        equal = [each.equal(other, dialect) for each, other in earlier]
        options.append(and_(*equal, key.after(value, dialect)))
    condition = or_(*options)
    first = keys[0]
    if len(keys) == 1 or values[0] is None or first.may_be_null:
        return condition
    # Implied by the rest, for the index: a database finds the first row by it.
    return and_(first.at_or_after(values[0], dialect), condition)


def _bound_type(type_: TypeEngine[Any]) -> TypeEngine[Any] | None:
    """Return the type of a parameter; ``None`` to infer it from its value."""
    return None if isinstance(type_, NullType) else type_


def _sorts_null_last(dialect: Dialect) -> bool:
    """Return whether NULL is sorted as if it was greater than all values."""
    return dialect.name not in ("sqlite", "mysql", "mariadb")
