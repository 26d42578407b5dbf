"""Objects from named texts (forms, query parameters), and the constraints of single values."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import msgspec

from ._check import SchemaCheck
from ._faults import Fault, ValidationFailed
from ._keywords import Schema
from ._members import Member, members_of
from ._schema import DECIMAL_PATTERN, SchemaBuilder
from ._text import same, takes_texts, text_converter, texts_converter
from ._types import Location, split_annotation

_ANNOTATIONS = frozenset(
    ("type", "format", "description", "title", "default", "example", "examples", "deprecated")
)
# A set has no doubles, and bytes are decoded already.
_ASSURED = _ANNOTATIONS | {"uniqueItems", "contentEncoding"}


def fields_converter(
    cls: Any, *, location: Location
) -> Callable[[Mapping[str, Sequence[str]]], object]:
    """Build the function that makes an object from named texts: a form, or query parameters.

    A member annotated ``Annotated[int, Param(name="page-no")]`` is read under that name.

    Args:
        cls: An attrs class, a dataclass, a TypedDict or a NamedTuple.
        location: What the faults give as their place.

    Returns:
        A function from names to lists of texts. It raises ``ValidationFailed`` with every fault.

    Raises:
        TypeError: The type has no members, or one that cannot be read from text.
    """
    members = members_of(cls)
    if members is None:
        raise TypeError(f"{cls!r} has no members to read by name: use an attrs class")
    fields = [
        _Field.of(member)
        for member in members
        if not member.is_private and member.argument is not None
    ]

    def convert(texts: Mapping[str, Sequence[str]]) -> object:
        arguments: dict[str, object] = {}
        faults: list[Fault] = []
        for field in fields:
            field.read(texts, arguments, faults, location)
        if faults:
            raise ValidationFailed(faults)
        return _construct(cls, fields, arguments, location)

    return convert


def constraint_checker(
    schema: Schema, *, components: Mapping[str, Any] | None = None
) -> Callable[[object], list[str]] | None:
    """Build the function that checks a parameter's value against its schema.

    Args:
        schema: Schema of the parameter.
        components: Schemas that its references point to. Without them a reference is left to the
            converter, which has read the value as that type already.

    Returns:
        A function from a value to messages, empty when the value is right; ``None`` when the schema
        demands nothing beyond the type.

    Raises:
        ValueError: The schema is wrong.
    """
    if components is None:
        schema = _without_references(schema)
    if not _is_constrained(schema):
        return None
    check = SchemaCheck(schema, components=components or {})
    is_valid = check.is_valid

    def messages(value: object) -> list[str]:
        if type(value) not in _PLAIN:
            value = _wire_form(value)
        if is_valid(value):
            return []
        return [_with_item(fault) for fault in check.faults(value)] or ["is not allowed"]

    return messages


@attrs.frozen(kw_only=True)
class _Field:
    """A member that is read from texts."""

    name: str
    argument: str
    required: bool
    several: bool
    convert: Callable[[Any], object]
    check: Callable[[object], list[str]] | None
    member: Member

    @classmethod
    def of(cls, member: Member) -> _Field:
        annotation = split_annotation(member.type)
        several = takes_texts(annotation.type)
        name = annotation.param.name if annotation.param is not None else None
        build: Callable[[object], Callable[[Any], object]]
        build = texts_converter if several else text_converter
        return cls(
            name=name or member.name,
            argument=member.argument or member.name,
            required=member.required,
            several=several,
            # A converter of the class does the work itself.
            convert=same if member.converts else build(annotation.type),
            check=None if member.converts else _member_checker(annotation.annotated),
            member=member,
        )

    def read(
        self,
        texts: Mapping[str, Sequence[str]],
        arguments: dict[str, object],
        faults: list[Fault],
        location: Location,
    ) -> None:
        """Add the member's argument, or the faults that it has."""
        given = texts.get(self.name)
        if not given:
            if self.required:
                faults.append(Fault(location, "is required", name=self.name))
            return
        try:
            value = self.convert(list(given) if self.several else given[-1])
        except ValueError as error:
            faults.append(Fault(location, str(error), name=self.name))
            return
        arguments[self.argument] = value
        if self.check is not None:
            faults += [Fault(location, text, name=self.name) for text in self.check(value)]


def _member_checker(annotated: object) -> Callable[[object], list[str]] | None:
    builder = SchemaBuilder()
    return constraint_checker(builder.schema(annotated))


def _construct(
    cls: Any, fields: Sequence[_Field], arguments: dict[str, object], location: Location
) -> object:
    try:
        return cls(**arguments)
    except (ValueError, TypeError) as error:
        raise ValidationFailed(_validator_faults(fields, arguments, location, error)) from error


def _validator_faults(
    fields: Sequence[_Field], arguments: dict[str, object], location: Location, error: Exception
) -> list[Fault]:
    """Ask each validator by itself, so that every member is named and none hides another."""
    faults = []
    for field in fields:
        if field.member.validator is None or field.argument not in arguments:
            continue
        try:
            value = arguments[field.argument]
            field.member.validator(None, field.member.attribute, value)
        except (ValueError, TypeError) as refusal:
            message = str(refusal.args[0]) if refusal.args else "is not allowed"
            faults.append(Fault(location, message, name=field.name))
        except AttributeError:  # a validator that looks at the object itself
            continue
    return faults or [Fault(location, str(error), name="")]


_PLAIN = frozenset((str, int, float, bool, decimal.Decimal, list, type(None)))


def _wire_form(value: object) -> object:
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return msgspec.to_builtins(value)


def _is_constrained(schema: Any) -> bool:
    if isinstance(schema, bool):
        return not schema
    return any(_is_demand(keyword, value) for keyword, value in schema.items())


def _is_demand(keyword: str, value: Any) -> bool:
    """Whether a keyword asks for more than the converter has made sure of."""
    if keyword == "items":
        return _is_constrained(value)
    if keyword == "anyOf":
        return any(_is_constrained(branch) for branch in value)
    return keyword not in _ASSURED and (keyword, value) != ("pattern", DECIMAL_PATTERN)


def _without_references(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_references(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _without_references(item) for key, item in schema.items() if key != "$ref"}


def _with_item(fault: Fault) -> str:
    """The message, and which item of a list it is about."""
    step, _, _ = (fault.pointer or "").removeprefix("/").partition("/")
    return f"item {int(step) + 1}: {fault.message}" if step.isdecimal() else fault.message
