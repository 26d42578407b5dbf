"""Responses to bytes.

The beginning of a head, up to and including ``Content-Type``, depends on few values, so it is
built once for each combination and kept. Date and length are filled in per response.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from ._headers import check_trailers, is_field_value, is_token
from ._response import Response, Trailers
from .errors import phrase

_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_OWN_FIELDS = frozenset({"content-length", "transfer-encoding", "connection", "date"})


def date_field() -> bytes:
    """Return the ``Date`` field of now, line end included (RFC 9110, section 6.6.1)."""
    return f"date: {formatdate(time.time(), usegmt=True)}\r\n".encode("ascii")


@lru_cache(maxsize=1024)
def _status_and_type(status: int, content_type: str | None) -> bytes:
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError(f"a response has a status from 200 to 599, not {status!r}")
    if content_type is not None and not is_field_value(content_type):
        raise ValueError(f"not a content type: {content_type!r}")
    head = f"HTTP/1.1 {status} {phrase(status)}\r\n"
    if content_type is not None:
        head += f"content-type: {content_type}\r\n"
    return head.encode("latin-1")


def forbids_body(status: int) -> bool:
    """Say whether a response of ``status`` has no body (RFC 9110, section 6.4.1)."""
    return status in _BODILESS or status < 200


def encode_whole(response: Response, body: bytes, date: bytes, *, closes: bool) -> bytes:
    """Return head and body of a response whose body is known."""
    return b"%b%b%bcontent-length: %d\r\n%b\r\n%b" % (
        _status_and_type(response.status, response.content_type),
        encode_fields(response) if response.headers else b"",
        b"connection: close\r\n" if closes else b"",
        len(body),
        date,
        body,
    )


def encode_head(response: Response, framing: bytes, date: bytes, *, closes: bool) -> bytes:
    """Return the head of a response whose body follows, or is left out.

    Args:
        response: What to say.
        framing: The field that tells the length, line end included; empty for none.
        date: The ``Date`` field.
        closes: Whether the connection ends after the response.
    """
    return b"%b%b%b%b%b\r\n" % (
        _status_and_type(response.status, response.content_type),
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
    """Return the further header fields; those that frame the message are the server's own.

    Raises:
        ValueError: A name or value has characters that would break the message.
    """
    return b"".join([_field(name, value) for name, value in response.headers])


@lru_cache(maxsize=4096)
def _field(name: str, value: str) -> bytes:
    if not is_token(name) or not is_field_value(value):
        raise ValueError(f"not a header field: {name!r}: {value!r}")
    if name.lower() in _OWN_FIELDS:
        return b""
    return b"%b: %b\r\n" % (name.encode("ascii"), value.encode("latin-1"))


def declared_length(response: Response) -> int | None:
    """Return the ``Content-Length`` that the response itself declares, ``None`` without one.

    Raises:
        ValueError: It is no number.
    """
    value = response.header("content-length")
    if value is not None and not (value.isascii() and value.isdecimal()):
        raise ValueError(f"not a Content-Length: {value!r}")
    return None if value is None else int(value)


def chunked_fields(trailers: Trailers) -> bytes:
    """Return the fields of a head whose body comes in chunks, with ``trailers`` behind them.

    Raises:
        ValueError: A field must not be a trailer.
    """
    if not trailers:
        return b"transfer-encoding: chunked\r\n"
    check_trailers(trailers)
    names = ", ".join(trailers).encode("ascii")
    return b"transfer-encoding: chunked\r\ntrailer: %b\r\n" % names


def last_chunk(trailers: Trailers) -> bytes:
    """Return what ends a body in chunks, with the trailers' present values.

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


def frame(part: bytes, *, is_chunked: bool) -> tuple[bytes, int]:
    """Return a part of a body as it is sent, and how many bytes of the body that are.

    It is sent as a chunk (RFC 9112, section 7.1), or as it is.

    Raises:
        TypeError: It is not bytes.
    """
    if not isinstance(part, bytes | bytearray | memoryview):
        raise TypeError(f"a response's body is made of bytes, not of {type(part).__name__}")
    part = bytes(part)  # a view may have items of more than one byte
    return (b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part), len(part)
