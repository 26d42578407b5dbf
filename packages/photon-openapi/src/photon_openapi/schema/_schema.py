"""Python types as JSON Schema 2020-12, the dialect of OpenAPI 3.1.

The schema describes the values that msgspec accepts and emits for the type, so that a body that
matches the document decodes, and an encoded value matches the document. Therefore:

- A member has its name on the wire: that of its `Param`, an attrs ``alias``, or the name by a rule
  of its class or the application (`_members`).
- Attributes with a leading underscore are private: not encoded, not accepted, not in the schema.
- Attributes with ``init=False`` are emitted and never accepted: ``readOnly``.
- attrs validators become keywords where JSON Schema has one. Validators without a keyword (a custom
  function, a regular expression that ECMA 262 cannot express) still run when a body is decoded.
- ``Decimal`` is emitted as a string, to preserve its digits, and accepted as a string or a number;
  NaN and infinities are refused.
- A ``set`` does not accept duplicate items (``uniqueItems``).
- Unknown members are ignored, unless the class is `closed`.

Classes become components, referred to by name. Two classes with the same name both get their
qualified name (``shop.models.Item``), regardless of order. To do so, the references that
:meth:`SchemaBuilder.schema` has returned are changed in place: do not copy them until every type is
registered.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import typing
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, Literal, TypeVar

import attrs
import msgspec

from ..annotations import Param, is_closed, origin_of, split_annotation, strip_alias, union_members
from ._attrs_validators import apply_validator
from ._component_names import qualified_name, short_name
from ._keywords import JSON_TYPES, Schema, limit_length
from ._mapped_classes import mapper_of
from ._members import Member, is_named_tuple, members_of
from ._scalars import DECIMAL_PATTERN as DECIMAL_PATTERN
from ._scalars import KEYS, SCALARS, plain_choice

COMPONENT_PREFIX = "#/components/schemas/"


def constrain(schema: Schema, param: Param) -> Schema:
    """Add the constraints and the description of a :class:`Param` to a schema, in place.

    Raises:
        TypeError: The parameter limits the length of a type that has no length.
    """
    limits = (
        ("minimum", param.ge),
        ("exclusiveMinimum", param.gt),
        ("maximum", param.le),
        ("exclusiveMaximum", param.lt),
        ("multipleOf", param.multiple_of),
        ("pattern", param.pattern),
        ("title", param.title),
        ("description", param.description),
    )
    schema.update({keyword: value for keyword, value in limits if value is not None})
    if param.tz is False and schema.get("format") in ("date-time", "time"):
        schema["format"] += "-local"  # RFC 3339 requires a time zone
    limit_length(schema, minimum=param.min_length, maximum=param.max_length)
    examples = [*([] if param.example is None else [param.example]), *param.examples]
    if examples:
        _describe(schema, "examples", examples)
    if param.deprecated:
        schema["deprecated"] = True
    return schema


@attrs.define
class SchemaBuilder:
    """Builds schemas and collects the classes that they refer to.

    Attributes:
        components: The schemas for ``components/schemas``; complete when :meth:`schema` has been
            called with every type.
    """

    components: dict[str, Schema] = attrs.Factory(dict)
    _names: dict[object, str] = attrs.field(factory=dict, init=False)
    _namesakes: dict[str, list[object]] = attrs.field(factory=dict, init=False)
    _references: dict[object, list[Schema]] = attrs.field(factory=dict, init=False)
    _mappings: dict[object, list[tuple[Schema, str]]] = attrs.field(factory=dict, init=False)

    def schema(self, type_: object) -> Schema:
        """Return the schema of a type; classes are registered as components.

        Raises:
            TypeError: The type has no form in JSON; the message names it.
        """
        annotation = split_annotation(type_)
        schema = self._plain(strip_alias(annotation.type))
        return schema if annotation.param is None else constrain(schema, annotation.param)

    def _plain(self, type_: Any) -> Schema:
        if isinstance(type_, TypeVar):
            type_ = type_.__bound__ or object
        if origin_of(type_) is Annotated:  # inside a NewType
            return self.schema(type_)
        members = union_members(type_)
        if members is not None:
            return self._union(members)
        if isinstance(type_, typing.Hashable) and type_ in SCALARS:
            return _copy(SCALARS[type_])
        if origin_of(type_) is Literal:
            return _enumeration(typing.get_args(type_))
        if _is_component(type_):
            return self._reference(type_)
        return self._container(type_)

    def _union(self, members: Sequence[object]) -> Schema:
        """Return ``anyOf``, or a list of type names for one plain type or null."""
        members = [member for member in members if member is not msgspec.UnsetType]
        schemas = [self.schema(member) for member in members]
        if len(schemas) == 1:
            return schemas[0]
        others = [schema for schema in schemas if schema != {"type": "null"}]
        if len(others) == 1 and len(schemas) > 1:
            other = others[0]
            if isinstance(other.get("type"), str) and "enum" not in other:
                return {**other, "type": [other["type"], "null"]}
        union: Schema = {"anyOf": schemas}
        tags = self._tags([member for member in members if member is not type(None)])
        if tags is not None:
            union["discriminator"] = tags
        return union

    def _tags(self, members: Sequence[object]) -> Schema | None:
        """Return the discriminator of a union of classes that each have a distinct literal tag."""
        choices = [_literals(member) for member in members]
        if len(choices) < 2:
            return None
        common = [name for name in choices[0] if all(name in each for each in choices)]
        for name in common:
            values = [value for each in choices for value in each[name]]
            if len(set(values)) == len(values):
                mapping: Schema = {}
                for member, each in zip(members, choices, strict=True):
                    for value in each[name]:
                        self._mappings.setdefault(member, []).append((mapping, value))
                        mapping[value] = COMPONENT_PREFIX + self._names[member]
                return {"propertyName": name, "mapping": mapping}
        return None

    def _container(self, type_: Any) -> Schema:
        origin, arguments = origin_of(type_) or type_, typing.get_args(type_)
        if not isinstance(origin, type):
            raise _no_form(type_)
        if issubclass(origin, tuple):
            return self._tuple(arguments)
        if issubclass(origin, Mapping):
            return self._mapping(arguments)
        if not is_list_like(type_):
            raise _no_form(type_)
        schema: Schema = {"type": "array"}
        self._add_items(schema, arguments[0] if arguments else Any)
        if issubclass(origin, AbstractSet):
            schema["uniqueItems"] = True
        return schema

    def _add_items(self, schema: Schema, type_: object) -> None:
        items = self.schema(type_)
        if items:
            schema["items"] = items

    def _tuple(self, arguments: tuple[Any, ...]) -> Schema:
        if arguments[-1:] == (Ellipsis,):
            schema: Schema = {"type": "array"}
            self._add_items(schema, arguments[0])
            return schema
        length = len(arguments)
        schema = {"type": "array", "minItems": length, "maxItems": length}
        if arguments:
            schema["prefixItems"] = [self.schema(argument) for argument in arguments]
        return schema

    def _mapping(self, arguments: tuple[Any, ...]) -> Schema:
        schema: Schema = {"type": "object"}
        key, value = arguments or (str, Any)
        names = self._key(strip_alias(key))
        if names:
            schema["propertyNames"] = names
        values = self.schema(value)
        if values:
            schema["additionalProperties"] = values
        return schema

    def _key(self, key: Any) -> Schema:
        """Return the schema of the names of members."""
        plain = split_annotation(key).type
        if plain in KEYS:
            return _copy(KEYS[plain])
        if isinstance(plain, type) and issubclass(plain, enum.Enum):
            return {"enum": [str(member.value) for member in plain]}
        schema = self.schema(key)
        schema.pop("type", None)
        return schema

    def _reference(self, type_: object) -> Schema:
        name = self._names.get(type_)
        if name is None:
            name = self._claim_name(type_)
            component = self.components[name] = {}
            component.update(self._component(type_))
            name = self._names[
                type_
            ]  # a class of the same name among the members may have changed it
        reference = {"$ref": COMPONENT_PREFIX + name}
        self._references.setdefault(type_, []).append(reference)
        return reference

    def _claim_name(self, type_: object) -> str:
        namesakes = self._namesakes.setdefault(short_name(type_), [])
        namesakes.append(type_)
        first, *later = namesakes
        if not later:
            self._names[type_] = short_name(type_)
            return self._names[type_]
        if self._names[first] == short_name(first):
            self._rename(first, self._qualified_name(first))
        self._names[type_] = self._qualified_name(type_)
        return self._names[type_]

    def _qualified_name(self, type_: object) -> str:
        base = name = qualified_name(type_)
        used = set(self._names.values())
        number = 2
        while name in used:  # classes defined in a function that was called twice
            name = f"{base}_{number}"
            number += 1
        return name

    def _rename(self, type_: object, name: str) -> None:
        old = self._names[type_]
        self._names[type_] = name
        renamed = {name if key == old else key: value for key, value in self.components.items()}
        self.components.clear()
        self.components.update(renamed)
        for reference in self._references.get(type_, ()):
            reference["$ref"] = COMPONENT_PREFIX + name
        for mapping, tag in self._mappings.get(type_, ()):
            mapping[tag] = COMPONENT_PREFIX + name

    def _component(self, type_: Any) -> Schema:
        cls = origin_of(type_) or type_
        if issubclass(cls, enum.Enum):
            schema = _enumeration([member.value for member in cls])
        elif is_named_tuple(cls):
            schema = self._named_tuple(type_)
        else:
            schema = self._object(type_)
        description = _own_description(cls)
        return schema if description is None else {"description": description, **schema}

    def _object(self, type_: object) -> Schema:
        members = [member for member in members_of(type_) or () if not member.is_private]
        schema: Schema = {
            "type": "object",
            "properties": {member.wire_name: self.member(member) for member in members},
        }
        required = [member.wire_name for member in members if member.required]
        if required:
            schema["required"] = required
        if is_closed(origin_of(type_) or type_):
            schema["additionalProperties"] = False
        return schema

    def _named_tuple(self, type_: object) -> Schema:
        members = members_of(type_) or ()
        return {
            "type": "array",
            "prefixItems": [self.member(member) for member in members],
            "minItems": sum(member.required for member in members),
            "maxItems": len(members),
        }

    def member(self, member: Member) -> Schema:
        """Return the schema of a class's member, with its validators and metadata."""
        schema = self.schema(member.type)
        if member.validator is not None:
            apply_validator(member.validator, schema)
        if "description" in member.metadata:
            schema["description"] = str(member.metadata["description"])
        if "example" in member.metadata:
            _describe(schema, "examples", [member.metadata["example"]])
        if member.argument is None and member.attribute is not None:
            schema["readOnly"] = True
        default = _default_value(member.default)
        if default is not attrs.NOTHING:
            _describe(schema, "default", default)
        return schema


def _literals(type_: object) -> dict[str, tuple[str, ...]]:
    """Return the members of a class whose types are literal strings, by name."""
    if not _is_component(type_) or is_named_tuple(origin_of(type_) or type_):
        return {}
    result = {}
    for member in members_of(type_) or ():
        plain = strip_alias(split_annotation(member.type).type)
        values = typing.get_args(plain) if origin_of(plain) is Literal else ()
        values = tuple(plain_choice(value) for value in values)
        if values and all(isinstance(value, str) for value in values):
            result[member.wire_name] = values
    return result


def is_list_like(type_: object) -> bool:
    """Whether a type is a JSON array: list, set, tuple or one of their abstract base classes."""
    origin = origin_of(type_) or type_
    if not isinstance(origin, type) or issubclass(origin, str | bytes | bytearray | Mapping):
        return False
    return issubclass(origin, Sequence | AbstractSet) or origin in (Iterable, Collection)


def _is_component(type_: object) -> bool:
    cls = origin_of(type_) or type_
    if not isinstance(cls, type):
        return False
    if issubclass(cls, enum.Enum | msgspec.Struct) or is_named_tuple(cls):
        return True
    if mapper_of(cls) is not None:
        return True
    return attrs.has(cls) or dataclasses.is_dataclass(cls) or typing.is_typeddict(cls)


def _own_description(cls: type) -> str | None:
    """Return the first line of the class's docstring, unless it was generated."""
    text = cls.__dict__.get("__doc__")
    if not text or text.startswith((f"{cls.__name__}(", "A collection of name/value pairs")):
        return None
    return inspect.cleandoc(text).splitlines()[0] or None


def _default_value(default: object) -> object:
    """Return the default as JSON, or ``NOTHING`` when it is computed or has no form in JSON."""
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class, typed as a function
        factory = default.factory  # type: ignore[attr-defined]
        if factory not in (list, dict, set, tuple, frozenset):
            return attrs.NOTHING
        default = factory()
    if default is attrs.NOTHING or default is msgspec.UNSET:
        return attrs.NOTHING
    try:
        plain = msgspec.to_builtins(default, order="deterministic")
        # The document must be the same after encoding and decoding: no NaN, no infinity.
        return msgspec.json.decode(msgspec.json.encode(plain)) if plain == plain else attrs.NOTHING  # noqa: PLR0124
    except (TypeError, ValueError, msgspec.MsgspecError):
        return attrs.NOTHING


def _copy(schema: Schema) -> Schema:
    return {key: list(value) if isinstance(value, list) else value for key, value in schema.items()}


def _describe(schema: Schema, keyword: str, value: object) -> None:
    """Add an annotation whose value must be JSON."""
    try:
        schema[keyword] = msgspec.to_builtins(value, order="deterministic")
    except (TypeError, ValueError):
        raise TypeError(f"{value!r} cannot be written as JSON in the document") from None


def _enumeration(values: Sequence[object]) -> Schema:
    plain = [msgspec.to_builtins(value, order="deterministic") for value in values]
    names = list(dict.fromkeys(JSON_TYPES.get(type(value), "") for value in plain))
    schema: Schema = {}
    if "" not in names:
        schema["type"] = names[0] if len(names) == 1 else names
    return {**schema, "enum": plain}


def _no_form(type_: object) -> TypeError:
    """Return the error; a class may say in ``__no_json_form__`` where its objects belong."""
    reason = getattr(origin_of(type_) or type_, "__no_json_form__", None)
    if isinstance(reason, str):
        return TypeError(reason)
    return TypeError(
        f"{type_!r} has no form in JSON: use an attrs class, a dataclass, a TypedDict, an Enum,"
        " or a type that is composed of these"
    )
