"""The order of a query: its sort keys, and the keys that make it total.

Theory of operation. Pages are stable only if no two rows compare equal: then every row has one
place. So the keys that identify a row are appended to those of ``ORDER BY``: the primary keys of
all tables that the query reads, the expressions of ``GROUP BY``, or for ``DISTINCT`` the columns
that are selected. Subqueries and functions that return rows have no primary key; for them the
caller names the columns that identify a row.

SQLAlchemy has no public list of the clauses of a query: the attributes that are read here exist
since version 1.4, and a test fails when they change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Alias, ColumnElement, FromClause, Join, Select, Table, inspect
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import Over, UnaryExpression

from ._sort_key import SortKey

_REFERENCES = ("label_reference", "textual_label_reference")


def sort_keys(query: Select[Any], key: Sequence[Any] | None = None) -> list[SortKey]:
    """Return the sort keys of a query, which together sort every row differently.

    Args:
        query: The query.
        key: Columns that identify a row; ``None`` for the primary keys.

    Raises:
        TypeError: The query cannot be divided into pages; the message gives the reason.
    """
    _check(query)
    optional = _has_outer_joins(query)
    keys = [_sort_key(clause, optional) for clause in query._order_by_clauses]
    columns = _identity(query) if key is None else key
    for column in columns:
        expression = _expression(column)
        if not any(_is_same(expression, each.expression) for each in keys):
            keys.append(SortKey(expression, may_be_null=_may_be_null(expression, optional)))
    return keys


def is_grouped(query: Select[Any]) -> bool:
    """Return whether conditions on the sort keys belong to ``HAVING``."""
    return bool(query._group_by_clauses)


def _check(query: Select[Any]) -> None:
    if not isinstance(query, Select):
        raise TypeError(
            f"pages are made of a select(), not of {type(query).__name__}: make a subquery of it, "
            "and select from that"
        )
    if query._limit_clause is not None or query._offset_clause is not None:
        raise TypeError("the query has a limit or an offset: leave both to paginate()")


# -- sort keys ----------------------------------------------------------------------------------


def _sort_key(clause: Any, optional: bool) -> SortKey:
    is_descending, nulls, element = False, None, clause
    while True:
        if getattr(element, "__visit_name__", "") in _REFERENCES:
            element = element.element
        elif isinstance(element, UnaryExpression) and element.modifier in _MODIFIERS:
            descending, placed = _MODIFIERS[element.modifier]
            is_descending = is_descending or descending
            nulls = nulls or placed
            element = element.element
        else:
            break
    if isinstance(element, str):
        raise TypeError(
            f"the query is sorted by the name {element!r}: sort it by the column or the expression"
        )
    expression = _expression(element)
    if any(isinstance(each, Over) for each in visitors.iterate(expression)):
        raise TypeError(
            "the query is sorted by a window function, which a condition cannot have: compute it "
            "in a subquery, and select from that"
        )
    return SortKey(expression, is_descending, nulls, _may_be_null(expression, optional))


_MODIFIERS: dict[Any, tuple[bool, str | None]] = {
    operators.desc_op: (True, None),
    operators.asc_op: (False, None),
    operators.nulls_first_op: (False, "first"),
    operators.nulls_last_op: (False, "last"),
}


def _expression(column: Any) -> ColumnElement[Any]:
    """Return an attribute, a label or a column as an expression that conditions can have."""
    clause = column.__clause_element__() if hasattr(column, "__clause_element__") else column
    element: ColumnElement[Any] = (
        getattr(clause, "element", clause) if _is_label(clause) else clause
    )
    return element


def _is_label(clause: Any) -> bool:
    return getattr(clause, "__visit_name__", "") == "label"


def _is_same(first: ColumnElement[Any], second: ColumnElement[Any]) -> bool:
    return first is second or hash(first) == hash(second)  # annotations do not change the hash


def _may_be_null(expression: ColumnElement[Any], optional: bool) -> bool:
    """Return false for columns of tables that are declared not to be NULL."""
    table = getattr(expression, "table", None)
    if optional or _table_of(table) is None:
        return True
    return bool(getattr(expression, "nullable", True))


def _has_outer_joins(query: Select[Any]) -> bool:
    if any(flags["isouter"] or flags["full"] for *_, flags in query._setup_joins):
        return True
    return any(
        isinstance(each, Join) and (each.isouter or each.full)
        for source in query._from_obj
        for each in visitors.iterate(source)
    )


# -- identity -----------------------------------------------------------------------------------


def _identity(query: Select[Any]) -> Sequence[Any]:
    """Return the columns that identify a row."""
    if query._group_by_clauses:
        return query._group_by_clauses
    selected = query.column_descriptions
    are_entities = all(each["expr"] is each["entity"] for each in selected)
    if are_entities and len(selected) == 1 and _is_plain(query):
        return _primary_key(selected[0]["entity"])
    if query._distinct and not are_entities:
        return list(query.selected_columns)
    return [column for source in query.get_final_froms() for column in _keys_of(source)]


def _is_plain(query: Select[Any]) -> bool:
    """Return whether a query reads the table of its entity alone."""
    return not (query._setup_joins or query._from_obj or query._distinct_on)


def _primary_key(entity: Any) -> list[Any]:
    mapper = inspect(entity).mapper
    return [getattr(entity, mapper.get_property_by_column(each).key) for each in mapper.primary_key]


def _keys_of(source: FromClause) -> Iterator[ColumnElement[Any]]:
    if isinstance(source, Join):
        yield from _keys_of(source.left)
        yield from _keys_of(source.right)
        return
    table = _table_of(source)
    columns = [] if table is None else list(source.primary_key)
    if not columns:
        raise TypeError(
            f"{getattr(source, 'name', None) or 'a subquery'} has no primary key, and the order of "
            "its rows must be total: name the columns that identify a row of the query, as in "
            "paginate(..., key=[Post.id])"
        )
    yield from columns


def _table_of(source: Any) -> Table | None:
    """Return the table behind a table or its alias; ``None`` for other sources."""
    while isinstance(source, Alias):
        source = source.element
    return source if isinstance(source, Table) else None
