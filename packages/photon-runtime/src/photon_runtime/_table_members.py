"""The members of a class that describes a table of the settings: attrs, dataclass or Struct."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, TypeGuard

import attrs
import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator


@attrs.frozen
class TableMember:
    """One key of a table.

    Attributes:
        name: Name of the member in the class.
        key: Name of the key in the table.
        argument: Name of the argument that makes it.
        is_required: True if it has no default.
        is_shown: False for a secret.
        is_converted: True if the class converts the value itself.
        may_tell: True if a message of the class may have the value in it.
    """

    name: str
    key: str
    argument: str
    is_required: bool
    is_shown: bool = True
    is_converted: bool = False
    may_tell: bool = False


def is_table(kind: object) -> TypeGuard[type]:
    """Return whether a type describes a table, key by key."""
    return isinstance(kind, type) and (
        attrs.has(kind) or dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct)
    )


def require_table(cls: object) -> None:
    """Require a class that describes a table.

    Raises:
        TypeError: It is another kind of class, or not a class.
    """
    if not is_table(cls):
        raise TypeError(
            f"settings are an attrs class, a dataclass or a msgspec.Struct, not {cls!r}"
        )


def members_of_table(cls: type) -> Iterator[TableMember]:
    """Yield the members of a class for which `is_table` is true."""
    if attrs.has(cls):
        yield from map(_of_attrs, (field for field in attrs.fields(cls) if field.init))
    elif issubclass(cls, msgspec.Struct):
        for item in msgspec.structs.fields(cls):
            yield TableMember(item.name, item.encode_name, item.name, item.required)
    elif dataclasses.is_dataclass(cls):
        yield from map(_of_dataclass, (field for field in dataclasses.fields(cls) if field.init))


def _of_attrs(field: attrs.Attribute[object]) -> TableMember:
    key, is_converted = field.alias or field.name, field.converter is not None
    return TableMember(
        name=field.name,
        key=key,
        argument=key,
        is_required=field.default is attrs.NOTHING,
        is_shown=bool(field.repr),
        is_converted=is_converted,
        may_tell=is_converted,
    )


def _of_dataclass(field: dataclasses.Field[object]) -> TableMember:
    name, missing = field.name, dataclasses.MISSING
    is_required = field.default is missing and field.default_factory is missing
    return TableMember(name, name, name, is_required, field.repr, may_tell=True)
