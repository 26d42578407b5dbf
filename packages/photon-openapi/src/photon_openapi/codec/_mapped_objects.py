"""Reading objects of SQLAlchemy without executing a statement.

Theory of operation. Reading an attribute that is not loaded would execute a statement, for each
object of a list another one, when the handler has already returned. So the attributes of columns
and relationships are read where SQLAlchemy stores loaded values, in the ``__dict__`` of the object,
and one that is missing there is an error, which names the attribute and the way to load it. Two
cases need no statement and are not errors: a relationship whose key is NULL, and an object that was
never in the database, whose unset attributes are ``None``. Related objects are not looked up in the
session, which forgets those that the handler does not refer to any more.

Other attributes, such as properties and hybrids, are read as usual. They may use what is not
loaded: photon-lifeguard refuses the statement that they would execute.

SQLAlchemy is not imported here, see `photon_openapi.schema`: a program with such objects has it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ..errors import AttributeNotLoaded

_ABSENT = object()
_NEVER_LOADED = ("dynamic", "write_only")


def mapped_reader(value: Any, mapper: Any) -> Callable[[str, object], Any]:
    """Return a function that reads attributes of a mapped object by name, with a default.

    Args:
        value: The object.
        mapper: The mapper of its class.
    """
    get = value.__dict__.get

    def read(name: str, default: object) -> Any:
        part = get(name, _ABSENT)
        return _read_absent(value, mapper, name, default) if part is _ABSENT else part

    return read


def _read_absent(value: Any, mapper: Any, name: str, default: object) -> Any:
    is_relationship = name in mapper.relationships
    if not is_relationship and name not in mapper.column_attrs:
        return getattr(value, name, default)
    state = sys.modules["sqlalchemy"].inspect(value)
    if state.transient or state.pending:
        return getattr(value, name, default)
    if is_relationship and _is_null(value, mapper.relationships[name]):
        return None
    raise AttributeNotLoaded(_message(state, mapper, name))


def _is_null(value: Any, relationship: Any) -> bool:
    """Return whether a relationship is ``None`` because its key is; then set it."""
    if relationship.direction.name != "MANYTOONE":
        return False
    key = (relationship.parent.get_property_by_column(each) for each in relationship.local_columns)
    if any(value.__dict__.get(each.key, _ABSENT) is not None for each in key):
        return False
    sqlalchemy = sys.modules["sqlalchemy"]
    attributes = sys.modules["sqlalchemy.orm.attributes"]
    try:
        attributes.get_history(value, relationship.key, passive=attributes.PASSIVE_NO_FETCH)
    except sqlalchemy.exc.SQLAlchemyError:  # it is declared to raise, or the session is closed
        return False
    return relationship.key in value.__dict__


def _message(state: Any, mapper: Any, name: str) -> str:
    cls = mapper.class_.__name__
    subject = f"{cls}.{name}"
    if name in mapper.relationships:
        reason, remedy = _of_relationship(mapper.relationships[name], subject)
    elif name in state.expired_attributes:
        reason = "has expired"
        remedy = f'refresh the object in the handler: session.refresh({cls.lower()}, ["{name}"])'
    else:
        reason = "is not loaded"
        remedy = f"load it with the query: .options(undefer({subject}))"
    where = " and the object has left its session" if state.detached else ""
    return (
        f"{subject} {reason}{where}, and encoding a result executes no statement: {remedy}, or "
        "leave it out of the class that the handler returns"
    )


def _of_relationship(relationship: Any, subject: str) -> tuple[str, str]:
    if relationship.lazy in _NEVER_LOADED:
        return (
            f'is never loaded as a whole (lazy="{relationship.lazy}")',
            "select its items in the handler, and return them in an object of their own",
        )
    return "is not loaded", f"load it with the query: .options(selectinload({subject}))"
