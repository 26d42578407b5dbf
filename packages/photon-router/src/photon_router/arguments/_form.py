"""Forms: from the bytes of a request to the values and files of its fields.

Both encodings of HTML are supported, ``application/x-www-form-urlencoded`` and
``multipart/form-data`` (RFC 7578); for the latter the sans-IO parser of the library *multipart* is
fed with the parts of the body as they are received. Everything is bounded: the whole body by the
request's ``body_limit``, and by `FormSettings` the number of fields and files, the size of each,
and the heads of the parts. Fields without an argument are counted and dropped.

The application declares which fields are files; the client does not. The file name of a text field
is ignored (browsers name every ``Blob``, also a JSON one), and a part without a file name in a file
field is a file without a name.

Files are closed at the end of the request, even if the rest of the form was rejected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TypeAlias
from urllib.parse import parse_qsl

import attrs
from attrs.validators import ge
from multipart import (  # type: ignore[import-untyped]  # it has annotations, but no py.typed
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from photon_openapi.errors import MalformedBody
from photon_runtime.http import HttpError, Request
from photon_runtime.media_types import MULTIPART
from photon_runtime.settings import section

from .._upload import UploadFile
from ._multipart_messages import form_message

# RFC 2046, section 5.1.1.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_BROKEN_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_HEADS = 8
_HEAD_SIZE = 4096


@section("forms")
@attrs.frozen(kw_only=True)
class FormSettings:
    """The ``[forms]`` section of photon.toml: the limits of a form; a larger one gets 413.

    The whole body is bounded by ``max_body_size`` of ``[server]``, or by the limit of the
    operation.

    Attributes:
        max_fields: Maximum number of fields other than files.
        max_field_size: Maximum size of one of them in bytes.
        max_files: Maximum number of files.
        max_file_size: Maximum size of one file in bytes.
    """

    max_fields: int = attrs.field(default=1000, validator=ge(0))
    max_field_size: int = attrs.field(default=1024 * 1024, validator=ge(0))
    max_files: int = attrs.field(default=100, validator=ge(0))
    max_file_size: int = attrs.field(default=64 * 1024 * 1024, validator=ge(0))


@attrs.frozen
class FieldValue:
    """The value of a field, with its media type.

    Attributes:
        text: The value.
        content_type: Its media type without parameters; ``None`` if the client did not send one.
    """

    text: str
    content_type: str | None = None


@attrs.define
class FormData:
    """A form that was read.

    Attributes:
        fields: The values of each field, in the order in which they were received.
        files: The files of each field.
    """

    fields: dict[str, list[FieldValue]] = attrs.field(factory=dict)
    files: dict[str, list[UploadFile]] = attrs.field(factory=dict)

    def close(self) -> None:
        """Close the files, which drops their content."""
        for files in self.files.values():
            for file in files:
                file.close()


FormReader: TypeAlias = Callable[[Request], FormData]


def form_reader(
    files: Collection[str], fields: Collection[str] | None, settings: FormSettings
) -> FormReader:
    """Return the reader of the form of a request.

    Args:
        files: Names of the fields that are files.
        fields: Names of the other fields; ``None`` for any name.
        settings: The limits.

    Returns:
        A function that raises `MalformedBody` (400) if the form cannot be read, and `HttpError` 413
        if it is too large. It does not check the media type: a body of another type is read as
        urlencoded.

    Blocks: the calling task, until the body was received.
    """
    names = frozenset(files), None if fields is None else frozenset(fields)

    def read(request: Request) -> FormData:
        sent = request.raw_header(b"content-type") or b""
        if sent[: len(MULTIPART)].lower() != MULTIPART.encode():
            return _read_urlencoded(request.body, names[1], settings)
        receiver = _Receiver(*names, settings)
        request.after_response(receiver.form.close)
        _feed(receiver, request, _parser(sent, settings))
        return receiver.form

    return read


# -- urlencoded --------------------------------------------------------------------------------


def _read_urlencoded(
    body: bytes, fields: frozenset[str] | None, settings: FormSettings
) -> FormData:
    if body and body.count(b"&") >= settings.max_fields:
        raise _too_many("fields", settings.max_fields)
    if _BROKEN_PERCENT.search(body):
        raise MalformedBody("the percent-encoding of the form is invalid")
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, encoding="utf-8", errors="strict"
        )
    except UnicodeDecodeError:
        raise MalformedBody("the form is not valid UTF-8") from None
    form = FormData()
    for name, text in pairs:
        if fields is None or name in fields:
            if _size(text) > settings.max_field_size:
                raise _too_large("a field", settings.max_field_size)
            form.fields.setdefault(name, []).append(FieldValue(text))
    return form


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


# -- multipart ---------------------------------------------------------------------------------


def _parser(content_type: bytes, settings: FormSettings) -> PushMultipartParser:
    _, options = parse_options_header(content_type.decode("latin-1"))
    boundary = options.get("boundary")
    if not boundary:
        raise MalformedBody("the content type multipart/form-data has no boundary")
    if not _BOUNDARY.fullmatch(boundary):
        raise MalformedBody("the boundary is invalid: use 1 to 70 characters allowed by RFC 2046")
    return PushMultipartParser(
        boundary,
        max_header_count=_HEADS,
        max_header_size=_HEAD_SIZE,
        max_segment_count=settings.max_fields + settings.max_files,
    )


def _feed(receiver: _Receiver, request: Request, parser: PushMultipartParser) -> None:
    """Feed the parser with the body; data after the last boundary is ignored."""
    try:
        for data in request.stream():
            if not parser.closed:
                for event in parser.parse(data):
                    receiver.handle(event)
        parser.close()
    except ParserLimitReached as error:
        raise HttpError(413, f"the form is too large: {form_message(error)}") from None
    except MultipartError as error:
        raise MalformedBody(f"the form cannot be read: {form_message(error)}") from None


@attrs.define
class _Receiver:
    """Receives the events of the parser: the head of a part, its bytes, its end (``None``)."""

    files: frozenset[str]
    fields: frozenset[str] | None
    settings: FormSettings
    form: FormData = attrs.field(factory=FormData)
    _segment: MultipartSegment | None = None
    _file: UploadFile | None = None
    _text: bytearray | None = None
    _file_count: int = 0
    _text_count: int = 0

    def handle(self, event: MultipartSegment | bytes | None) -> None:
        if event is None:
            self._end()
        elif isinstance(event, MultipartSegment):
            self._begin(event)
        else:
            self._add(event)

    def _begin(self, segment: MultipartSegment) -> None:
        self._segment, self._file, self._text = segment, None, None
        name = segment.name or ""
        if name in self.files:
            self._file_count += 1
            if self._file_count > self.settings.max_files:
                raise _too_many("files", self.settings.max_files)
            kind = segment.content_type or "application/octet-stream"
            self._file = UploadFile(segment.filename or "", content_type=kind)
            self.form.files.setdefault(name, []).append(self._file)
            return
        self._text_count += 1
        if self._text_count > self.settings.max_fields:
            raise _too_many("fields", self.settings.max_fields)
        if self.fields is None or name in self.fields:
            self._text = bytearray()

    def _add(self, data: bytes) -> None:
        if self._file is not None:
            if self._file.size + len(data) > self.settings.max_file_size:
                raise _too_large("a file", self.settings.max_file_size)
            self._file.write(data)
        elif self._text is not None:
            if len(self._text) + len(data) > self.settings.max_field_size:
                raise _too_large("a field", self.settings.max_field_size)
            self._text += data

    def _end(self) -> None:
        segment, file, text = self._segment, self._file, self._text
        self._segment = self._file = self._text = None
        if segment is None:
            return
        name = segment.name or ""
        if file is not None:
            file.complete()
            if not file.filename and not file.size:  # browsers send this if no file was chosen
                self.form.files[name].remove(file)
        elif text is not None:
            try:
                value = FieldValue(text.decode("utf-8"), segment.content_type)
            except UnicodeDecodeError:
                raise MalformedBody("a field of the form is not valid UTF-8") from None
            self.form.fields.setdefault(name, []).append(value)


def _too_many(noun: str, limit: int) -> HttpError:
    return HttpError(413, f"the form may have at most {limit} {noun}")


def _too_large(noun: str, limit: int) -> HttpError:
    return HttpError(413, f"{noun} of the form may have at most {limit} bytes")
