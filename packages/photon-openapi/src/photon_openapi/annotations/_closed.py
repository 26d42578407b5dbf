"""`closed`: classes that have no other members than those declared."""

from __future__ import annotations

from typing import Any, TypeVar

C = TypeVar("C", bound=type)

_MARK = "__closed__"
"""The attribute that a ``TypedDict`` has with ``closed=True`` (PEP 728)."""


def closed(cls: C) -> C:
    """Refuse members that the decorated class does not have.

    A JSON body with an unknown member is answered with 422, and the schema of the class has
    ``additionalProperties: false``. Without it, unknown members are ignored. Suits classes of
    requests; clients of a response should ignore members that they do not know.

    Args:
        cls: A class with named members: an attrs class, a dataclass, a ``TypedDict``.

    Example:
        >>> import attrs
        >>> from photon_openapi.annotations import closed
        >>> @closed
        ... @attrs.frozen
        ... class NewItem:
        ...     name: str
    """
    setattr(cls, _MARK, True)
    return cls


def is_closed(cls: Any) -> bool:
    """Whether a class refuses members that it does not have."""
    return getattr(cls, _MARK, None) is True
