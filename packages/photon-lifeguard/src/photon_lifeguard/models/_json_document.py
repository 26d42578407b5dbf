"""JSON whose changes in place are not lost in silence.

Theory of operation. SQLAlchemy compares an attribute when it is set. A change inside of a mapping
or a list (``post.data["views"] = 3``) is not noticed, and not stored. So values that are loaded are
read-only: such a change raises an error, which says what to write. To be allowed to change them,
declare ``MutableDict.as_mutable(JsonDocument())``, which notices changes of the outermost mapping;
those inside of it still raise.

A value that the application has set remains its own object until it is loaded anew.
"""

from __future__ import annotations

from typing import Any, NoReturn

from sqlalchemy import JSON, Dialect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine


class JsonDocument(TypeDecorator[Any]):
    """Any JSON value; ``JSONB`` on PostgreSQL, ``JSON`` on MySQL and SQLite.

    ``None`` is NULL of the database, not ``null`` of JSON. Loaded mappings and lists are read-only.
    """

    impl = JSON
    cache_ok = True

    def __init__(self) -> None:
        """Make the type."""
        super().__init__(none_as_null=True)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type on one kind of database."""
        kind = JSONB if dialect.name == "postgresql" else JSON
        return dialect.type_descriptor(kind(none_as_null=True))

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Return a loaded value, read-only."""
        return _frozen(value)

    @property
    def python_type(self) -> type:
        """The class of values: any."""
        return object

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """Return the type of the other side of an operator: that of JSON's own operators."""
        return self.impl_instance.coerce_compared_value(op, value)


def _refuse(self: object, *_: object, **__: object) -> NoReturn:
    raise TypeError(
        "a loaded JSON value is read-only, because a change inside of it would not be stored: set "
        "the attribute to a new value, as in post.data = {**post.data, 'views': 3}, or declare the "
        "column as MutableDict.as_mutable(JsonDocument())"
    )


class _ReadOnlyDict(dict[Any, Any]):
    __slots__ = ()
    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> dict[Any, Any]:
        return dict(self)

    def __deepcopy__(self, memo: object) -> Any:
        return _thawed(self)

    def __reduce__(self) -> Any:
        return _identity, (_thawed(self),)


class _ReadOnlyList(list[Any]):
    __slots__ = ()
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: object) -> Any:
        return _thawed(self)

    def __reduce__(self) -> Any:
        return _identity, (_thawed(self),)


def _identity(value: Any) -> Any:
    return value


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return _ReadOnlyDict((key, _frozen(item)) for key, item in value.items())
    if isinstance(value, list):
        return _ReadOnlyList(map(_frozen, value))
    return value


def _thawed(value: Any) -> Any:
    """Return a copy that can be changed."""
    if isinstance(value, dict):
        return {key: _thawed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_thawed(item) for item in value]
    return value
