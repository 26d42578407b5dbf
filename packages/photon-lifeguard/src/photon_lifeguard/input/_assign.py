"""`assign`: the members of a value become attributes of an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import attrs
from sqlalchemy import inspect

T = TypeVar("T")


def assign(target: T, values: object) -> T:
    """Set the attributes of an object that a value has members for; all others stay.

    The class of ``values`` is the list of what a client may set: write one without ids, times and
    owners. The keys of a ``TypedDict`` that are absent are not set, which suits PATCH.

    Args:
        target: An object of a mapped class, new or of a session.
        values: An object of an attrs class, or a mapping such as a ``TypedDict``.

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
    """Return the members of a value by name.

    Raises:
        TypeError: It is neither an object of an attrs class nor a mapping.
    """
    if isinstance(values, Mapping):
        return values
    cls: type[Any] = type(values)
    if attrs.has(cls):
        return {field.name: getattr(values, field.name) for field in attrs.fields(cls)}
    raise TypeError(
        f"values are an object of an attrs class or a mapping, not {type(values).__qualname__}"
    )
