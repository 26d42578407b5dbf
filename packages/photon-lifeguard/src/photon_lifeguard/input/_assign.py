"""`assign`: the members of a value become attributes of an object."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import attrs
from sqlalchemy import inspect

T = TypeVar("T")
_NO_VALUE = object()


def assign(target: T, values: object) -> T:
    """Set the attributes of an object that a value has members for; all others stay.

    The class of ``values`` is the list of what a client may set: write one without ids, times and
    owners. What was not sent is not set, which suits PATCH: the keys of a ``TypedDict`` that are
    absent, and members whose value is msgspec's ``UNSET``.

    Args:
        target: An object of a mapped class, new or of a session.
        values: An object of an attrs class, a dataclass or a msgspec ``Struct``, or a mapping such
            as a ``TypedDict``.

    Returns:
        The object.

    Raises:
        TypeError: The mapped class does not have one of the attributes, or ``values`` is neither.

    Example:
        >>> import attrs
        >>> from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
        >>> class Base(DeclarativeBase): ...
        >>> class Post(Base):
        ...     __tablename__ = "posts"
        ...     id: Mapped[int] = mapped_column(primary_key=True)
        ...     title: Mapped[str]
        >>> @attrs.frozen
        ... class NewPost:
        ...     title: str
        >>> assign(Post(), NewPost("Hello")).title
        'Hello'
    """
    members = members_of(values)
    mapper = inspect(type(target))
    for name in members:
        if name not in mapper.all_orm_descriptors:
            raise TypeError(f"{type(target).__qualname__} has no attribute {name!r} to assign to")
    for name, value in members.items():
        setattr(target, name, value)
    return target


def members_of(values: object) -> Mapping[str, Any]:
    """Return the members of a value that are set, by name.

    Raises:
        TypeError: It is neither an object of a class with members nor a mapping.
    """
    if isinstance(values, Mapping):
        pairs = values.items()
    else:
        pairs = {name: getattr(values, name) for name in _names_of(type(values))}.items()
    # A program with such values has imported msgspec, which this package does not need.
    unset = getattr(sys.modules.get("msgspec"), "UNSET", _NO_VALUE)
    return {name: value for name, value in pairs if value is not unset}


def _names_of(cls: type[Any]) -> Sequence[str]:
    if attrs.has(cls):
        return [field.name for field in attrs.fields(cls)]
    if dataclasses.is_dataclass(cls):
        return [field.name for field in dataclasses.fields(cls)]
    names: Sequence[str] | None = getattr(cls, "__struct_fields__", None)
    if names is not None:
        return names
    raise TypeError(f"values are an object of an attrs class or a mapping, not {cls.__qualname__}")
