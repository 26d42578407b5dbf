"""Classes spread over parameters: ``Query[Filters]`` is one parameter for each of its members.

The class is an attrs class, a dataclass or a TypedDict. Its members are read as arguments of the
same place would be, with names, constraints and defaults of their own, and stand in the document
as single parameters. Then the class is made of them. What its validators refuse is a fault of the
parameter by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from photon_openapi.annotations import strip_alias, value_type
from photon_openapi.errors import ErrorDetail, Location
from photon_openapi.schema import Member, members_of, refused_by_class
from photon_runtime.http import Request

from ..annotations import In, split_annotation
from ..signatures import ABSENT, MISSING, Argument
from ._parameters import Binder
from ._text import takes_texts

_PLACES: Final = ("query", "header", "cookie", "form")


def spread(argument: Argument) -> tuple[Argument, ...] | None:
    """Return the arguments that stand for the members of a class; ``None`` where it is no class.

    Raises:
        TypeError: The argument can be left out as a whole, or a member has a marker of its own.
    """
    marker = argument.annotation.marker
    if argument.member is not None or marker is None or marker.place not in _PLACES:
        return None
    if argument.annotation.param is not None and argument.annotation.param.style is not None:
        return None  # an object in one parameter
    cls = class_of(argument)
    members = members_of(cls)
    if members is None or argument.is_file:
        return None
    if argument.default is not MISSING or cls is not strip_alias(argument.annotation.type):
        raise TypeError(
            "a class that is spread cannot be left out: give defaults to its members, and none "
            "to the argument"
        )
    return tuple(
        _member_argument(member, argument.name, marker)
        for member in members
        if not member.is_private and member.argument is not None
    )


def class_of(argument: Argument) -> Any:
    """Return the class that an argument wants, without ``| None``."""
    return value_type(argument.annotation.type)


def _member_argument(member: Member, owner: str, marker: In) -> Argument:
    annotation = split_annotation(member.type)
    if annotation.marker is not None:
        raise TypeError(f"its member {member.name} has a marker: the class has one, leave it out")
    type_ = annotation.type
    if member.converts:  # the class makes a value of the text itself
        type_ = list[str] if takes_texts(type_) else str
    return Argument(
        name=member.name,
        annotation=attrs.evolve(annotation, type=type_, marker=marker),
        default=MISSING if member.required else ABSENT,
        is_keyword=True,
        dependency=None,
        is_request=False,
        member=member,
        owner=owner,
    )


def spread_binder(
    cls: Any, parts: Sequence[tuple[Argument, str, Binder]], location: Location
) -> Binder:
    """Return the binder that makes a class of its members.

    Args:
        cls: The class.
        parts: For each member its argument, its name on the wire and its binder.
        location: What faults give as their place.
    """
    members = [
        (name, argument.member) for argument, name, _ in parts if argument.member is not None
    ]
    binders = [
        (argument.member.argument or argument.name, bind)
        for argument, _, bind in parts
        if argument.member is not None
    ]

    def bind(request: Request, faults: list[ErrorDetail]) -> object:
        before = len(faults)
        values = {name: bind(request, faults) for name, bind in binders}
        if len(faults) > before:
            return None
        values = {name: value for name, value in values.items() if value is not ABSENT}
        try:
            return cls(**values)
        except (ValueError, TypeError) as error:
            refused = refused_by_class(members, values, error)
            faults += [ErrorDetail(location, text, name=name) for name, text in refused]
            return None

    return bind
