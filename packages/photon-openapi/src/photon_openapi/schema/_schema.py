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
from ._component_names import (
    Definition,
    PydanticForm,
    SentForm,
    class_of_key,
    qualified_name,
    short_name,
)
from ._keywords import JSON_TYPES, Schema, limit_length
from ._mapped_classes import mapper_of
from ._members import Member, is_named_tuple, members_of, pydantic_classes_in
from ._pydantic_models import PydanticAttribute, is_pydantic, refuse_unusable
from ._scalars import DECIMAL_PATTERN as DECIMAL_PATTERN
from ._scalars import KEYS, SCALARS, flag_values, plain_choice

COMPONENT_PREFIX = "#/components/schemas/"
_MAX_NESTED = 16
"""Classes within classes that are described by recursion, which has a limit."""


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
        is_enforced: True to write what is enforced of a class of pydantic, instead of what a
            document says of it: see `_pydantic_schemas`.
    """

    components: dict[str, Schema] = attrs.Factory(dict)
    is_enforced: bool = attrs.field(default=False, kw_only=True)
    _is_sent: bool = attrs.field(default=False, init=False)
    _names: dict[object, str] = attrs.field(factory=dict, init=False)
    _namesakes: dict[str, list[object]] = attrs.field(factory=dict, init=False)
    _references: dict[object, list[Schema]] = attrs.field(factory=dict, init=False)
    _mappings: dict[object, list[tuple[Schema, str]]] = attrs.field(factory=dict, init=False)
    _read_members: dict[object, Schema] = attrs.field(factory=dict, init=False)
    _two_forms: dict[object, bool] = attrs.field(factory=dict, init=False)
    _literals: dict[object, dict[str, tuple[str, ...]]] = attrs.field(factory=dict, init=False)
    _depth: int = attrs.field(default=0, init=False)
    _deferred: list[tuple[object, object, bool]] = attrs.field(factory=list, init=False)

    def sent_schema(self, type_: object) -> Schema:
        """Return the schema of a type whose values are sent: see `schema`.

        Only classes of pydantic can have another form there than where they are received, and
        classes that contain them.
        """
        before, self._is_sent = self._is_sent, True
        try:
            return self.schema(type_)
        finally:
            self._is_sent = before

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
        if len(members) < 2:
            return None
        choices = list(map(self._literals_of, members))
        common = [name for name in choices[0] if all(name in each for each in choices)]
        for name in common:
            values = [value for each in choices for value in each[name]]
            if len(set(values)) == len(values):
                mapping: Schema = {}
                for member, each in zip(members, choices, strict=True):
                    for value in each[name]:
                        self._map(mapping, value, self._key_of(member))
                return {"propertyName": name, "mapping": mapping}
        return None

    def _literals_of(self, type_: Any) -> dict[str, tuple[str, ...]]:
        if not isinstance(type_, typing.Hashable):
            return _literals(type_)
        if type_ not in self._literals:
            self._literals[type_] = _literals(type_)
        return self._literals[type_]

    def _container(self, type_: Any) -> Schema:
        origin, arguments = origin_of(type_) or type_, typing.get_args(type_)
        if not isinstance(origin, type):
            raise _no_form(type_)
        refuse_unusable(origin)
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
        if isinstance(plain, type) and issubclass(plain, enum.Flag):
            return {"pattern": "^[0-9]+$"}
        if isinstance(plain, type) and issubclass(plain, enum.Enum):
            return {"enum": [str(plain_choice(member)) for member in plain]}
        schema = self.schema(key)
        schema.pop("type", None)
        return schema

    def _map(self, mapping: Schema, tag: str, key: object) -> None:
        """Map the tag of a union to a component."""
        self._mappings.setdefault(key, []).append((mapping, tag))
        mapping[tag] = COMPONENT_PREFIX + self._names[key]

    def _reference(self, type_: object) -> Schema:
        key = self._key_of(type_)
        if key not in self._names:
            self.components[self._claim_name(key)] = {}
            self._describe(type_, key)
        return self._refer({}, key)

    def _describe(self, type_: object, key: object) -> None:
        """Write the component of a class; those of a long chain of classes one after the other."""
        if self._depth >= _MAX_NESTED:
            self._deferred.append((type_, key, self._is_sent))
            return
        before, self._depth = self._is_sent, self._depth + 1
        try:
            component = self._component(type_)
            self.components[self._names[key]].update(component)
        finally:
            self._depth -= 1
        while self._depth == 0 and self._deferred:
            later, its_key, self._is_sent = self._deferred.pop()
            self._describe(later, its_key)
            self._is_sent = before

    def _refer(self, reference: Schema, key: object) -> Schema:
        """Make a schema refer to a component whose name is claimed."""
        # A class of the same name may change it later.
        reference["$ref"] = COMPONENT_PREFIX + self._names[key]
        self._references.setdefault(key, []).append(reference)
        return reference

    def _key_of(self, type_: object) -> object:
        """Return the key of a class's component: the class, or the form in which it is sent."""
        if not self._is_sent:
            return type_
        has_two = self._two_forms.get(type_)
        if has_two is None:
            read_by_pydantic = (
                [type_.cls] if isinstance(type_, PydanticForm) else pydantic_classes_in(type_)
            )
            has_two = any(map(_has_two_forms, read_by_pydantic))
            self._two_forms[type_] = has_two
        return SentForm(type_) if has_two else type_

    def _claim_name(self, type_: object) -> str:
        namesakes = self._namesakes.setdefault(short_name(type_), [])
        namesakes.append(type_)
        first, *later = namesakes
        if not later:
            self._names[type_] = short_name(type_)
            return self._names[type_]
        is_same = len({class_of_key(each) for each in namesakes}) == 1
        if self._names[first] == short_name(first):
            self._rename(first, self._qualified_name(first, is_same=is_same))
        self._names[type_] = self._qualified_name(type_, is_same=is_same)
        return self._names[type_]

    def _qualified_name(self, type_: object, *, is_same: bool) -> str:
        """Return a name that no other class has.

        Args:
            type_: The class.
            is_same: True if it has its short name in common only with its other form.
        """
        base = name = short_name(type_) if is_same else qualified_name(type_)
        if is_same:
            base = name = f"{base}-{'Output' if isinstance(type_, SentForm) else 'Input'}"
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
        if isinstance(type_, PydanticForm):
            return self._pydantic(type_.cls)
        cls = origin_of(type_) or type_
        if is_pydantic(cls):
            return self._pydantic(type_)
        if issubclass(cls, enum.Flag):
            schema = _flag(cls)
        elif issubclass(cls, enum.Enum):
            schema = _enumeration(list(cls))
        elif is_named_tuple(cls):
            schema = self._named_tuple(type_)
        else:
            schema = self._object(type_)
        description = _own_description(cls)
        return schema if description is None else {"description": description, **schema}

    def _pydantic(self, type_: Any) -> Schema:
        """Return pydantic's schema of a class, with references to the components of others."""
        from ._pydantic_schemas import PLACEHOLDER, ClassSchema, Purpose, walk

        purpose: Purpose = "enforced" if self.is_enforced else "received"
        own = ClassSchema(type_, "sent" if self._is_sent else purpose)
        targets: dict[str, object] = {}
        for index, cls in enumerate(own.classes):
            is_own = is_pydantic(cls) or issubclass(cls, enum.Enum)
            other = cls if is_own else PydanticForm(cls)
            self._reference(other)
            targets[f"{PLACEHOLDER}{index}"] = self._key_of(other)
        for name, definition in own.definitions.items():
            key = targets[f"#/$defs/{name}"] = Definition(self._key_of(type_), name)
            if key not in self._names:
                self.components[self._claim_name(key)] = definition
        for part in walk([own.schema, own.definitions]):
            if part.get("$ref") in targets:
                self._refer(part, targets[part["$ref"]])
            for tag, target in _mapping_of(part).items():
                if target in targets:
                    self._map(part["discriminator"]["mapping"], tag, targets[target])
        is_silent = own.is_closable and is_closed(type_)
        return {**own.schema, "additionalProperties": False} if is_silent else own.schema

    def _pydantic_member(self, attribute: PydanticAttribute) -> Schema:
        own = self._read_members.get(attribute.cls)
        if own is None:
            own = self._read_members[attribute.cls] = self._pydantic(attribute.cls)
        schema: Schema = own["properties"][attribute.name]
        present = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
        if len(present) == 1:  # a parameter is missing, and never null
            del schema["anyOf"]
            schema.update({**present[0], **schema})
        return schema

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
        if isinstance(member.attribute, PydanticAttribute):
            return self._pydantic_member(member.attribute)
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


def _has_two_forms(cls: Any) -> bool:
    from ._pydantic_schemas import has_two_forms

    return has_two_forms(cls)


def _mapping_of(schema: Schema) -> dict[str, Any]:
    discriminator = schema.get("discriminator")
    mapping = discriminator.get("mapping") if isinstance(discriminator, dict) else None
    return dict(mapping) if isinstance(mapping, dict) else {}


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
    if mapper_of(cls) is not None or is_pydantic(cls):
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
        plain = msgspec.to_builtins(_with_wire_names(default), order="deterministic")
        # The document must be the same after encoding and decoding: no NaN, no infinity.
        return msgspec.json.decode(msgspec.json.encode(plain)) if plain == plain else attrs.NOTHING  # noqa: PLR0124
    except (TypeError, ValueError, msgspec.MsgspecError):
        return attrs.NOTHING


def _with_wire_names(value: Any) -> Any:
    """Return a value with mappings for objects of classes, by their names on the wire."""
    if isinstance(value, dict):
        return {name: _with_wire_names(item) for name, item in value.items()}
    if is_named_tuple(type(value)) or isinstance(value, list | tuple):
        return [_with_wire_names(item) for item in value]
    members = None if isinstance(value, enum.Enum) else members_of(type(value))
    if members is None:
        return value
    parts = [(each, getattr(value, each.name, msgspec.UNSET)) for each in members]
    return {
        each.wire_name: _with_wire_names(part)
        for each, part in parts
        if part is not msgspec.UNSET and not each.is_private
    }


def _copy(schema: Schema) -> Schema:
    return {key: list(value) if isinstance(value, list) else value for key, value in schema.items()}


def _describe(schema: Schema, keyword: str, value: object) -> None:
    """Add an annotation whose value must be JSON."""
    try:
        schema[keyword] = msgspec.to_builtins(_with_wire_names(value), order="deterministic")
    except (TypeError, ValueError):
        raise TypeError(f"{value!r} cannot be written as JSON in the document") from None


def _enumeration(values: Sequence[object]) -> Schema:
    plain = [plain_choice(value) for value in values]
    names = list(dict.fromkeys(JSON_TYPES.get(type(value), "") for value in plain))
    schema: Schema = {}
    if "" not in names:
        schema["type"] = names[0] if len(names) == 1 else names
    return {**schema, "enum": plain}


def _flag(cls: type[enum.Flag]) -> Schema:
    """Return the schema of a flag: the sum of the values of its members."""
    names = ", ".join(f"{member.value} ({member.name})" for member in cls)
    schema: Schema = {"description": f"The sum of any of {names}."} if names else {}
    values = flag_values(cls)
    if values:
        return {**schema, "type": "integer", "enum": values}
    return {**schema, "type": "integer", "minimum": 0, "maximum": sum(each.value for each in cls)}


def _no_form(type_: object) -> TypeError:
    """Return the error; a class may say in ``__no_json_form__`` where its objects belong."""
    reason = getattr(origin_of(type_) or type_, "__no_json_form__", None)
    if isinstance(reason, str):
        return TypeError(reason)
    return TypeError(
        f"{type_!r} has no form in JSON: use an attrs class, a dataclass, a TypedDict, an Enum,"
        " or a type that is composed of these"
    )
