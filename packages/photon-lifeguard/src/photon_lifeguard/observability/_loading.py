"""What SQLAlchemy executes a statement for: a relationship, expired attributes, a flush.

This module is the only one that reads what SQLAlchemy does not promise: the load options of the
ORM, which `sqlalchemy.orm.ORMExecuteState` shows to listeners of a session, are attributes of the
statement and of its execution options. A version without them yields statements of unknown purpose,
which are reported by their text.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import attrs
from sqlalchemy import inspect
from sqlalchemy.engine.interfaces import ExecuteStyle
from sqlalchemy.orm import Mapper, RelationshipProperty, Session

from .._call_site import is_called_by

_EXPANDED_IN: Final = re.compile(r"\bIN \((?!\s*SELECT\b)|= ANY ?\(", re.IGNORECASE)
_LIMITED: Final = re.compile(r"\b(?:LIMIT|OFFSET|FETCH)\b", re.IGNORECASE)
_LIMIT_ONE: Final = re.compile(r"\bLIMIT\s+1\b(?!.*\bOFFSET\b)", re.IGNORECASE | re.DOTALL)
_FLUSH: Final = Session.flush.__code__


@attrs.frozen
class Load:
    """A statement that the ORM executes on behalf of objects that it has already.

    Attributes:
        kind: ``lazy`` for a relationship that is loaded at its first use, ``refresh`` for columns
            that were expired or deferred, ``eager`` for a relationship that the query names.
        name: What is loaded, as in ``Post.author``.
        remedy: Option of the query that loads it together with the objects.
    """

    kind: Literal["lazy", "refresh", "eager"]
    name: str
    remedy: str = ""


def load_of(context: Any) -> Load | None:
    """Return what the ORM executes a statement for; ``None`` for a statement of the application.

    Args:
        context: Execution context of the statement.
    """
    statement: Any = getattr(context, "invoked_statement", None)
    options = getattr(statement, "_compile_options", None)
    if options is None or not statement.is_select:
        return None
    if getattr(options, "_for_refresh_state", False):
        return _refresh(statement, getattr(options, "_only_load_props", None))
    path = getattr(options, "_current_path", None)
    hops = [] if path is None else [each for each in path if isinstance(each, RelationshipProperty)]
    if not hops:
        return None
    load_options = context.execution_options.get("_sa_orm_load_options")
    is_lazy = getattr(load_options, "_lazy_loaded_from", None) is not None
    return Load("lazy" if is_lazy else "eager", _name(hops[-1]), ".".join(map(_selectin, hops)))


def is_flush() -> bool:
    """Return whether a session that writes its changes has called."""
    return is_called_by(_FLUSH, skip=2)


def is_batch(context: Any, statement: str) -> bool:
    """Return whether a statement is one of several that handle many rows each, by design."""
    if context is not None:
        if context.executemany or context.execute_style is ExecuteStyle.INSERTMANYVALUES:
            return True
        if _EXPANDED_IN.search(statement):
            return True
    return _LIMITED.search(statement) is not None and not _is_limited_to_one(context, statement)


def _is_limited_to_one(context: Any, statement: str) -> bool:
    invoked = getattr(context, "invoked_statement", None)
    limit = getattr(invoked, "_limit_clause", None)
    if limit is None:
        return _LIMIT_ONE.search(statement) is not None
    has_offset = getattr(invoked, "_offset_clause", None) is not None
    return not has_offset and getattr(limit, "value", None) == 1


def _refresh(statement: Any, names: frozenset[str] | None) -> Load:
    subject = statement._propagate_attrs.get("plugin_subject")
    mapper = None if subject is None else inspect(subject, raiseerr=False)
    cls = mapper.class_.__name__ if isinstance(mapper, Mapper) else "an object"
    if isinstance(mapper, Mapper) and names:
        deferred = [name for name in sorted(names) if _is_deferred(mapper, name)]
        if deferred:
            name = f"{cls}.{deferred[0]}"
            return Load("refresh", name, f"undefer({name})")
        if mapper.inherits is not None and not any(mapper.inherits.has_property(n) for n in names):
            base = mapper.base_mapper.class_.__name__
            return Load("refresh", cls, f"selectin_polymorphic({base}, [{cls}])")
    return Load("refresh", cls)


def _is_deferred(mapper: Mapper[Any], name: str) -> bool:
    return name in mapper.column_attrs and mapper.column_attrs[name].deferred


def _name(relationship: RelationshipProperty[Any]) -> str:
    return f"{relationship.parent.class_.__name__}.{relationship.key}"


def _selectin(relationship: RelationshipProperty[Any]) -> str:
    is_recursive = relationship.mapper.common_parent(relationship.parent)
    depth = ", recursion_depth=-1" if is_recursive else ""
    return f"selectinload({_name(relationship)}{depth})"
