"""Arguments that take the body of a request, or a part of it.

Code first each argument takes the whole body, in its type, or a field of the form, as written in
the document. Spec first a body that may be a form is read into one plain value, and every argument
takes a field of it or the whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from photon_openapi.annotations import strip_alias, without_none
from photon_openapi.codec import (
    JsonDecoder,
    SchemaDecoder,
    make_converter,
    structuring_errors,
)
from photon_openapi.document import Definitions, OpenApi
from photon_openapi.errors import MAX_ERRORS, ErrorDetail, MalformedBody, ValidationError
from photon_openapi.messages import pointer_of
from photon_openapi.schema import (
    SchemaCheck,
    default_of,
    is_equivalent,
    members_of,
    properties_of,
    type_of_schema,
)
from photon_runtime.http import Request
from photon_runtime.media_types import FORM, MULTIPART, essence, is_json, is_text, may_be_json

from .._upload import UploadFile, takes_files
from ..annotations import is_stream
from ..arguments import (
    REST,
    Binder,
    FormBody,
    FormReader,
    Reader,
    body_binder,
    class_of,
    field_binder,
    form_reader,
    json_field_binder,
    json_reader,
    model_arguments,
    read_bytes,
    read_stream,
    read_text,
    reader_chooser,
    rest_binder,
    submitted_field_binder,
    text_reader,
)
from ..dependencies import Owned
from ..signatures import ABSENT, MISSING, Argument
from ._compilation import CompilationContext, naming
from ._entry import ParameterKeys
from ._operation import BODY, is_body, is_json_field

_FORMS: Final = (FORM, MULTIPART)
_OBJECT: Final[OpenApi] = {"type": "object"}
_REFUSED: Final = object()
"""The value of an invalid body whose errors were added already."""


def form_fields(body: OpenApi, definitions: Definitions) -> list[str]:
    """Return the names of the fields of a form in a request body object."""
    names: dict[str, None] = {}
    for media, content in body.get("content", {}).items():
        if essence(media) in _FORMS:
            names |= dict.fromkeys(properties_of(content.get("schema"), definitions))
    return list(names)


@attrs.define
class BodyArguments:
    """Binds the arguments of one operation that take the body, or a part of it.

    Attributes:
        context: The state that all operations share.
        body: The request body object; empty if the operation has no body.
        arguments: All arguments from the request, each with its function.
        sources: The parameter of each argument.
        is_written: True if the operation was written from the arguments.
        pointer: The location of the request body object.
    """

    context: CompilationContext
    body: OpenApi
    arguments: Sequence[Owned]
    sources: ParameterKeys
    is_written: bool
    pointer: str = ""
    _form: FormReader | None = attrs.field(init=False, default=None)
    _plain: Binder | None = attrs.field(init=False, default=None)

    @property
    def definitions(self) -> Definitions:
        """The targets of references in the schemas of the body."""
        return self.context.document.definitions

    @property
    def content(self) -> Mapping[str, OpenApi]:
        """The media type objects of the body by media type."""
        content: Mapping[str, OpenApi] = self.body.get("content", {})
        return content

    def _has_form(self) -> bool:
        return any(essence(media) in _FORMS for media in self.content)

    def differences(self, argument: Argument) -> list[str]:
        """Return what is known not to fit in an argument that takes the body as a whole."""
        type_ = argument.annotation.annotated
        if _is_raw(argument):
            return []
        found: list[str] = []
        for media, content in self.content.items():
            if "schema" in content and (self._is_json(media) or essence(media) in _FORMS):
                found += self.context.agreement.differences(
                    self._schema(media),
                    type_,
                    "received",
                    self._schema_pointer(media),
                    opaque=_opaque(media),
                )
        return list(dict.fromkeys(found))

    def field_differences(self, argument: Argument, name: str) -> list[str]:
        """Return what is known not to fit in an argument that takes a field of the form."""
        found: list[str] = []
        for media, content in self.content.items():
            schema = properties_of(content.get("schema"), self.definitions).get(name)
            if schema is not None and essence(media) in _FORMS:
                found += self.context.agreement.differences(
                    schema,
                    argument.annotation.annotated,
                    "received",
                    self._schema_pointer(media) + pointer_of(["properties", name]),
                    opaque=_opaque(media),
                )
        return list(dict.fromkeys(found))

    def _schema(self, media: str) -> Any:
        """Return the schema of a whole body; a form is an object, whatever else it allows."""
        schema = self.content[media].get("schema", {})
        return {"allOf": [schema, _OBJECT]} if essence(media) in _FORMS else schema

    def _schema_pointer(self, media: str) -> str:
        return self.pointer + pointer_of(["content", media, "schema"])

    def whole(self, argument: Argument) -> Binder:
        """Return the binder of an argument that takes the body as a whole.

        Raises:
            TypeError: No media type of the body can be read as the type of the argument.
        """
        default = None if argument.default is MISSING else argument.default
        is_required = self.body.get("required", False) and argument.is_required
        if self._has_form() and not _is_raw(argument):
            return self._whole_form(argument, is_required=is_required, default=default)
        readers = {media: self._reader(argument, media) for media in self.content}
        readable = {media: reader for media, reader in readers.items() if reader is not None}
        if not readable:
            raise TypeError(
                f"a body of type {', '.join(readers)} cannot be read as "
                f"{argument.annotation.type!r}: annotate the argument as bytes"
            )
        json_types = [] if _is_raw(argument) else [each for each in readable if self._is_json(each)]
        choose = reader_chooser(
            readable, strict_json=json_types if self.context.settings.strict_content_type else ()
        )
        return body_binder(choose, is_required=is_required, default=default)

    @staticmethod
    def _is_json(media: str) -> bool:
        return may_be_json(media)

    def _reader(self, argument: Argument, media: str) -> Reader | None:
        """Return the reader of a body of one media type, ``None`` if the types do not match."""
        type_ = strip_alias(without_none(argument.annotation.type))
        if _is_raw(argument):
            return self._text_reader(media) if type_ is str else _raw_reader(type_)
        if is_json(media) or (may_be_json(media) and is_body(type_)):
            return json_reader(self._decoder(argument, media))
        if type_ in (Any, object):
            return self._text_reader(media) if is_text(media) else read_bytes
        return self._text_reader(media) if type_ is str else None

    def _text_reader(self, media: str) -> Reader:
        """Return the reader of a text, with the check of its schema in the document, if any."""
        schema = self.content[media].get("schema")
        if self.is_written or not is_text(media) or not schema:
            return read_text
        definitions = self.definitions
        if type_of_schema(schema, definitions) is not str:
            return read_text
        check = SchemaCheck(
            schema, components=definitions, assert_formats=definitions.assert_formats
        )
        return text_reader(check)

    def _decoder(self, argument: Argument, media: str) -> Callable[[bytes], object]:
        type_ = argument.annotation.annotated
        schema = self.content[media].get("schema", {})
        definitions = self.definitions
        if self.is_written:
            return self._written_decoder(type_, schema)
        if argument.annotation.type in (Any, object):
            return SchemaDecoder(schema, components=definitions).decode
        with naming(self._names(argument, media)):
            return self._spec_decoder(type_, schema)

    def _spec_decoder(self, type_: Any, schema: OpenApi) -> Callable[[bytes], object]:
        definitions = self.definitions
        if not definitions.assert_formats and is_equivalent(schema, definitions, type_):
            return JsonDecoder(type_, schema=schema, components=definitions).decode
        return SchemaDecoder(schema, components=definitions, type_=type_).decode

    def _written_decoder(self, type_: object, schema: OpenApi) -> Callable[[bytes], object]:
        """Return the decoder of a type whose schema was written from it; one for each class."""
        decoders, is_class = self.context.decoders, isinstance(type_, type)
        decode = decoders.get((type_, schema.get("$ref"))) if is_class else None
        if decode is None:
            decode = JsonDecoder(type_, schema=schema, components=self.definitions).decode
            if is_class and schema.keys() == {"$ref"}:
                decoders[type_, schema["$ref"]] = decode
        return decode

    # -- forms, code first --------------------------------------------------------------------

    def field(self, argument: Argument, name: str) -> Binder:
        """Return the binder of an argument that takes the field ``name`` of the form.

        Raises:
            TypeError: A value of the argument's type cannot be read from text.
        """
        if not self.is_written:
            return self._form_part(argument, name)
        if name == REST:
            return rest_binder(argument, self._field_names() - {REST}, self.form_reader())
        content: OpenApi = next(iter(self.content.values()), {})
        schema = content.get("schema", {}).get("properties", {}).get(name)
        if schema is None:  # of another operation with the same id, which is a problem, too
            raise TypeError(f"the form of the operation has no field {name!r}")
        if is_json_field(argument) and self._file_fields():
            return json_field_binder(
                argument, name, schema, self.form_reader(), definitions=self.definitions
            )
        make = submitted_field_binder if argument.is_submitted else field_binder
        return make(argument, name, schema, self.form_reader())

    def form_reader(self) -> FormReader:
        """Return the reader of the form, shared by all its fields."""
        if self._form is None:
            names, files = self._field_names(), self._file_fields()
            read = form_reader(files, None if REST in names else names, self.context.forms)
            choose = reader_chooser(dict.fromkeys(self.content, read))

            def checked_read(request: Request) -> Any:
                choose(request)
                return read(request)

            self._form = checked_read
        return self._form

    def _field_names(self) -> set[str]:
        return {key[1] for key in self.sources.values() if key[0] == "form"}

    def _file_fields(self) -> set[str]:
        """Return the names of the fields that arguments take as files."""
        names = set()
        for function, argument in self.arguments:
            for each in (argument, *(model_arguments(argument) or ())):
                key = self.sources.get((function, each.key))
                if key is not None and key[0] == "form" and each.is_file:
                    names.add(key[1])
                elif key == BODY:
                    members = members_of(class_of(each)) or ()
                    names |= {each.wire_name for each in members if takes_files(each.type)}
        return names

    # -- forms, spec first --------------------------------------------------------------------

    def _plain_body(self) -> Binder:
        """Return the reader of the body as a plain value, shared by all arguments."""
        if self._plain is None:
            readers = {media: self._plain_reader(media) for media in self.content}
            json_types = filter(
                is_json, readers if self.context.settings.strict_content_type else ()
            )
            choose = reader_chooser(readers, strict_json=list(json_types))
            self._plain = _plain_body(choose, is_required=self.body.get("required"))
        return self._plain

    def _plain_reader(self, media: str) -> Reader:
        content, definitions = self.content[media], self.definitions
        if essence(media) in _FORMS:
            files = self._file_fields()
            form = FormBody(
                content, definitions=definitions, files=files, settings=self.context.forms
            )
            return form.read
        if is_json(media):
            return json_reader(
                SchemaDecoder(content.get("schema", {}), components=definitions).decode
            )
        return self._text_reader(media) if is_text(media) else read_bytes

    def _whole_form(self, argument: Argument, *, is_required: bool, default: object) -> Binder:
        value_of = self._plain_body()
        convert = self._form_converter(argument)

        def bind(request: Request, errors: list[ErrorDetail]) -> object:
            value = value_of(request, errors)
            if value is _REFUSED:
                return None
            if value is ABSENT:
                if is_required:
                    errors.append(ErrorDetail("body", "a body is required", pointer=""))
                return default
            return convert(errors, value, ())

        return bind

    def _names(
        self, argument: Argument, media: str, field: str | None = None
    ) -> dict[Any, Mapping[str, str]]:
        """Return the names in the document of members that are spelled otherwise."""
        schema = self._schema(media)
        if field is not None:
            schema = properties_of(schema, self.definitions).get(field, {})
        return self.context.agreement.spellings(
            schema,
            argument.annotation.annotated,
            "received",
            self._schema_pointer(media),
            opaque=_opaque(media),
        )

    def _form_converter(
        self, argument: Argument, field: str | None = None
    ) -> Callable[[list[ErrorDetail], Any, tuple[str | int, ...]], object]:
        names: dict[Any, Mapping[str, str]] = {}
        for media in self.content:
            names |= self._names(argument, media, field)
        with naming(names):
            return _converter(argument)

    def _form_part(self, argument: Argument, name: str) -> Binder:
        value_of = self._plain_body()
        convert = self._form_converter(argument, name)
        default = argument.default
        must_be_sent, stated = self._missing_field(argument, name)

        def bind(request: Request, errors: list[ErrorDetail]) -> object:
            value = value_of(request, errors)
            if value is _REFUSED:
                return None
            if isinstance(value, dict) and name in value:
                return convert(errors, value[name], (name,))
            if default is MISSING and must_be_sent:
                errors.append(ErrorDetail("body", "is required", pointer=pointer_of([name])))
                return None
            if default is MISSING:
                return None if stated is None else convert(errors, stated, (name,))
            return default

        return bind

    def _missing_field(self, argument: Argument, name: str) -> tuple[bool, object]:
        """Return whether a field must be sent, and what replaces it otherwise."""
        schemas = [content.get("schema") for content in self.content.values()]
        fields = [properties_of(each, self.definitions).get(name) for each in schemas]
        stated = next((default_of(each, self.definitions) for each in fields if each), None)
        type_ = argument.annotation.type
        may_be_none = type_ in (Any, object) or without_none(type_) != type_
        return stated is None and not may_be_none, stated


def _is_raw(argument: Argument) -> bool:
    """Return true if an argument takes the raw body, regardless of its media type."""
    marker, type_ = argument.annotation.marker, strip_alias(without_none(argument.annotation.type))
    if marker is not None:
        return marker.media == "raw"
    return type_ is bytes or is_stream(type_)


def _raw_reader(type_: object) -> Reader:
    return read_stream if is_stream(type_) else read_bytes


def _plain_body(choose: Callable[[Request], Reader], *, is_required: bool | None) -> Binder:
    def value(request: Request, errors: list[ErrorDetail]) -> object:
        body = request._form
        if body is None:
            read = choose(request)
            try:
                body = read(request)
            except MalformedBody:
                raise
            except ValidationError as error:
                errors.extend(error.errors)
                body = _REFUSED
            if body is ABSENT and is_required:
                errors.append(ErrorDetail("body", "a body is required", pointer=""))
                body = _REFUSED
            request._form = body
        return body

    return value


def _opaque(media: str) -> tuple[Any, ...]:
    """Return the types that take any value of a media type: files, whose values are not JSON."""
    return (UploadFile, bytes) if essence(media) in _FORMS else ()


def _converter(
    argument: Argument,
) -> Callable[[list[ErrorDetail], Any, tuple[str | int, ...]], object]:
    """Return the conversion of a plain value to the type of an argument."""
    type_ = without_none(argument.annotation.type)
    if type_ in (Any, object):
        return lambda errors, value, path: value
    converter = make_converter()
    converter.register_structure_hook(UploadFile, _as_file)
    hook = converter.get_structure_hook(type_)

    def convert(errors: list[ErrorDetail], value: Any, path: tuple[str | int, ...]) -> object:
        if isinstance(value, UploadFile) and type_ is bytes:
            return value.read()
        try:
            return hook(value, type_)
        except Exception as error:
            errors += list(_error_details(error, path))
            return None

    return convert


def _error_details(error: Exception, path: tuple[str | int, ...]) -> Iterator[ErrorDetail]:
    for inner, message in itertools.islice(structuring_errors(error, path=path), MAX_ERRORS):
        yield ErrorDetail("body", message, pointer=pointer_of(inner))


def _as_file(value: object, _: object) -> UploadFile:
    if isinstance(value, UploadFile):
        return value
    raise ValueError("expected a file, got a string")
