"""The arguments of handlers, for the parameters, the body and the security of an operation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import attrs

from photon_openapi.document import Document, OpenApi, Operation
from photon_openapi.schema import properties_of, python_name, types_of
from photon_runtime.media_types import FORM, MULTIPART, essence, is_json, is_text

from ._code_layout import quoted
from ._merged_schemas import merged
from ._module_code import names_in
from ._names import NameScope, argument_scope, camel_name, snake_name
from ._schema_types import SchemaTypes, name_of_target
from ._type_code import ANY, TypeCode, default_code

_FORMS: Final = (FORM, MULTIPART)
_DEEPEST: Final = 8
"""Nested unions; a schema that contains itself has more."""
_MOST_FIELDS: Final = 6
"""A form with more fields is one argument, of a class."""
_IGNORED: Final = ("accept", "content-type", "authorization")
"""Header fields that OpenAPI does not allow as parameters, and ignores."""
_TEXT: Final = TypeCode("str", "str")
"""The type of values that no style can write."""
_PLAIN_FORM: Final = TypeCode("dict[str, Any]", "dict")


@attrs.frozen
class ArgumentCode:
    """An argument of a handler.

    Attributes:
        name: Its name.
        annotation: Its annotation.
        default: Its default, as code; ``None`` if it is required.
    """

    name: str
    annotation: str
    default: str | None = None

    @property
    def text(self) -> str:
        """The argument as it is written in a signature."""
        equals = "" if self.default is None else f" = {self.default}"
        return f"{self.name}: {self.annotation}{equals}"


def handler_arguments(
    document: Document, operation: Operation, types: SchemaTypes, name: str
) -> list[ArgumentCode]:
    """Return the arguments of an operation's handler, the required ones first.

    Args:
        document: The document.
        operation: The operation.
        types: The types of the document's schemas.
        name: The name of the operation as that of a class, for classes of its schemas.
    """
    arguments = _Arguments(document, operation, types, name)
    arguments.add_parameters()
    arguments.add_body()
    arguments.add_user()
    return sorted(arguments.added, key=lambda argument: argument.default is not None)


@attrs.define
class _Arguments:
    document: Document
    operation: Operation
    types: SchemaTypes
    name: str
    added: list[ArgumentCode] = attrs.field(factory=list)
    scope: NameScope = attrs.field(factory=argument_scope)

    # -- parameters ---------------------------------------------------------------------------

    def add_parameters(self) -> None:
        """Add an argument for each parameter."""
        names = [python_name(each["name"]) for each in self.operation.parameters]
        for parameter in self.operation.parameters:
            wire, place = parameter["name"], parameter["in"]
            if place == "header" and wire.lower() in _IGNORED:
                continue
            is_shared = names.count(python_name(wire)) > 1
            self._add_parameter(parameter, wire, place, is_shared=is_shared)

    def _add_parameter(self, parameter: OpenApi, wire: str, place: str, *, is_shared: bool) -> None:
        type_, schema = self._type_of_parameter(parameter)
        name = self._claim(wire, place)
        default = None
        if not parameter.get("required", place == "path"):
            default = self._default(schema, type_)
        # The value of a parameter that is sent is never null.
        type_ = attrs.evolve(type_, is_nullable=default == "None")
        # The name of one parameter may be that of another in Python's spelling.
        if name != wire and (is_shared or name != python_name(wire)):
            type_ = type_.named(wire)
        has_marker = is_shared or place in ("header", "cookie")
        if has_marker and type_.kind == "class":  # one parameter, and not one for each member
            style = parameter.get("style", "form" if place in ("query", "cookie") else "simple")
            type_ = attrs.evolve(type_, param={**type_.param, "style": quoted(style)})
        annotation = type_.annotation
        if has_marker and place != "querystring":
            annotation = f"{place.capitalize()}[{annotation}]"
        self.added.append(ArgumentCode(name, annotation, default))

    def _claim(self, wire: str, place: str) -> str:
        plain = python_name(wire)
        name = plain if plain == snake_name(plain) else snake_name(wire)
        return self.scope.claim(name, f"{name}_{place}" if name[-1:] != "_" else f"{name}{place}")

    def _type_of_parameter(self, parameter: OpenApi) -> tuple[TypeCode, Any]:
        hint = self.name + camel_name(parameter["name"])
        if "content" in parameter:
            [(media, media_object)] = parameter["content"].items()
            schema = media_object.get("schema", True)
            if not is_json(media):
                return _TEXT, schema
            return self.types.of(schema, hint), schema
        schema = parameter.get("schema", True)
        plain = self._plain(schema)
        if "object" in types_of(plain) or "properties" in plain:
            whole = self.types.of(schema, hint)
            is_object = whole.kind in ("class", "dict")
            return (attrs.evolve(whole, param={}) if is_object else _TEXT), schema
        type_ = self.types.of(schema, hint)
        if self._is_read_from_text(plain):
            return attrs.evolve(type_, param={}), schema
        is_list = types_of(plain) == ["array"]
        return (TypeCode("list[str]", "list") if is_list else _TEXT), schema

    def _plain(self, schema: Any) -> OpenApi:
        return merged(schema, self.document.definitions) if isinstance(schema, dict) else {}

    def _is_read_from_text(self, schema: OpenApi, depth: int = 0) -> bool:
        """Return true if strings can be converted to the type of a schema; lists at depth 0."""
        if "contentEncoding" in schema or depth > _DEEPEST:
            return False
        branches = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
        if branches:
            return all(self._is_read_from_text(self._plain(each), depth + 1) for each in branches)
        kinds = types_of(schema)
        if "array" in kinds:
            items = self._plain(schema.get("items", True))
            return depth == 0 and kinds == ["array"] and self._is_read_from_text(items, 1)
        return "object" not in kinds and not {"properties", "items"} & schema.keys()

    def _default(self, schema: Any, type_: TypeCode) -> str | None:
        """Return the default of an optional parameter; ``None`` leaves it to the document."""
        plain = self._plain(schema)
        if plain.get("default") is None:
            return "None"
        default = default_code(plain["default"], type_)
        return None if default == "None" else default

    # -- the body -----------------------------------------------------------------------------

    def add_body(self) -> None:
        """Add the arguments that take the body."""
        body = self.operation.body
        content = (body or {}).get("content") or {}
        if body is None or not content:
            return
        is_required = bool(body.get("required"))
        forms = [each for each in content if essence(each) in _FORMS]
        media = next(filter(is_json, content), None)
        if media is not None:
            schema = content[media].get("schema", True)
            declared = self.operation.data["requestBody"].get("$ref")
            hint = name_of_target(declared) if declared else f"{self.name}Request"
            self._add_whole("Json", self.types.of(schema, hint), is_required)
        elif forms:
            self._add_form(content[forms[0]], is_required)
        elif all(map(is_text, content)):
            self._add_whole("Body", TypeCode("str", "str"), is_required)
        else:
            self._add_whole("Body", TypeCode("bytes"), is_required)

    def _add_whole(
        self, marker: str, type_: TypeCode, is_required: bool, *, fields: Collection[str] = ()
    ) -> None:
        base = snake_name(type_.text) if type_.text in self.types.classes else "body"
        # With the name of a field, the argument would be that field.
        free = [name for name in (base, "body", "request_body") if name not in fields]
        name = self.scope.claim(*free or ["whole_body"])
        if is_required:
            self.added.append(ArgumentCode(name, f"{marker}[{type_.annotation}]"))
        else:
            optional = type_.nullable().annotation
            self.added.append(ArgumentCode(name, f"{marker}[{optional}]", "None"))

    def _add_form(self, media: OpenApi, is_required: bool) -> None:
        definitions = self.document.definitions
        schema = media.get("schema", {})
        properties = properties_of(schema, definitions)
        files = {
            name: kind
            for name, inner in properties.items()
            if (kind := self._file(self._plain(inner), (media.get("encoding") or {}).get(name, {})))
        }
        plain = self._plain(schema)
        if not properties or {"oneOf", "anyOf"} & plain.keys():
            self._add_whole("Form", _PLAIN_FORM, is_required, fields=properties)
        elif len(properties) > _MOST_FIELDS and not files and is_required:
            whole = attrs.evolve(self.types.of(schema, f"{self.name}Form"), is_nullable=False)
            is_class = whole.kind == "class"  # of which each member is a field
            form = whole if is_class else _PLAIN_FORM
            self._add_whole("Form", form, is_required, fields=properties)
        else:
            required = plain.get("required", ()) if is_required else ()
            for wire, inner in properties.items():
                self._add_field(wire, inner, files.get(wire), is_required=wire in required)

    def _file(self, schema: OpenApi, encoding: Mapping[str, Any]) -> str | None:
        """Return the type of a field that is a file, or several; ``None`` for other fields."""
        if types_of(schema) == ["array"]:
            item = self._file(self._plain(schema.get("items", True)), encoding)
            return None if item is None else f"list[{item}]"
        if {"object", "integer", "number", "boolean"} & set(types_of(schema)):
            return None
        if "contentEncoding" in schema or "properties" in schema:
            return None
        if schema.get("format") == "binary":
            return "UploadFile"
        media = schema.get("contentMediaType") or encoding.get("contentType") or ""
        kinds = [essence(each) for each in str(media).split(",") if each.strip()]
        is_binary = kinds and not any(is_text(each) or is_json(each) for each in kinds)
        return "UploadFile" if is_binary else None

    def _add_field(self, wire: str, schema: Any, file: str | None, *, is_required: bool) -> None:
        name = self._claim(wire, "field")
        type_ = TypeCode(file, "file") if file else self._type_of_field(schema, wire)
        default = None if is_required else default_code(self._plain(schema).get("default"), type_)
        if default == "None":
            type_ = type_.nullable()
        if name not in (wire, python_name(wire)):
            type_ = type_.named(wire)
        annotation = type_.annotation if file and not type_.param else f"Form[{type_.annotation}]"
        self.added.append(ArgumentCode(name, annotation, default))

    def _type_of_field(self, schema: Any, wire: str) -> TypeCode:
        """Return the type of a field: plain data for objects, of which one field is read."""
        if {"object"} & set(types_of(plain := self._plain(schema))) or "properties" in plain:
            return TypeCode("dict[str, Any]", "dict")
        if {"oneOf", "anyOf"} & plain.keys():
            return TypeCode("Any", "any")
        type_ = self.types.of(schema, self.name + camel_name(wire))
        if type_.kind in ("str", "int", "float", "bool", "literal"):
            return type_
        named = self.types.classes.keys() | self.types.aliases.keys()
        return ANY if names_in([type_.annotation]) & named else type_

    # -- security -----------------------------------------------------------------------------

    def add_user(self) -> None:
        """Add the identity of the client, where the operation requires credentials."""
        if not any(self.document.required_security(self.operation)):
            return
        identity = "Identity | None" if self.document.is_open(self.operation) else "Identity"
        name = self.scope.claim("user", "current_user")
        self.added.append(ArgumentCode(name, f"CurrentUser[{identity}]"))


def signature_arguments(arguments: Sequence[ArgumentCode]) -> list[str]:
    """Return the arguments as they are written; those with a default are keyword-only."""
    required = [each.text for each in arguments if each.default is None]
    optional = [each.text for each in arguments if each.default is not None]
    return [*required, *(["*", *optional] if optional else ())]
