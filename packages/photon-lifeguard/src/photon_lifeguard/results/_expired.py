"""Values that a flush has left to the database: they are complete before the result is encoded.

Theory of operation. A flush expires the attributes whose values the database has made and not
returned: those set by an expression, of ``onupdate`` and ``server_onupdate``, and on databases
without ``RETURNING`` also of ``server_default``. SQLAlchemy reads them when they are used, one
object at a time; encoding a result executes no statement. So they are read here, with one
statement for all objects of a class. Columns of a new object that were not set, and have no
default, are NULL: SQLAlchemy would read them, too, and here they are set to ``None``.

Only what a flush has left is completed. What the application has expired, by `Session.expire` or
by the rollback of a savepoint, and what a query has not loaded, are decisions of the application.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Column, and_, or_, select
from sqlalchemy.orm import ColumnProperty, InstanceState, Session, lazyload, load_only
from sqlalchemy.orm.attributes import set_committed_value

_BATCH = 200
"""Objects of one statement: databases limit the number of parameters."""


def refresh_expired(session: Session) -> None:
    """Complete the objects that ``session`` has flushed with the values that they have not loaded.

    Blocks: the calling task, for a round trip for each class with such values.
    """
    missing = [
        (state, names)
        for state in session.identity_map.all_states()
        if (state.expired_attributes or state.insert_order is not None)
        and not state.expired
        and (names := _missing(state))
    ]
    if len(missing) == 1:
        state, names = missing[0]
        session.refresh(state.obj(), names)
    elif missing:
        for states, names in _groups(missing):
            _refresh(session, states, names)


def _missing(state: InstanceState[Any]) -> tuple[str, ...]:
    """Return the names of the columns to read, after setting those that are known to be NULL."""
    columns = state.mapper.column_attrs
    names = {name for name in state.expired_attributes if name in columns}
    if state.insert_order is not None:  # it was new in this session
        for attribute in columns:
            if attribute.key in state.dict or attribute.key in names:
                continue
            if _is_null(attribute):
                set_committed_value(state.obj(), attribute.key, None)
            elif not attribute.deferred:
                names.add(attribute.key)
    return tuple(sorted(names))


def _is_null(attribute: ColumnProperty[Any]) -> bool:
    """Return whether the database has NULL for a column that an INSERT did not set."""
    column = attribute.columns[0]
    return isinstance(column, Column) and column.server_default is None


_Missing = tuple[InstanceState[Any], tuple[str, ...]]


def _groups(
    missing: Sequence[_Missing],
) -> Iterator[tuple[Sequence[InstanceState[Any]], tuple[str, ...]]]:
    """Yield states of one class with the same missing columns."""

    def kind(entry: _Missing) -> tuple[int, tuple[str, ...]]:
        return id(entry[0].mapper), entry[1]

    for (_, names), entries in groupby(sorted(missing, key=kind), key=kind):
        states = [state for state, _ in entries]
        for start in range(0, len(states), _BATCH):
            yield states[start : start + _BATCH], names


def _refresh(
    session: Session, states: Sequence[InstanceState[Any]], names: tuple[str, ...]
) -> None:
    mapper = states[0].mapper
    keys = [mapper.get_property_by_column(column).class_attribute for column in mapper.primary_key]
    identities = [state.identity for state in states if state.identity is not None]
    if len(keys) == 1:
        criterion = keys[0].in_([identity[0] for identity in identities])
    else:
        criterion = or_(
            *(
                and_(*(key == part for key, part in zip(keys, identity, strict=True)))
                for identity in identities
            )
        )
    attributes = [getattr(mapper.class_, name) for name in names]
    # Rows of objects in the session fill in what is missing, and change nothing else.
    query = select(mapper.class_).where(criterion).options(load_only(*attributes), lazyload("*"))
    session.scalars(query).all()
