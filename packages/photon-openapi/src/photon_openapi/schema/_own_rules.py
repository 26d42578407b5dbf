"""The rules that classes have of their own: validators, converters, what runs after ``__init__``.

A class raises the first of its errors, and a client should get all of them. So where a class has
refused its arguments, the converter and the validators of each member are called again, one by one,
on an object that has the attributes of all valid members: a validator may compare members. One that
needs a member that is invalid itself is left out.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final, TypeVar

import attrs

from ..annotations import origin_of
from ._members import Member
from ._pydantic_errors import pydantic_errors

REFUSALS: Final = (ValueError, TypeError)
"""The exceptions by which a class refuses a value; others are errors of the application."""

_HOOKS: Final = ("__attrs_pre_init__", "__attrs_post_init__", "__post_init__")
_ABSENT: Final = object()
T = TypeVar("T", bound=Hashable)


def has_own_rules(cls: Any, members: Sequence[Member]) -> bool:
    """Return whether a class may refuse members that match its schema."""
    return any(hasattr(cls, hook) for hook in _HOOKS) or any(
        member.validator is not None or member.converts for member in members
    )


def refused_by_class(
    cls: Any,
    members: Sequence[tuple[str, Member]],
    arguments: Mapping[str, object],
    error: Exception,
) -> list[tuple[str, str]]:
    """Return the members that a class refuses: their names, and messages.

    Args:
        cls: The class.
        members: The members with their names on the wire.
        arguments: The valid arguments of the class; those of invalid members are missing.
        error: The exception that the class raised, used where no single member is invalid.
    """
    if hasattr(error, "error_count"):  # of pydantic, which validates all members
        own = {member.argument: name for name, member in members}
        found = pydantic_errors(error, dict(arguments))
        return [(own.get(str(path[0]), "") if path else "", text) for path, text in found]
    return refused_members(cls, members, arguments) or [("", reason_of(error))]


def refused_members(
    cls: Any, members: Sequence[tuple[T, Member]], arguments: Mapping[str, object]
) -> list[tuple[T, str]]:
    """Return the members whose own converters or validators refuse their arguments.

    Args:
        cls: The class.
        members: The valid members, with their names on the wire or their positions.
        arguments: The arguments of the class.
    """
    partial = _partial(origin_of(cls) or cls)
    refused: dict[T, str] = {}
    values: list[tuple[T, Member, object]] = []
    for name, member in members:
        try:
            value = _value(member, arguments, partial)
        except REFUSALS as error:
            refused[name] = reason_of(error)
        except Exception:
            continue
        else:
            if value is not _ABSENT:
                values.append((name, member, value))
                _set(partial, member.name, value)
    for name, member, value in values:
        message = _refusal(member, value, partial)
        if message is not None:
            refused[name] = message
    return [(name, refused[name]) for name, _ in members if name in refused]


def _refusal(member: Member, value: object, partial: object) -> str | None:
    """Return why the validator of a member refuses its value; ``None`` if it does not."""
    if member.validator is None:
        return None
    try:
        member.validator(partial, member.attribute, value)
    except REFUSALS as error:
        return reason_of(error)
    except Exception:
        return None
    return None


def reason_of(error: BaseException) -> str:
    """Return the message of a class about a value; validators of attrs add the value to it."""
    return str(error.args[0]) if error.args else "is not allowed"


def _partial(cls: Any) -> object:
    """Return an object of a class without attributes; ``None`` if that is not possible."""
    try:
        return cls.__new__(cls)
    except Exception:
        return None


def _set(partial: object, name: str, value: object) -> None:
    try:
        object.__setattr__(partial, name, value)
    except (AttributeError, TypeError):  # without a partial object
        return


def _value(member: Member, arguments: Mapping[str, object], partial: object) -> object:
    """Return the value of a member: its argument or its default, converted."""
    value = arguments.get(member.argument or member.name, member.default)
    if isinstance(value, attrs.Factory):  # type: ignore[arg-type]  # a class, typed as a function
        value = value.factory(partial) if value.takes_self else value.factory()  # type: ignore[attr-defined]
    if value is attrs.NOTHING:
        return _ABSENT
    if not member.converts:
        return value
    converter: Any = member.attribute.converter
    function = getattr(converter, "converter", converter)  # an attrs.Converter holds it
    if function is converter:
        return converter(value)
    extra = [partial] * converter.takes_self + [member.attribute] * converter.takes_field
    return function(value, *extra)
