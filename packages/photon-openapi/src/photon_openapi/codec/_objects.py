"""Objects of one class as mappings: members in their declared order, with their names on the wire.

msgspec encodes an object by itself, which is fastest, but in an order of its own for attrs classes:
it reads the slots of each class in the order in which Python stores them, which is that of their
names, and those of derived classes first; without slots, in the order in which they were received.
Where this differs from the declared order, or a name on the wire from that of the attribute, the
object is first made a ``dict``, by a function that is generated for the class, as attrs generates
``__init__``. It costs about as much as the encoding.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import attrs
import msgspec
from msgspec import UNSET

from ..schema import Member

MemberProjection: TypeAlias = tuple[Member, Callable[[Any], object] | None, bool]
"""A member, the projection of its value, and true to leave it out if it is ``None``."""


def is_native(cls: type, members: Sequence[Member]) -> bool:
    """Return whether msgspec itself writes the members of a class, by their names and in order.

    Args:
        cls: A class with members.
        members: All of its members, private ones included.
    """
    shown = [member for member in members if not member.is_private]
    if any(member.is_renamed for member in shown):
        return False
    if issubclass(cls, msgspec.Struct):
        # It writes private members, too, and those that are keyword-only last.
        return [member.name for member in shown] == list(cls.__struct_fields__)
    if not attrs.has(cls) or dataclasses.is_dataclass(cls):
        return True
    names = [member.name for member in shown]
    slots = [name for base in cls.__mro__ for name in sorted(_slots_of(base)) if name in names]
    # A `__dict__` comes first, and is filled in the order of the body that an object is made of.
    stored = [name for name in names if name not in slots]
    return len(stored) <= 1 and [*stored, *slots] == names


def _slots_of(cls: type) -> Sequence[str]:
    slots: str | Sequence[str] = vars(cls).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else slots


def object_projector(
    cls: type, members: Sequence[MemberProjection], other: Callable[[Any], object]
) -> Callable[[Any], object]:
    """Generate the function that makes a mapping of an object of exactly one class.

    Args:
        cls: The class; its objects have their members as attributes.
        members: The members that are sent, in order.
        other: The projection of other values, and of objects without one of the attributes.
    """
    scope: dict[str, Any] = {"cls": cls, "other": other, "UNSET": UNSET}
    always: list[str] = []
    later: list[str] = []
    for index, (member, projection, is_absent) in enumerate(members):
        part, projected = f"value.{member.name}", "{}"
        if projection is not None:
            scope[f"projection_{index}"] = projection
            projected = f"projection_{index}({{}})"
        checks = ["part is not UNSET"] * member.may_be_unset
        checks += ["part is not None"] * is_absent
        name = repr(member.wire_name)
        if checks:
            later += [f"        part = {part}", f"        if {' and '.join(checks)}:"]
            later.append(f"            result[{name}] = {projected.format('part')}")
        elif later:
            later.append(f"        result[{name}] = {projected.format(part)}")
        else:
            always.append(f"{name}: {projected.format(part)}")
    lines = ["def project(value):", "    if type(value) is not cls:", "        return other(value)"]
    lines += ["    try:", f"        result = {{{', '.join(always)}}}", *later]
    lines += ["    except AttributeError:", "        return other(value)", "    return result"]
    exec("\n".join(lines), scope)  # of the names of attributes, which are identifiers
    return typing.cast("Callable[[Any], object]", scope["project"])
