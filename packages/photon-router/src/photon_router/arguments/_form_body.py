"""Forms whose schema is in a document: converted to a JSON value that the schema validates.

A form consists of strings, and its schema describes JSON values. So each property is read according
to its schema: scalars from one string, arrays from repeated fields, objects from JSON, and always
according to the ``encoding`` of the media type if it has one (OpenAPI 3.1, 4.8.15): ``contentType``
(JSON parts are decoded, and a part of another type is rejected), and ``style`` with ``explode``. A
string that cannot be read as its type is left unchanged, and the schema rejects it.
``encoding.headers`` describe parts and are not enforced.

Properties of binary content (``format: binary``, ``contentMediaType`` without ``contentEncoding``,
or a ``contentType`` that is neither text nor JSON) are files. The schema validates only that they
are present; their lengths are checked in bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import attrs

from photon_openapi.annotations import origin_of
from photon_openapi.codec import SchemaDecoder, text_converter
from photon_openapi.document import Definitions
from photon_openapi.errors import ErrorDetail, ValidationError
from photon_openapi.messages import pointer_of
from photon_openapi.schema import SchemaCheck, others_of, properties_of, type_of_schema, types_of
from photon_runtime.http import Request
from photon_runtime.media_types import essence, is_json, is_text

from ..signatures import ABSENT
from ._form import FieldValue, FormData, FormSettings, form_reader
from ._media import media_rank

_DELIMITERS: Final = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
_read_json = SchemaDecoder({}).decode


@attrs.frozen
class _Property:
    """One property of the form's schema, with its encoding."""

    name: str
    schema: Mapping[str, Any]
    kind: str
    items: Mapping[str, Any]
    is_file: bool
    media: tuple[str, ...]
    style: str | None
    explode: bool

    @property
    def is_json(self) -> bool:
        return bool(self.media) and all(map(is_json, self.media))


class FormBody:
    """A form that a document describes.

    Attributes:
        properties: The names of the fields in the schema.
        files: The names of the fields that are files.
    """

    def __init__(
        self,
        media: Mapping[str, Any],
        *,
        definitions: Definitions,
        files: Collection[str] = (),
        settings: FormSettings,
    ) -> None:
        """Read the schema and its encoding.

        Args:
            media: The media type object of the document.
            definitions: The targets of its references.
            files: Fields that the handler takes as files, regardless of the schema.
            settings: The limits of forms.

        Raises:
            ValueError: The schema is invalid.
        """
        schema = media.get("schema", {})
        encoding = media.get("encoding", {})
        properties = properties_of(schema, definitions)
        self._properties = [
            _property(name, inner, encoding.get(name, {}), definitions, is_file=name in files)
            for name, inner in properties.items()
        ]
        self._definitions = definitions
        self._others = others_of(schema, definitions)
        self.properties = tuple(properties)
        self.files = frozenset(each.name for each in self._properties if each.is_file)
        self._known = frozenset(self.properties)
        self._check = SchemaCheck(
            _without_files(schema, self.files, definitions), components=definitions
        )
        self._read = form_reader(self.files, None, settings)

    def read(self, request: Request) -> object:
        """Return the value of a request's form: a dict of JSON values and of `UploadFile`.

        Raises:
            MalformedBody: The form cannot be read.
            ValidationError: The form violates the schema; lists every error.
        """
        if request.raw_header(b"content-type") is None and not request.body:
            return ABSENT
        form = self._read(request)
        errors: list[ErrorDetail] = []
        value: dict[str, object] = {}
        for each in self._properties:
            self._add(each, form, value, errors)
        for name, parts in form.fields.items():
            if name not in self._known and not self._is_object_member(name):
                self._add_other(name, parts, form, value, errors)
        instance = {name: _stub(item, name in self.files) for name, item in value.items()}
        if errors or not self._check.is_valid(instance):
            pointers = {detail.pointer for detail in errors}
            schema_errors = self._check.errors(instance)
            errors += [detail for detail in schema_errors if detail.pointer not in pointers]
        if errors:
            raise ValidationError(errors)
        return value

    def _is_object_member(self, name: str) -> bool:
        """Return true if a field is a member of an object: ``filter[color]``, or a bare name."""
        head = name.partition("[")[0]
        for each in self._properties:
            if each.kind == "object":
                if name != head and head == each.name:
                    return True
                if each.style == "form" and each.explode and name in self._members(each):
                    return True
        return False

    def _add_other(
        self,
        name: str,
        parts: list[FieldValue],
        form: FormData,
        value: dict[str, object],
        errors: list[ErrorDetail],
    ) -> None:
        """Add a field that the schema does not name, by its ``additionalProperties``."""
        if isinstance(self._others, dict) and self._others:
            other = _property(name, self._others, {}, self._definitions, is_file=False)
            self._add(other, form, value, errors)
            return
        strings = [part.text for part in parts]
        value[name] = strings[0] if len(strings) == 1 else strings

    def _members(self, each: _Property) -> dict[str, Any]:
        return properties_of(each.schema, self._definitions)

    def _add(
        self, each: _Property, form: FormData, value: dict[str, object], errors: list[ErrorDetail]
    ) -> None:
        if each.is_file:
            files = form.files.get(each.name)
            if files:
                value[each.name] = list(files) if each.kind == "array" else files[-1]
                errors += _file_errors(each, files)
            return
        parts = form.fields.get(each.name)
        if parts and each.media:
            sent = [part.content_type for part in parts if part.content_type is not None]
            if not all(any(media_rank(kind, media) for media in each.media) for kind in sent):
                kinds = ", ".join(each.media)
                pointer = pointer_of([each.name])
                errors.append(ErrorDetail("body", f"must be of type {kinds}", pointer=pointer))
                return
        try:
            result = self._value(each, parts, form)
        except ValidationError as error:  # a JSON part is invalid
            start = pointer_of([each.name])
            for detail in error.errors:
                errors.append(
                    ErrorDetail("body", detail.message, pointer=start + (detail.pointer or ""))
                )
            return
        if result is not ABSENT:
            value[each.name] = result

    def _value(self, each: _Property, parts: list[FieldValue] | None, form: FormData) -> object:
        if each.kind == "object":
            return self._object(each, parts, form)
        if not parts:
            return ABSENT
        if each.kind == "array":
            return self._array(each, parts)
        last = parts[-1]
        if _is_json_part(each, last):
            return _read_json(last.text.encode())
        if not last.text and _is_scalar(each.schema):  # an input that was left empty
            return ABSENT
        return self._scalar(last.text, each.schema)

    def _scalar(self, text: str, schema: Mapping[str, Any]) -> object:
        """Return the value of a string, unchanged if it is not of the type in the schema."""
        type_ = type_of_schema(schema, self._definitions)
        if type_ is str or type_ is dict or origin_of(type_) is list:
            return text
        try:
            return text_converter(type_)(text)
        except ValueError:
            return text

    def _array(self, each: _Property, parts: list[FieldValue]) -> object:
        if any(_is_json_part(each, part) for part in parts):
            values = [_read_json(part.text.encode()) for part in parts]
            return values[0] if len(values) == 1 and isinstance(values[0], list) else values
        strings = [part.text for part in parts]
        if not each.explode:
            delimiter = _DELIMITERS.get(each.style or "form", ",")
            strings = [piece for text in strings if text for piece in text.split(delimiter)]
        if _is_scalar(each.items):  # an input that was left empty
            strings = [text for text in strings if text]
            if not strings and each.explode:
                return ABSENT
        return [self._scalar(text, each.items) for text in strings]

    def _object(self, each: _Property, parts: list[FieldValue] | None, form: FormData) -> object:
        members = self._members(each)
        if parts and (each.style is None or _is_json_part(each, parts[-1])):
            return _read_json(parts[-1].text.encode())
        if parts and not each.explode:
            pieces = iter(parts[-1].text.split(","))
            pairs = list(zip(pieces, pieces, strict=False))
        elif each.style == "form":
            values = ((name, form.fields.get(name)) for name in members)
            pairs = [(name, sent[-1].text) for name, sent in values if sent]
        else:
            pairs = list(_deep_object_members(each.name, form))
        if not pairs:
            return ABSENT
        return {name: self._scalar(text, members.get(name, {})) for name, text in pairs}


def _is_json_part(each: _Property, part: FieldValue) -> bool:
    if part.content_type is not None:
        return is_json(part.content_type)
    return each.is_json


def _deep_object_members(name: str, form: FormData) -> Iterator[tuple[str, str]]:
    """Yield the members of an object in the style ``deepObject``: ``name[member]=text``."""
    prefix = f"{name}["
    for field, parts in form.fields.items():
        if field.startswith(prefix) and field.endswith("]"):
            yield field[len(prefix) : -1], parts[-1].text


def _stub(value: object, is_file: bool) -> object:
    if not is_file:
        return value
    return [None] * len(value) if isinstance(value, list) else None


def _file_errors(each: _Property, files: list[Any]) -> Iterator[ErrorDetail]:
    schema = each.items if each.kind == "array" else each.schema
    min_length, max_length = schema.get("minLength", 0), schema.get("maxLength")
    pointer = pointer_of([each.name])
    for file in files:
        if file.size < min_length:
            yield ErrorDetail("body", f"must have at least {min_length} bytes", pointer=pointer)
        if max_length is not None and file.size > max_length:
            yield ErrorDetail("body", f"must have at most {max_length} bytes", pointer=pointer)
        if each.media and not any(media_rank(file.content_type, media) for media in each.media):
            yield ErrorDetail("body", f"must be of type {', '.join(each.media)}", pointer=pointer)


# -- schemas -----------------------------------------------------------------------------------


def _property(
    name: str, schema: Any, encoding: Mapping[str, Any], definitions: Definitions, *, is_file: bool
) -> _Property:
    schema = _plain(schema, definitions)
    kind = _kind(schema)
    items = _plain(schema.get("items", {}), definitions) if kind == "array" else {}
    content_type = str(encoding.get("contentType", ""))
    media = tuple(filter(None, map(essence, content_type.split(","))))
    style = encoding.get("style")
    if style is None and "explode" in encoding:
        style = "form"
    return _Property(
        name=name,
        schema=schema,
        kind=kind,
        items=items,
        is_file=is_file or _is_binary(items if kind == "array" else schema, media),
        media=media,
        style=style,
        explode=encoding.get("explode", style in (None, "form")),
    )


def _plain(schema: Any, definitions: Definitions) -> dict[str, Any]:
    """Return a schema merged with the targets of its reference."""
    merged = dict(schema) if isinstance(schema, dict) else {}
    for _, target in definitions.chain(schema):
        merged = {**target, **merged} if isinstance(target, dict) else merged
    merged.pop("$ref", None)
    return merged


def _kind(schema: Mapping[str, Any]) -> str:
    types = [kind for kind in types_of(schema) if kind != "null"]
    if types:
        return str(types[0])
    if "properties" in schema or "allOf" in schema:
        return "object"
    return "array" if "items" in schema else ""


def _is_scalar(schema: Mapping[str, Any]) -> bool:
    """Return true if an empty string cannot be a value: for numbers and booleans."""
    types = types_of(schema)
    return bool(types) and set(types) <= {"integer", "number", "boolean"}


def _is_binary(schema: Mapping[str, Any], media: tuple[str, ...]) -> bool:
    if _kind(schema) in ("object", "array", "integer", "number", "boolean"):
        return False
    if schema.get("format") == "binary":
        return True
    types = (schema["contentMediaType"],) if "contentMediaType" in schema else media
    if "contentEncoding" in schema:
        return False
    return bool(types) and not any(is_text(each) or is_json(each) for each in types)


def _without_files(schema: Any, files: Collection[str], definitions: Definitions) -> Any:
    """Return a copy of a schema that requires files to be present and no more."""
    if not isinstance(schema, dict) or not files:
        return schema
    if "$ref" in schema:
        schema = _plain(schema, definitions)
    copy = dict(schema)
    if "properties" in copy:
        copy["properties"] = {
            name: _file_schema(inner, definitions) if name in files else inner
            for name, inner in copy["properties"].items()
        }
    for keyword in ("allOf", "anyOf", "oneOf"):
        if keyword in copy:
            copy[keyword] = [_without_files(each, files, definitions) for each in copy[keyword]]
    return copy


def _file_schema(schema: Any, definitions: Definitions) -> dict[str, Any]:
    plain = _plain(schema, definitions)
    if _kind(plain) != "array":
        return {}
    return {key: plain[key] for key in ("type", "minItems", "maxItems") if key in plain}
