"""Parameter models: ``Query[Filters]`` is one parameter for each member of the class.

The class is an attrs class, a dataclass or a TypedDict. Its members are read like arguments with
the same marker, with names, constraints and defaults of their own, and are single parameters in the
document. Then an instance is made of them. An error of its validators is an error of the parameter
with that name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from photon_openapi.annotations import Param, strip_alias, value_type
from photon_openapi.codec import strings_converter, takes_strings, text_converter
from photon_openapi.errors import ErrorDetail, Location
from photon_openapi.schema import (
    REFUSALS,
    Member,
    PydanticAttribute,
    accepts_more,
    members_of,
    refused_by_class,
    refused_members,
)
from photon_runtime.http import Request

from .._submitted import submitted_class, takes_submitted
from ..annotations import In, split_annotation
from ..signatures import ABSENT, MISSING, Argument
from ._parameters import Binder

_ORIGINS: Final = ("query", "header", "cookie", "form")


def model_arguments(argument: Argument) -> tuple[Argument, ...] | None:
    """Return an argument for each member of a parameter model; ``None`` for other arguments.

    Raises:
        TypeError: The argument has a default, or a member has a marker of its own.
    """
    marker = argument.annotation.marker
    if argument.member is not None or marker is None or marker.origin not in _ORIGINS:
        return None
    if argument.annotation.param is not None and argument.annotation.param.style is not None:
        return None  # an object in one parameter
    cls = class_of(argument)
    members = members_of(cls)
    if argument.is_submitted:
        return _submitted_arguments(argument, cls, members)
    if members is None or argument.is_file:
        return None
    if argument.default is not MISSING or cls is not strip_alias(argument.annotation.type):
        raise TypeError(
            "a parameter model cannot be optional: give defaults to its members, and none to the "
            "argument"
        )
    return _member_arguments(members, argument.name, marker)


def _submitted_arguments(
    argument: Argument, cls: Any, members: Sequence[Member] | None
) -> tuple[Argument, ...]:
    """Return an argument for each member of the class of a submitted form."""
    if members is None:
        raise TypeError(
            f"a submitted form has a class with one member for each field, unlike {cls!r}: write "
            "an attrs class, and Submitted[TheClass]"
        )
    # A template writes the names of the fields, and does not know the rules of the application.
    own = [
        each if each.has_own_name else attrs.evolve(each, wire_name=each.name) for each in members
    ]
    return tuple(
        _submitted_argument(each)
        for each in _member_arguments(own, argument.name, In("body", "form"))
    )


def _submitted_argument(argument: Argument) -> Argument:
    """Return the argument of a field of a submitted form.

    Browsers leave out unchecked boxes and empty selections, so these are never required. A box is
    read as one also if the class converts the value itself.
    """
    annotation, default = argument.annotation, argument.default
    if argument.member is not None and value_type(argument.member.type) is bool:
        annotation = attrs.evolve(annotation, type=argument.member.type)
    type_ = value_type(annotation.type)
    if type_ is bool or (takes_strings(type_) and not argument.is_file):
        default = ABSENT
    return attrs.evolve(argument, annotation=annotation, default=default, is_submitted=True)


def _member_arguments(members: Sequence[Member], owner: str, marker: In) -> tuple[Argument, ...]:
    return tuple(
        _member_argument(member, owner, marker)
        for member in members
        if not member.is_private and member.argument is not None
    )


def class_of(argument: Argument) -> Any:
    """Return the class of an argument, without ``| None``; that of a submitted form."""
    type_ = argument.annotation.type
    return submitted_class(type_) if takes_submitted(type_) else value_type(type_)


def _member_argument(member: Member, owner: str, marker: In) -> Argument:
    annotation = split_annotation(member.type)
    if annotation.marker is not None:
        raise TypeError(
            f"its member {member.name} has a marker: the argument has one already, leave it out"
        )
    if member.wire_name != member.name and (member.has_own_name or marker.origin != "header"):
        # A rule of the application is for members, and headers have a spelling of their own.
        param = attrs.evolve(annotation.param or Param(), name=member.wire_name)
        annotation = attrs.evolve(annotation, param=param)
    type_ = annotation.type
    if member.converts or _converts_by_pydantic(member, type_):  # the class converts the string
        type_ = list[str] if takes_strings(type_) else str
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


def _converts_by_pydantic(member: Member, type_: Any) -> bool:
    """Return true if only pydantic can read the texts of a member of its class."""
    if not isinstance(member.attribute, PydanticAttribute):
        return False
    plain = value_type(type_)
    try:
        strings_converter(plain) if takes_strings(plain) else text_converter(plain)
    except TypeError:
        return True
    return accepts_more(member.attribute)


def model_binder(
    cls: Any, parts: Sequence[tuple[Argument, str, Binder]], location: Location
) -> Binder:
    """Return the binder that makes an instance of its members.

    Args:
        cls: The class.
        parts: Argument, name on the wire and binder of each member.
        location: The location of the parameters, for errors.
    """
    members = [
        (name, argument.member) for argument, name, _ in parts if argument.member is not None
    ]
    binders = [
        (argument.member.argument or argument.name, argument.member, bind)
        for argument, _, bind in parts
        if argument.member is not None
    ]

    def details(refused: Sequence[tuple[str, str]]) -> list[ErrorDetail]:
        return [ErrorDetail(location, text, name=name) for name, text in refused]

    def bind(request: Request, errors: list[ErrorDetail]) -> object:
        count = len(errors)
        values: dict[str, object] = {}
        invalid: list[Member] = []
        for name, member, bind_member in binders:
            valid = len(errors)
            value = bind_member(request, errors)
            if len(errors) > valid:
                invalid.append(member)
            elif value is not ABSENT:
                values[name] = value
        if len(errors) > count:
            others = [(name, member) for name, member in members if member not in invalid]
            errors += details(refused_members(cls, others, values))
            return None
        try:
            return cls(**values)
        except REFUSALS as error:
            errors += details(refused_by_class(cls, members, values, error))
            return None

    return bind
