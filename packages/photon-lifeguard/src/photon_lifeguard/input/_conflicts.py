"""Values that the database would refuse: taken ones, and references to rows that do not exist.

Theory of operation. An error of a constraint ends the transaction, and SQLite does not even name
the foreign key that was violated. So the constraints of the table are checked before, all of them
in one statement, and the error names the members. Another transaction may still come between the
check and the commit; then the constraint refuses the row, and the response is a 409 without names.

Constraints without a value to check are left out: where one of their columns is NULL, and where the
object has the value already. Partial unique indexes are left to the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
from sqlalchemy import (
    Column,
    ColumnElement,
    Table,
    UniqueConstraint,
    and_,
    exists,
    inspect,
    literal,
    not_,
    select,
)
from sqlalchemy.orm import Mapper, Session

from photon_runtime.http import HttpError

from ._assign import members_of
from ._wire_names import wire_name_of

TAKEN = "is taken already"
MISSING = "does not exist"


@attrs.frozen
class ValueConflict:
    """A value that a constraint of the database refuses.

    Attributes:
        member: Name of the member.
        message: The reason, to follow the name.
        status: 409 for a value that another row has; 422 for a reference to a missing row.
    """

    member: str
    message: str
    status: int


def find_conflicts(session: Session, target: object, values: object) -> list[ValueConflict]:
    """Return the values that a unique constraint or a foreign key would refuse.

    Args:
        session: The session; nothing is flushed.
        target: The mapped class of a new object; the object itself if it is in the database.
        values: An object of an attrs class, or a mapping; the target does not have its values yet.

    Returns:
        The conflicts, by the order of the members; empty if there are none.

    Blocks: the calling task, for one round trip, if there is a constraint to check.
    """
    current = None if isinstance(target, type) else target
    mapper: Mapper[Any] = inspect(target if isinstance(target, type) else type(target))
    members = members_of(values)
    checks = list(_checks(mapper, current, members))
    if not checks:
        return []
    with session.no_autoflush:
        statement = select(*(check.condition.label(f"c{n}") for n, check in enumerate(checks)))
        row = session.execute(statement, bind_arguments={"mapper": mapper}).one()
    refused = [check for check, is_refused in zip(checks, row, strict=True) if is_refused]
    conflicts = {
        member: ValueConflict(member, check.message, check.status)
        for check in refused
        for member in check.members
    }
    return [conflicts[member] for member in members if member in conflicts]


def refuse_conflicts(session: Session, target: object, values: object) -> None:
    """Refuse values that a unique constraint or a foreign key would refuse; see `find_conflicts`.

    Raises:
        HttpError: 409 if all of them are taken, 422 if a reference is to a row that does not exist;
            ``errors`` has a pointer to each member of the body.

    Blocks: the calling task, for one round trip, if there is a constraint to check.
    """
    conflicts = find_conflicts(session, target, values)
    if not conflicts:
        return
    count = "1 error" if len(conflicts) == 1 else f"{len(conflicts)} errors"
    errors = [
        {
            "in": "body",
            "pointer": f"/{wire_name_of(type(values), conflict.member)}",
            "message": conflict.message,
        }
        for conflict in conflicts
    ]
    raise HttpError(
        max(conflict.status for conflict in conflicts),
        f"the request conflicts with stored data: {count}",
        extensions={"errors": errors},
    )


@attrs.frozen
class _Check:
    """A constraint to check.

    Attributes:
        members: The members that it is about.
        condition: True if the database would refuse the values.
    """

    members: Sequence[str]
    condition: ColumnElement[bool]
    message: str
    status: int


def _checks(
    mapper: Mapper[Any], current: object | None, members: Mapping[str, Any]
) -> Iterator[_Check]:
    values = _Values(mapper, current, members)
    for table in mapper.tables:
        if isinstance(table, Table):  # not a subquery
            yield from _unique_checks(table, values)
            yield from _reference_checks(table, values)


def _unique_checks(table: Table, values: _Values) -> Iterator[_Check]:
    for columns in _unique(table):
        sent = values.of(columns)
        if sent is not None:
            same = [column == value for column, value in zip(columns, sent, strict=True)]
            others = select(literal(1)).select_from(table).where(*same, *values.other_rows())
            yield _Check(values.changed(columns), exists(others), TAKEN, 409)


def _reference_checks(table: Table, values: _Values) -> Iterator[_Check]:
    for key in table.foreign_key_constraints:
        columns = list(key.columns)
        sent = values.of(columns)
        if sent is not None:
            referred = key.referred_table.alias()  # it may be the same table
            names = [element.column.key for element in key.elements]
            same = [referred.c[name] == value for name, value in zip(names, sent, strict=True)]
            row = select(literal(1)).select_from(referred).where(*same)
            yield _Check(values.changed(columns), not_(exists(row)), MISSING, 422)


@attrs.frozen
class _Values:
    """The values of columns: those that are sent, and for the rest those of the row."""

    mapper: Mapper[Any]
    current: object | None
    members: Mapping[str, Any]

    def changed(self, columns: Sequence[Column[Any]]) -> list[str]:
        """Return the members that would change one of the columns."""
        names = [self._name(column) for column in columns]
        return [
            name
            for name in names
            if name in self.members
            and (self.current is None or getattr(self.current, name) != self.members[name])
        ]

    def of(self, columns: Sequence[Column[Any]]) -> list[Any] | None:
        """Return the values of columns; ``None`` if there is nothing to check."""
        if not self.changed(columns):
            return None
        values = [self._value(self._name(column)) for column in columns]
        return None if None in values else values

    def other_rows(self) -> list[ColumnElement[bool]]:
        """Return the condition for rows other than that of the object."""
        if self.current is None:
            return []
        keys = self.mapper.primary_key
        identity = self.mapper.primary_key_from_instance(self.current)
        return [not_(and_(*(key == own for key, own in zip(keys, identity, strict=True))))]

    def _value(self, name: str) -> Any:
        if name in self.members:
            return self.members[name]
        return None if self.current is None else getattr(self.current, name, None)

    def _name(self, column: Column[Any]) -> str:
        return self.mapper.get_property_by_column(column).key


def _unique(table: Table) -> Iterator[list[Column[Any]]]:
    """Yield the columns of each unique constraint and index of a table."""
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield list(constraint.columns)
    for index in table.indexes:
        is_partial = any(index.dialect_options[name].get("where") is not None for name in _PARTIAL)
        if index.unique and not is_partial and len(index.columns) == len(index.expressions):
            yield list(index.columns)


_PARTIAL = ("postgresql", "sqlite")
