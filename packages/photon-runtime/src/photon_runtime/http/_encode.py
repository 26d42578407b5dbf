"""Responses to bytes.

The beginning of a head, up to and including ``Content-Type``, depends on few values, so it is built
once for each combination and cached. Date and length are added per response.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from ._headers import check_trailers, is_field_value, is_token
from ._response import CheckedName, Response, Trailers
from .errors import phrase

_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_OWN_FIELDS = frozenset({"content-length", "transfer-encoding", "connection", "date"})


def date_field() -> bytes:
    """Return the current ``Date`` field with its line end (RFC 9110, section 6.6.1)."""
    return f"date: {formatdate(time.time(), usegmt=True)}\r\n".encode("ascii")


@lru_cache(maxsize=1024)
def status_and_type(status: int, content_type: str | None) -> bytes:
    """Return the beginning of a head.

    Raises:
        ValueError: The status or the type is invalid.
    """
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError(f"the status of a response must be from 200 to 599, not {status!r}")
    if content_type is not None and not is_field_value(content_type):
        raise ValueError(f"{content_type!r} is not a valid Content-Type")
    head = f"HTTP/1.1 {status} {phrase(status)}\r\n"
    if content_type is not None:
        head += f"content-type: {content_type}\r\n"
    return head.encode("latin-1")


def forbids_body(status: int) -> bool:
    """Return whether a response with ``status`` has no body (RFC 9110, section 6.4.1)."""
    return status in _BODILESS or status < 200


def encode_whole(response: Response, body: bytes, date: bytes, *, closes: bool) -> bytes:
    """Return head and body of a response whose body is known."""
    return b"%b%b%bcontent-length: %d\r\n%b\r\n%b" % (
        status_and_type(response.status, response.content_type),
        encode_fields(response) if response.headers else b"",
        b"connection: close\r\n" if closes else b"",
        len(body),
        date,
        body,
    )


def encode_head(response: Response, framing: bytes, date: bytes, *, closes: bool) -> bytes:
    """Return the head of a response whose body follows, or is left out.

    Args:
        response: The response.
        framing: The field that declares the length, with its line end; empty for none.
        date: The ``Date`` field.
        closes: Whether the connection ends after the response.
    """
    return b"%b%b%b%b%b\r\n" % (
        status_and_type(response.status, response.content_type),
        encode_fields(response),
        b"connection: close\r\n" if closes else b"",
        framing,
        date,
    )


def encode_upgrade(response: Response, date: bytes) -> bytes:
    """Return the head of a response that changes the protocol (RFC 9110, section 15.2.2).

    Raises:
        ValueError: A field has characters that would break the message.
    """
    return b"%b%b%b\r\n" % (_SWITCHING, encode_fields(response), date)


def encode_fields(response: Response) -> bytes:
    """Return the other header fields, without those that frame the message.

    Raises:
        ValueError: A name or value has characters that would break the message.
    """
    headers = response.headers
    if len(headers) == 1:
        [(name, value)] = headers
        if type(name) is CheckedName:
            return f"{name.beginning}{value}\r\n".encode("ascii")
        return _field(name, value)
    return b"".join(
        [
            _field(name, value)
            if type(name) is not CheckedName
            else f"{name.beginning}{value}\r\n".encode("ascii")
            for name, value in headers
        ]
    )


@lru_cache(maxsize=4096)
def _field(name: str, value: str) -> bytes:
    if not is_token(name) or not is_field_value(value):
        raise ValueError(f"{name!r}: {value!r} is not a valid header field")
    lower = name.lower()
    if lower in _OWN_FIELDS:
        return b""
    field = b"%b: %b\r\n" % (name.encode("ascii"), value.encode("latin-1"))
    # RFC 9110, section 7.8: with 101 and with 426 alike.
    return b"connection: upgrade\r\n" + field if lower == "upgrade" else field


def declared_length(response: Response) -> int | None:
    """Return the ``Content-Length`` that the response declares, ``None`` if it has none.

    Raises:
        ValueError: It is not a number.
    """
    value = response.header("content-length")
    if value is not None and not (value.isascii() and value.isdecimal()):
        raise ValueError(f"the Content-Length {value!r} is not a number of bytes")
    return None if value is None else int(value)


def chunked_fields(trailers: Trailers) -> bytes:
    """Return the framing fields of a response in chunks that are followed by ``trailers``.

    Raises:
        ValueError: A field is not allowed as a trailer.
    """
    if not trailers:
        return b"transfer-encoding: chunked\r\n"
    check_trailers(trailers)
    names = ", ".join(trailers).encode("ascii")
    return b"transfer-encoding: chunked\r\ntrailer: %b\r\n" % names


def last_chunk(trailers: Trailers) -> bytes:
    """Return the end of a chunked body, with the current values of the trailers.

    Raises:
        ValueError: A value has characters that would break the message.
        Exception: Whatever a trailer's function raises.

    Blocks: the calling task, if a trailer's function does.
    """
    if not trailers:
        return b"0\r\n\r\n"
    values = [(name, value()) for name, value in trailers.items()]
    fields = [_field(name, value) for name, value in values if value is not None]
    return b"0\r\n%b\r\n" % b"".join(fields)


def frame(part: object, *, is_chunked: bool) -> tuple[bytes | memoryview, bytes, bytes]:
    """Return a part of a body, and what is sent before and after it.

    It is sent as a chunk (RFC 9112, section 7.1), or unchanged.

    Raises:
        TypeError: It is not bytes.
    """
    if not isinstance(part, bytes | bytearray | memoryview):
        raise TypeError(f"the parts of a response body must be bytes, not {type(part).__name__}")
    if not isinstance(part, bytes):
        # Items of one byte, without a copy: many clients may wait for the same content.
        part = _bytes_of(part)
    return (part, b"%x\r\n" % len(part), b"\r\n") if is_chunked else (part, b"", b"")


def _bytes_of(part: bytearray | memoryview) -> bytes | memoryview:
    view = memoryview(part)
    return view.cast("B") if view.c_contiguous else view.tobytes()
