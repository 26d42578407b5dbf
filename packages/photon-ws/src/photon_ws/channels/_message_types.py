"""The types of the messages of one direction, and how a message's type is recognised.

Theory of operation. A client, and this end, must know the type of a message from the message alone.
Objects of several classes are distinguished by a *tag*: a member that each class has, with a
``Literal`` of its own; it must be sent, also where it has a default. Other values are distinguished
by their JSON type, or because they are listed (``Literal``, enumerations). A union for which
neither is enough is refused at start-up, because some values would be decoded as another type.
"""

from __future__ import annotations

import itertools
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import msgspec

from photon_openapi.annotations import plain_type, strip_alias, union_members
from photon_openapi.schema import Schema, SchemaBuilder, types_of


@attrs.frozen
class MessageTypes:
    """The types of the messages of one direction.

    Attributes:
        type: The annotation.
        members: The members of the union, or the type alone; none for ``Never``.
        tag: The member that distinguishes objects; ``None`` if there is one class at most.
        by_tag: The types of objects by their tags.
        objects: The types of objects.
        others: The types of other values.
    """

    type: Any
    members: tuple[Any, ...]
    tag: str | None
    by_tag: Mapping[str, Any]
    objects: tuple[Any, ...]
    others: tuple[Any, ...]

    @property
    def schema_extras(self) -> Schema:
        """The keywords that the schema of the union needs besides: the tag is required."""
        return {} if self.tag is None else {"required": [self.tag]}


def message_types(type_: Any) -> MessageTypes:
    """Return the types of messages that an annotation describes.

    Raises:
        TypeError: Messages of two types cannot be distinguished, or a type has no form in JSON.
    """
    members = tuple(dict.fromkeys(_members(type_)))
    builder = SchemaBuilder()
    schemas = {member: _resolved(builder.schema(member), builder) for member in members}
    for member in members:
        _refuse_omitted_tags(member)
    objects = tuple(each for each in members if "object" in types_of(schemas[each]))
    others = tuple(each for each in members if each not in objects)
    if len(members) > 1:
        for first, second in itertools.combinations(members, 2):
            if (first in others or second in others) and _overlap(schemas[first], schemas[second]):
                raise _ambiguous(first, second)
    tag, by_tag = _tags(objects)
    return MessageTypes(type_, members, tag, by_tag, objects, others)


def tag_of_class(type_: Any) -> str | None:
    """Return the member of a class that is a ``Literal`` with one string: its tag."""
    builder = SchemaBuilder()
    schema = _resolved(builder.schema(type_), builder)
    for name, member in schema.get("properties", {}).items():
        values = member.get("enum", [member["const"]] if "const" in member else ())
        if len(values) == 1 and isinstance(values[0], str):
            return str(name)
    return None


def name_of(type_: Any) -> str:
    """Return the name of a type for messages."""
    plain = plain_type(type_)
    return plain.__qualname__ if isinstance(plain, type) else str(plain)


def _members(type_: Any) -> Iterator[Any]:
    """Yield the members of a union, also of unions and aliases within it."""
    type_ = strip_alias(type_)
    if type_ in (typing.Never, typing.NoReturn):
        return
    members = union_members(type_)
    if members is None:
        yield type_
        return
    for member in members:
        yield from _members(member)


def _resolved(schema: Schema, builder: SchemaBuilder) -> Schema:
    while "$ref" in schema:
        schema = builder.components[str(schema["$ref"]).rpartition("/")[2]]
    return schema


def _overlap(first: Schema, second: Schema) -> bool:
    """Return true if a value may match both schemas."""
    types, others = set(types_of(first)), set(types_of(second))
    if "number" in types:
        types.add("integer")
    if "number" in others:
        others.add("integer")
    if types and others and not types & others:
        return False
    values, other_values = first.get("enum"), second.get("enum")
    if values is None or other_values is None:
        return True
    return any(
        type(value) is type(other) and value == other for value in values for other in other_values
    )


def _tags(objects: tuple[Any, ...]) -> tuple[str | None, dict[str, Any]]:
    """Return the tag of several classes, and the classes by its values."""
    if len(objects) < 2:
        return None, {}
    builder = SchemaBuilder()
    union = builder.schema(typing.Union[objects])  # noqa: UP007 - of a computed tuple
    discriminator = union.get("discriminator")
    if discriminator is None:
        first, second = _untagged(objects)
        raise _ambiguous(first, second)
    classes = {builder.schema(each)["$ref"]: each for each in objects}
    by_tag = {tag: classes[reference] for tag, reference in discriminator["mapping"].items()}
    return discriminator["propertyName"], by_tag


def _untagged(objects: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return two classes without a tag that distinguishes them."""
    for pair in itertools.combinations(objects, 2):
        if "discriminator" not in SchemaBuilder().schema(typing.Union[pair]):  # noqa: UP007
            return pair
    return objects[0], objects[-1]  # each two have a tag, but not all of them the same


def _ambiguous(first: Any, second: Any) -> TypeError:
    return TypeError(
        f"messages of the types {name_of(first)} and {name_of(second)} cannot be distinguished: "
        "make all of them classes with a member of one name, and a Literal of its own in each, "
        'such as kind: Literal["text"]'
    )


def _refuse_omitted_tags(type_: Any) -> None:
    """Refuse a Struct that leaves out members with their defaults, such as the tag.

    Raises:
        TypeError: It is one.
    """
    cls = typing.get_origin(type_) or type_
    if not (isinstance(cls, type) and issubclass(cls, msgspec.Struct)):
        return
    if cls.__struct_config__.omit_defaults:
        raise TypeError(
            f"{cls.__qualname__} has omit_defaults: the other end would not get the members that "
            "distinguish messages; leave omit_defaults out"
        )
