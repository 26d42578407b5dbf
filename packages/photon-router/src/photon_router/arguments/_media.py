"""Bodies by their media type: the accepted types, and their readers.

An operation declares media types or ranges of them, each with its reader. The most specific one
that matches the ``Content-Type`` of a request is used; without a match, the response is 415 with
``Accept-Post``. A body without ``Content-Type`` is read as the first declared type, unless that is
JSON: browsers let a page of any site send such a request, and requests with the media types of HTML
forms, without a preflight (CORS-safelisted requests, Fetch standard, section 2.2.2). So JSON is not
read from them; the setting ``strict_content_type`` allows it.

Readers expect UTF-8: another ``charset`` is a 415, too, except for text, and so is any
``Content-Encoding``, unless middleware decodes the body (`Decompression`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeAlias

from photon_openapi.errors import ErrorDetail, MalformedBody, ValidationError
from photon_openapi.schema import SchemaCheck
from photon_runtime.http import HttpError, Request
from photon_runtime.media_types import (
    BYTES,
    FORM,
    JSON,
    MULTIPART,
    TEXT,
    charset_of,
    essence,
    is_json,
    is_text,
)

from ..signatures import ABSENT
from ._parameters import Binder

Reader: TypeAlias = Callable[[Request], object]
"""Reads the value of a body; `ABSENT` if the request has no body."""

# The charsets of the web, with Python's names. Python's other codecs (zip, rot13) are not charsets.
_CHARSETS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "windows-1252": "cp1252",
}
_SAFELISTED: Final = frozenset({"", TEXT, FORM, MULTIPART})
"""The media types that browsers send across sites without a preflight."""
_UTF_8 = ("utf-8", "utf8", "us-ascii", "ascii")


def media_rank(sent: str, declared: str) -> int:
    """Return how well a media type matches a declared one or a range: 0 for not at all."""
    kind = essence(declared)
    if sent == kind:
        return 4
    if kind == JSON and is_json(sent):
        return 3
    if kind.endswith("/*") and kind != "*/*":
        return 2 if sent.startswith(kind[:-1]) else 0
    return int(kind in ("*/*", BYTES, TEXT))  # bytes and text match any media type


def reader_chooser(
    readers: Mapping[str, Reader], *, strict_json: Collection[str] = ()
) -> Callable[[Request], Reader]:
    """Return the function that chooses the reader for a request's body.

    Args:
        readers: Readers by declared media type, at least one.
        strict_json: The declared media types whose bodies are decoded as JSON, and only if the
            client sends a media type that pages of other sites cannot send.

    Returns:
        A function that raises `HttpError` 415 for a type that is not declared, for an unsupported
        ``charset``, and for compressed bodies.
    """
    first_type, first = next(iter(readers.items()))
    accepted = ", ".join(readers)
    if first_type in strict_json:
        first = _requiring_content_type(first, accepted)

    @functools.lru_cache(maxsize=64)
    def chosen(content_type: bytes) -> Reader:
        text = content_type.decode("latin-1")
        sent = essence(text)
        best = max(readers, key=lambda declared: media_rank(sent, declared))
        is_refused = best in strict_json and sent in _SAFELISTED
        if is_refused or not media_rank(sent, best):
            raise _unsupported_type(accepted)
        _check_charset(text, best)
        return readers[best]

    def choose(request: Request) -> Reader:
        coding = request.raw_header(b"content-encoding")
        if coding is not None and coding.strip().lower() != b"identity":
            raise HttpError(
                415, "the body must not be compressed", headers={"accept-encoding": "identity"}
            )
        sent = request.raw_header(b"content-type")
        return first if sent is None else chosen(sent)

    return choose


def _unsupported_type(kinds: str) -> HttpError:
    return HttpError(415, f"the body must be of type {kinds}", headers={"accept-post": kinds})


def _requiring_content_type(read: Reader, kinds: str) -> Reader:
    """Return a reader for requests without a media type: 415, unless the body is empty."""

    def read_empty(request: Request) -> object:
        if request.body:
            raise _unsupported_type(kinds)
        return read(request)

    return read_empty


def _check_charset(content_type: str, declared: str) -> None:
    charset = charset_of(content_type)
    supported = _CHARSETS if declared in (TEXT, BYTES, "*/*") or is_text(declared) else _UTF_8
    if charset is not None and charset not in supported and declared not in (BYTES, "*/*"):
        raise HttpError(415, f"the charset of the body must be one of {', '.join(supported)}")


def body_binder(
    choose: Callable[[Request], Reader], *, is_required: bool, default: object
) -> Binder:
    """Return the binder of a body; ``default`` is the value of a missing one."""

    def bind(request: Request, errors: list[ErrorDetail]) -> object:
        read = choose(request)
        try:
            value = read(request)
        except MalformedBody:
            raise
        except ValidationError as error:
            errors.extend(error.errors)
            return None
        if value is ABSENT:
            if is_required:
                errors.append(ErrorDetail("body", "a body is required", pointer=""))
            return default
        return value

    return bind


def json_reader(decode: Callable[[bytes], object]) -> Reader:
    """Return the reader of a JSON body; an empty body is absent."""

    def read(request: Request) -> object:
        body = request.body
        return decode(body) if body else ABSENT

    return read


def read_bytes(request: Request) -> object:
    """Return the raw body; an empty body without a media type is absent."""
    return request.body or _absent_or_empty(request, b"")


def read_text(request: Request) -> object:
    """Return the body as a string; an empty body without a media type is absent.

    Raises:
        MalformedBody: The body cannot be decoded in its charset, by default UTF-8.
    """
    body = request.body
    if not body:
        return _absent_or_empty(request, "")
    sent = request.raw_header(b"content-type") or b""
    charset = _CHARSETS.get(charset_of(sent.decode("latin-1")) or "utf-8", "utf-8")
    try:
        return body.decode(charset)
    except UnicodeDecodeError:
        name = "UTF-8" if charset == "utf-8" else charset
        raise MalformedBody(f"the body is not valid {name}") from None


def read_stream(request: Request) -> object:
    """Return the parts of the body, which are received while the handler iterates over them.

    A body that is known to be empty, and has no media type, is absent.
    """
    if request._is_complete and not request.body:
        return _absent_or_empty(request, request.stream())
    return request.stream()


def text_reader(check: SchemaCheck) -> Reader:
    """Return the reader of a string that must satisfy a schema."""

    def read(request: Request) -> object:
        text = read_text(request)
        if text is not ABSENT and not check.is_valid(text):
            raise ValidationError(check.errors(text))
        return text

    return read


def _absent_or_empty(request: Request, empty: object) -> object:
    return ABSENT if request.raw_header(b"content-type") is None else empty
