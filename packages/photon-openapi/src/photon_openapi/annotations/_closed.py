"""`closed`: classes that have no other members than those declared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

import msgspec

from ._class_rules import class_rules

C = TypeVar("C", bound=type)

_MARK = "__closed__"
"""The attribute that a ``TypedDict`` has with ``closed=True`` (PEP 728)."""


@overload
def closed(cls: C, /) -> C: ...
@overload
def closed(cls: bool, /) -> Callable[[C], C]: ...
def closed(cls: C | bool, /) -> C | Callable[[C], C]:
    """Refuse members that the decorated class does not have.

    A JSON body with an unknown member is answered with 422 and the nearest name, and the schema of
    the class has ``additionalProperties: false``. Without it, unknown members are ignored. Suits
    classes of requests; clients of a response should ignore members that they do not know.

    An application with ``strict_members`` treats all of its classes like this; ``@closed(False)``
    excludes one.

    Args:
        cls: A class with named members: an attrs class, a dataclass, a ``TypedDict``; or a boolean,
            to state for the decorated class whether it is closed. msgspec's
            ``forbid_unknown_fields=True`` means the same.

    Example:
        >>> import attrs
        >>> from photon_openapi.annotations import closed
        >>> @closed
        ... @attrs.frozen
        ... class NewItem:
        ...     name: str
    """
    if isinstance(cls, bool):
        is_marked = cls

        def mark(decorated: C) -> C:
            setattr(decorated, _MARK, is_marked)
            return decorated

        return mark
    setattr(cls, _MARK, True)
    return cls


def is_closed(cls: Any) -> bool:
    """Whether a class refuses members that it does not have."""
    mark = getattr(cls, _MARK, None)
    if isinstance(mark, bool):
        return mark
    is_struct = isinstance(cls, type) and issubclass(cls, msgspec.Struct)
    return (is_struct and cls.__struct_config__.forbid_unknown_fields) or class_rules().closed
