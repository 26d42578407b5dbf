"""Bodies by their media type: which are accepted, and how each is read.

An operation declares media types or ranges of them, each with its reader. Of a request the most
specific one that fits its ``Content-Type`` is taken; where none fits, the answer is 415 with
``Accept-Post``. A body without ``Content-Type`` is read as the first that is declared, unless that
is JSON: browsers let a page of any site send such a request, and those of the types that HTML forms
have, without asking the server first (CORS-safelisted requests, Fetch standard, section 2.2.2). So
JSON is not read from them; the setting ``strict_content_type`` allows it.

Readers get UTF-8: another ``charset`` is 415, too, but for texts, and so is any
``Content-Encoding``, because nothing here unpacks.
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
"""Makes a value of a body; `ABSENT` where there is none."""

# Those that the web has, by the names of Python. Its other codecs (zip, rot13) are none.
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
    """Say how well a media type fits a declared one or a range: 0 not at all, more is better."""
    kind = essence(declared)
    if sent == kind:
        return 4
    if kind == JSON and is_json(sent):
        return 3
    if kind.endswith("/*") and kind != "*/*":
        return 2 if sent.startswith(kind[:-1]) else 0
    return int(kind in ("*/*", BYTES, TEXT))  # bytes and texts are taken whatever they are called


def reader_chooser(
    readers: Mapping[str, Reader], *, strict_json: Collection[str] = ()
) -> Callable[[Request], Reader]:
    """Return what gives the reader for a request's body.

    Args:
        readers: By declared media type, at least one.
        strict_json: The declared media types whose bodies are decoded as JSON, and only if the
            client names a media type that pages of other sites cannot send.

    Returns:
        A function that raises `HttpError` 415 for a type that is not declared, for a ``charset``
        that its reader does not know, and for bodies that are compressed.
    """
    first_type, first = next(iter(readers.items()))
    kinds = ", ".join(readers)
    if first_type in strict_json:
        first = _unless_sent(first, kinds)

    @functools.lru_cache(maxsize=64)
    def chosen(content_type: bytes) -> Reader:
        text = content_type.decode("latin-1")
        sent = essence(text)
        best = max(readers, key=lambda declared: media_rank(sent, declared))
        is_refused = best in strict_json and sent in _SAFELISTED
        if is_refused or not media_rank(sent, best):
            raise _wrong_type(kinds)
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


def _wrong_type(kinds: str) -> HttpError:
    return HttpError(415, f"the body must be of type {kinds}", headers={"accept-post": kinds})


def _unless_sent(read: Reader, kinds: str) -> Reader:
    """Return a reader for requests that name no type: a body is a 415, an empty one is read."""

    def read_none(request: Request) -> object:
        if request.body:
            raise _wrong_type(kinds)
        return read(request)

    return read_none


def _check_charset(content_type: str, declared: str) -> None:
    charset = charset_of(content_type)
    known = _CHARSETS if declared in (TEXT, BYTES, "*/*") or is_text(declared) else _UTF_8
    if charset is not None and charset not in known and declared not in (BYTES, "*/*"):
        raise HttpError(415, f"the charset of the body must be one of {', '.join(known)}")


def body_binder(
    choose: Callable[[Request], Reader], *, is_required: bool, default: object
) -> Binder:
    """Return the binder of a body; ``default`` stands for one that may be missing."""

    def bind(request: Request, faults: list[ErrorDetail]) -> object:
        read = choose(request)
        try:
            value = read(request)
        except MalformedBody:
            raise
        except ValidationError as error:
            faults.extend(error.errors)
            return None
        if value is ABSENT:
            if is_required:
                faults.append(ErrorDetail("body", "a body is required", pointer=""))
            return default
        return value

    return bind


def json_reader(decode: Callable[[bytes], object]) -> Reader:
    """Return the reader of a JSON body; an empty one is none."""

    def read(request: Request) -> object:
        body = request.body
        return decode(body) if body else ABSENT

    return read


def read_bytes(request: Request) -> object:
    """Return the body as it came; one that is empty and has no type is none."""
    return request.body or _emptiness(request, b"")


def read_text(request: Request) -> object:
    """Return the body as a text; one that is empty and has no type is none.

    Raises:
        MalformedBody: It is not text in its charset, which is UTF-8 if nothing is said.
    """
    body = request.body
    if not body:
        return _emptiness(request, "")
    sent = request.raw_header(b"content-type") or b""
    charset = _CHARSETS.get(charset_of(sent.decode("latin-1")) or "utf-8", "utf-8")
    try:
        return body.decode(charset)
    except UnicodeDecodeError:
        name = "UTF-8" if charset == "utf-8" else charset
        raise MalformedBody(f"the body is not text in {name}") from None


def read_stream(request: Request) -> object:
    """Return the parts of the body, which are received while the handler iterates over them.

    A body that is known to be empty, and has no type, is none.
    """
    if request._is_complete and not request.body:
        return _emptiness(request, request.stream())
    return request.stream()


def text_reader(check: SchemaCheck) -> Reader:
    """Return the reader of a text that must satisfy a schema."""

    def read(request: Request) -> object:
        text = read_text(request)
        if text is not ABSENT and not check.is_valid(text):
            raise ValidationError(check.errors(text))
        return text

    return read


def _emptiness(request: Request, empty: object) -> object:
    return ABSENT if request.raw_header(b"content-type") is None else empty
