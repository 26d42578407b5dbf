"""What binds the arguments of an operation: where each has its value, and how that is read.

Code first the places were settled when the operation was written. Spec first arguments are fitted
to the document, whose schemas then give the verdict; a body that may be a form is read into one
plain value, of which every argument takes its part, be it a field or the whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from photon_runtime.http import Request

from ..answers._background import BackgroundTasks, background_of
from ..document._document import Document, OpenApi, Operation
from ..handlers._fit import Asked, fit
from ..handlers._form_fields import field_binder
from ..handlers._operation import BODY, Place, Places, is_body, place_of
from ..handlers._signature import ABSENT, MISSING, Argument, where
from ..handlers._spread import class_of, spread, spread_binder
from ..handlers._types import Annotation, is_stream, strip_alias, without_none
from ..schema._body import JsonBody, SchemaBody
from ..schema._check import SchemaCheck
from ..schema._faults import MAX_FAULTS, Fault, MalformedBody, ValidationFailed, pointer_of
from ..schema._members import members_of
from ..schema._sameness import says_the_same
from ..schema._schema_types import properties_of, type_of_schema
from ._convert import make_converter, structuring_faults
from ._form import FormReader, FormSettings, form_reader
from ._form_body import FormBody
from ._media import (
    Reader,
    body_binder,
    is_text,
    json_reader,
    media_kind,
    read_bytes,
    read_stream,
    read_text,
    reader_chooser,
    text_reader,
)
from ._media_types import FORM, MULTIPART, is_json
from ._parameters import Binder, bind_parameter
from ._upload import UploadFile, takes_files

_FORMS: Final = (FORM, MULTIPART)
_REFUSED: Final = object()
"""Stands for a body whose faults were noted already."""


@attrs.define
class Arguments:
    """Binds the arguments of one operation; what is wrong goes to ``problems``.

    Attributes:
        document: The document.
        operation: The operation.
        asked: All arguments from the request, each with its function.
        written: Where they have their values, if the operation was written from them.
        problems: What is wrong.
        forms: The limits of forms.
    """

    document: Document
    operation: Operation
    asked: Sequence[Asked]
    written: Places | None
    problems: list[str]
    forms: FormSettings = attrs.field(factory=FormSettings)
    places: Places = attrs.field(init=False)
    _form: FormReader | None = attrs.field(init=False, default=None)
    _plain: Binder | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        """Settle where each argument has its value."""
        if self.written is not None:
            self.places = self.written
        else:
            wanting = [each for each in self.asked if not each[1].is_request]
            self.places = fit(wanting, self.operation, self._fields_of_body())

    def binder(self, function: Callable[..., Any], argument: Argument) -> Binder:
        """Return the binder of an argument."""
        if argument.annotation.type is BackgroundTasks:
            return _background_binder
        if argument.is_request:
            return _request_binder
        try:
            if (function, argument.key) not in self.places:
                parts = spread(argument)
                if parts is not None:
                    return self._spread(function, argument, parts)
            return self._single(function, argument)
        except (TypeError, ValueError) as error:
            self._add_problem(function, argument, str(error))
            return _request_binder

    def unclaimed(self, handler: Callable[..., Any]) -> Iterator[Binder]:
        """Yield what judges the parameters and the body of a document that no argument takes."""
        if self.written is not None:
            return
        taken = set(self.places.values())
        places = {place_of(each): each["name"] for each in self.operation.parameters}
        if self._content() and not self._is_body_taken(handler):
            places[BODY] = "body"
        for place, name in places.items():
            if place in taken:
                continue
            nobody = Argument(name, Annotation(object), MISSING, False, None, False)
            try:
                yield self._placed(nobody, place)
            except (TypeError, ValueError) as error:
                what = "the body" if place == BODY else f"parameter {name!r}"
                self.problems.append(f"{self.operation.name}: {what}: {error}")

    def _is_body_taken(self, handler: Callable[..., Any]) -> bool:
        """Say whether fields of the body are taken, or the handler may read it by itself."""
        return any(place == "form" for place, _ in self.places.values()) or any(
            owner is handler and argument.annotation.type is Request
            for owner, argument in self.asked
        )

    def _single(self, function: Callable[..., Any], argument: Argument) -> Binder:
        place = self.places.get((function, argument.key))
        if place is None:
            if argument.is_required:
                self._add_problem(function, argument, self._lacking(argument))
            return _with_factory(lambda request, faults: argument.default, argument)
        return _with_factory(self._placed(argument, place), argument)

    def _lacking(self, argument: Argument) -> str:
        marker = argument.annotation.marker
        noun, names = "parameter", [str(each["name"]) for each in self.operation.parameters]
        if marker is not None and marker.place == "form":
            noun, names = "field of a form", self._fields_of_body()
        return f"the operation has no such {noun} (it has: {', '.join(names) or '-'})"

    def _placed(self, argument: Argument, place: Place) -> Binder:
        body = self.operation.body or {}
        if place == BODY:
            return self._whole_body(argument, body)
        if place[0] == "form":
            return self._field(argument, place[1], body)
        parameter = next(each for each in self.operation.parameters if place_of(each) == place)
        definitions, is_typed = self.document.definitions, self.written is not None
        return bind_parameter(argument, parameter, self.operation, definitions, is_typed=is_typed)

    def _spread(
        self, function: Callable[..., Any], argument: Argument, parts: Sequence[Argument]
    ) -> Binder:
        bound = []
        for part in parts:
            name = self.places.get((function, part.key), ("", part.name))[1]
            bound.append((part, name, self._single(function, part)))
        marker = argument.annotation.marker
        location = "body" if marker is None else marker.location
        return spread_binder(class_of(argument), bound, location)

    def _add_problem(self, function: Callable[..., Any], argument: Argument, text: str) -> None:
        self.problems.append(
            f"{self.operation.name}: argument {argument.key!r} of {where(function)}: {text}"
        )

    # -- bodies -----------------------------------------------------------------------------

    def _content(self) -> Mapping[str, OpenApi]:
        content: Mapping[str, OpenApi] = (self.operation.body or {}).get("content", {})
        return content

    def _has_form(self) -> bool:
        return any(media_kind(media) in _FORMS for media in self._content())

    def _whole_body(self, argument: Argument, body: OpenApi) -> Binder:
        default = None if argument.default is MISSING else argument.default
        is_required = body.get("required", False) and argument.is_required
        if self._has_form() and not _is_raw(argument):
            return self._whole_form(argument, is_required=is_required, default=default)
        readers = {media: self._reader(argument, media) for media in self._content()}
        readable = {media: reader for media, reader in readers.items() if reader is not None}
        if not readable:
            raise TypeError(
                f"a body of type {', '.join(readers)} is not read as {argument.annotation.type!r}: "
                "take it as bytes"
            )
        return body_binder(reader_chooser(readable), is_required=is_required, default=default)

    def _reader(self, argument: Argument, media: str) -> Reader | None:
        """Return what reads a body of one media type, ``None`` where it cannot be what is asked."""
        type_ = strip_alias(without_none(argument.annotation.type))
        if _is_raw(argument):
            return self._text_reader(media) if type_ is str else _raw_reader(type_)
        is_any = media_kind(media) in ("*/*", "application/*") and is_body(type_)
        if is_json(media) or is_any:
            return json_reader(self._decoder(argument, self._content()[media].get("schema", {})))
        if type_ in (Any, object):
            return self._text_reader(media) if is_text(media) else read_bytes
        return self._text_reader(media) if type_ is str else None

    def _text_reader(self, media: str) -> Reader:
        """Return what reads a text; the schema in a document counts, as long as it is of a text."""
        schema = self._content()[media].get("schema")
        if self.written is not None or not is_text(media) or not schema:
            return read_text
        definitions = self.document.definitions
        if type_of_schema(schema, definitions) is not str:
            return read_text
        return text_reader(SchemaCheck(schema, components=definitions))

    def _decoder(self, argument: Argument, schema: OpenApi) -> Callable[[bytes], object]:
        type_ = argument.annotation.annotated
        definitions = self.document.definitions
        if self.written is not None:
            return JsonBody(type_, schema=schema, components=definitions).decode
        if argument.annotation.type in (Any, object):
            return SchemaBody(schema, components=definitions).decode
        if not definitions.assert_formats and says_the_same(schema, definitions, type_):
            return JsonBody(type_, schema=schema, components=definitions).decode
        return SchemaBody(schema, components=definitions, type_=type_).decode

    # -- forms, code first --------------------------------------------------------------------

    def _field(self, argument: Argument, name: str, body: OpenApi) -> Binder:
        if self.written is None:
            return self._part_of_form(argument, name)
        content = next(iter(body["content"].values()))
        schema = content["schema"]["properties"][name]
        return field_binder(argument, name, schema, self._form_reader())

    def _form_reader(self) -> FormReader:
        """Return what reads the form, the same for all its fields."""
        if self._form is None:
            names = {place[1] for place in self.places.values() if place[0] == "form"}
            files = self._asked_files()
            read = form_reader(files, names, self.forms)
            choose = reader_chooser(dict.fromkeys(self._content(), read))

            def chosen(request: Request) -> Any:
                choose(request)
                return read(request)

            self._form = chosen
        return self._form

    def _asked_files(self) -> set[str]:
        """Return the names of the fields that arguments take as files."""
        names = set()
        for function, argument in self.asked:
            for each in (argument, *(spread(argument) or ())):
                place = self.places.get((function, each.key))
                if place is not None and place[0] == "form" and each.is_file:
                    names.add(place[1])
                elif place == BODY:
                    members = members_of(class_of(each)) or ()
                    names |= {member.name for member in members if takes_files(member.type)}
        return names

    # -- forms, spec first --------------------------------------------------------------------

    def _fields_of_body(self) -> list[str]:
        """Return the names of the fields that the document's form has."""
        names: dict[str, None] = {}
        for media, content in self._content().items():
            if media_kind(media) in _FORMS:
                found = properties_of(content.get("schema"), self.document.definitions)
                names |= dict.fromkeys(found)
        return list(names)

    def _plain_body(self) -> Binder:
        """Return what reads the body into a plain value, once for all who take a part of it."""
        if self._plain is None:
            readers = {media: self._plain_reader(media) for media in self._content()}
            self._plain = _plain_body(
                reader_chooser(readers), is_required=(self.operation.body or {}).get("required")
            )
        return self._plain

    def _plain_reader(self, media: str) -> Reader:
        content, definitions = self._content()[media], self.document.definitions
        if media_kind(media) in _FORMS:
            files = self._asked_files()
            form = FormBody(content, definitions=definitions, files=files, settings=self.forms)
            return form.read
        if is_json(media):
            return json_reader(SchemaBody(content.get("schema", {}), components=definitions).decode)
        return self._text_reader(media) if is_text(media) else read_bytes

    def _whole_form(self, argument: Argument, *, is_required: bool, default: object) -> Binder:
        value_of = self._plain_body()
        convert = _converter(argument)

        def bind(request: Request, faults: list[Fault]) -> object:
            value = value_of(request, faults)
            if value is _REFUSED:
                return None
            if value is ABSENT:
                if is_required:
                    faults.append(Fault("body", "a body is required", pointer=""))
                return default
            return convert(faults, value, ())

        return bind

    def _part_of_form(self, argument: Argument, name: str) -> Binder:
        value_of = self._plain_body()
        convert = _converter(argument)
        default = argument.default

        def bind(request: Request, faults: list[Fault]) -> object:
            value = value_of(request, faults)
            if value is _REFUSED:
                return None
            if isinstance(value, dict) and name in value:
                return convert(faults, value[name], (name,))
            if default is MISSING:
                faults.append(Fault("body", "is required", pointer=pointer_of([name])))
                return None
            return default

        return bind


def _request_binder(request: Request, faults: list[Fault]) -> Request:
    return request


def _background_binder(request: Request, faults: list[Fault]) -> BackgroundTasks:
    return background_of(request)


def _with_factory(bind: Binder, argument: Argument) -> Binder:
    """Make the default of an argument that has a factory for it."""
    param = argument.annotation.param
    factory = None if param is None else param.default_factory
    if factory is None:
        return bind

    def bind_or_make(request: Request, faults: list[Fault]) -> object:
        value = bind(request, faults)
        return factory() if value is ABSENT else value

    return bind_or_make


def _is_raw(argument: Argument) -> bool:
    """Whether an argument takes the body as it came, whatever it is."""
    marker, type_ = argument.annotation.marker, strip_alias(without_none(argument.annotation.type))
    if marker is not None:
        return marker.media == "raw"
    return type_ is bytes or is_stream(type_)


def _raw_reader(type_: object) -> Reader:
    return read_stream if is_stream(type_) else read_bytes


def _plain_body(choose: Callable[[Request], Reader], *, is_required: bool | None) -> Binder:
    def value(request: Request, faults: list[Fault]) -> object:
        found = request.form
        if found is None:
            read = choose(request)
            try:
                found = read(request)
            except MalformedBody:
                raise
            except ValidationFailed as error:
                faults.extend(error.faults)
                found = _REFUSED
            if found is ABSENT and is_required:
                faults.append(Fault("body", "a body is required", pointer=""))
                found = _REFUSED
            request.form = found
        return found

    return value


def _converter(
    argument: Argument,
) -> Callable[[list[Fault], Any, tuple[str | int, ...]], object]:
    """Return what converts a plain value to what an argument wants."""
    type_ = without_none(argument.annotation.type)
    if type_ in (Any, object):
        return lambda faults, value, path: value
    converter = make_converter()
    converter.register_structure_hook(UploadFile, _as_file)
    hook = converter.get_structure_hook(type_)

    def convert(faults: list[Fault], value: Any, path: tuple[str | int, ...]) -> object:
        if isinstance(value, UploadFile) and type_ is bytes:
            return value.read()
        try:
            return hook(value, type_)
        except Exception as error:
            faults += list(_faults(error, path))
            return None

    return convert


def _faults(error: Exception, path: tuple[str | int, ...]) -> Iterator[Fault]:
    for inner, message in itertools.islice(structuring_faults(error, path=path), MAX_FAULTS):
        yield Fault("body", message, pointer=pointer_of(inner))


def _as_file(value: object, _: object) -> UploadFile:
    if isinstance(value, UploadFile):
        return value
    raise ValueError("expected a file, got a text")
