"""The values of one JSON type that a schema, or a type of Python, has.

A schema and a type are compared in this form: each is a list of *kinds*, one for each JSON type and
alternative. What is inside of a kind (items, members) is a `Node`, whose kinds are made when they
are needed, since schemas and classes recur.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

import attrs

Direction: TypeAlias = Literal["received", "sent"]
"""The direction of values, seen from the class: ``received`` by it, or ``sent`` as one of it."""
ANY: Final = "any"
"""The type of a kind that has every value, or values of which nothing is known."""


@runtime_checkable
class Node(Protocol):
    """A schema or a type, with the kinds of its values."""

    @property
    def key(self) -> Hashable:
        """What distinguishes it from other nodes."""
        ...

    @property
    def kinds(self) -> Sequence[Kind]:
        """The kinds of its values; none if it has no values, or too many to compare."""
        ...


@attrs.frozen
class NamedMember:
    """A member of an object.

    Attributes:
        name: The name on the wire.
        node: Its values.
        is_required: True if it must be received.
        is_sent: True if it is always sent.
        is_settable: True if a received value is kept.
        is_ignored: True if it does not count: a member that this direction does not have.
        attribute: The name in Python; ``None`` if the class itself states the name on the wire.
        has_default: True if the schema has a default for it.
    """

    name: str
    node: Node
    is_required: bool = False
    is_sent: bool = True
    is_settable: bool = True
    is_ignored: bool = False
    attribute: str | None = None
    has_default: bool = False


@attrs.frozen
class Kind:
    """Values of one JSON type.

    Attributes:
        type: The JSON type, or `ANY`.
        values: The only values; ``None`` for any.
        format: The format that strings must have; of a schema, any format that it names.
        is_restricted: True if a keyword that is not compared restricts the values.
        items: The items of an array; ``None`` for any.
        first: The first items of an array.
        length: The least and the greatest number of items.
        members: The members of an object by their names; ``None`` if nothing is known of them.
        others: The other members of an object: a node, ``False`` if they are not allowed, ``None``
            if nothing is said about them.
        cls: The class or type of Python.
        names: The names of the schemas that it was reached by, or of the class.
    """

    type: str
    values: tuple[Any, ...] | None = None
    format: str | None = None
    is_restricted: bool = False
    items: Node | None = None
    first: Sequence[Node] = ()
    length: tuple[int, int | None] = (0, None)
    members: Mapping[str, NamedMember] | None = None
    others: Node | bool | None = None
    cls: Any = None
    names: frozenset[str] = frozenset()
