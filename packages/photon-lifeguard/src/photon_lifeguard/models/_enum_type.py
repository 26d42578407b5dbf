"""Members of an enumeration, stored by their values."""

from __future__ import annotations

import enum
import re

from sqlalchemy import Enum

_SHORTEST = 50


def enum_type(cls: type[enum.Enum], *, native: bool = False, name: str | None = None) -> Enum:
    """Return the column type of an enumeration whose members are stored by their values.

    SQLAlchemy's own ``Enum`` stores the names of the members, so that renaming a member in the code
    makes its rows unreadable; the values are what the API and the database share.

    Args:
        cls: The enumeration; its values are strings.
        native: True for the database's own type (``CREATE TYPE`` on PostgreSQL, ``ENUM`` on MySQL);
            otherwise text with a ``CHECK`` constraint, which a migration can change everywhere.
        name: Name of the type, or of the constraint; by default that of the class. Two columns of
            one table need two names for their constraints.

    Raises:
        TypeError: A value is not a string.
    """
    values = _values(cls)
    return Enum(
        cls,
        values_callable=_values,
        native_enum=native,
        create_constraint=not native,
        validate_strings=True,
        length=max(_SHORTEST, *map(len, values)),
        name=name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower(),
    )


def _values(cls: type[enum.Enum]) -> list[str]:
    values = [member.value for member in cls]
    for value in values:
        if not isinstance(value, str):
            raise TypeError(
                f"{cls.__qualname__} has the value {value!r}: members are stored by their values, "
                "which must be strings"
            )
    return values
