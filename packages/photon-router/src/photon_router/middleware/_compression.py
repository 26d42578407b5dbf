"""Compressed responses.

Theory of operation. The response alone decides whether it can be compressed: its status, its
content type and other fields. If it can, it varies with ``Accept-Encoding``, even for a client that
gets it uncompressed. Then the client's preference selects a coding or none.

Responses that must not be compressed: partial content (206), responses that have a coding already
or forbid one (``no-transform``), responses with a digest of their bytes, and server-sent events,
which clients need immediately and whose parts are too small to gain.

Responses that should not be compressed: those with secrets. An attacker who can make a victim's
browser send requests, put text into the response and observe its length can guess the secret in it,
byte by byte (BREACH, 2013). So responses to requests with credentials that a browser adds by itself
(cookies, a password or a certificate), and responses that set cookies, are not compressed unless
they are ``public``. Every ``Authorization`` counts as a password. An application whose responses
never contain both a secret and input of the request may disable this rule.

A client that refuses even the uncompressed body (``identity;q=0``), and that does not accept any
available coding, gets the uncompressed body nevertheless. This is one of the two options of RFC
9110, section 12.4.1; the other, 406, would be sent after the handler has run, and has possibly
changed something, and would report a failure.

Whole bodies of at least ``offload_size`` bytes are compressed on a thread, so that the hub
continues; streamed bodies are compressed part by part, each flushed, so that no part is delayed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import attrs
from attrs.validators import ge, le

from photon_runtime import offload
from photon_runtime.http import (
    FileBody,
    Handler,
    Request,
    Response,
    add_vary,
    choose_coding,
    forbids_body,
    has_cache_directive,
)
from photon_runtime.media_types import EVENT_STREAM, essence

from ._checks import is_strings
from ._codings import Coding, available_codings, coding_of
from ._layer import Layer

CONTENT_TYPES = (
    "text/*",
    "application/json",
    "application/*+json",
    "application/jsonl",
    "application/x-ndjson",
    "application/javascript",
    "application/xml",
    "application/*+xml",
    "application/yaml",
    "application/wasm",
    "image/svg+xml",
)
_NEVER = frozenset({"content-encoding", "content-range", "content-digest", "repr-digest"})
_CREDENTIALS = (b"cookie", b"authorization", b"client-cert")  # the last one by RFC 9440


def _are_types(layer: Compression, field: attrs.Attribute[Any], value: Sequence[str]) -> None:
    is_strings(layer, field, value)
    for kind in value:
        if kind != kind.lower() or kind.count("/") != 1:
            raise ValueError(
                f"a content type has the form text/html, text/* or application/*+json, not {kind!r}"
            )


@attrs.define(kw_only=True, eq=False)
class Compression(Layer):
    """Compresses responses for clients that accept it.

    The codings are gzip, and brotli and Zstandard if they are installed.

    Attributes:
        codings: The codings, the best first; by default all that are installed: ``zstd``, ``br``
            (the extras ``zstd`` and ``brotli`` of photon-router) and ``gzip``.
        minimum_size: Minimum length in bytes of a compressed body, if its length is known.
        content_types: Content types that are compressed; ``*`` matches anything but a slash.
        with_credentials: True to compress responses that may contain a secret: responses to
            requests with cookies, ``Authorization`` or a client certificate (of this server's
            TLS, or in ``Client-Cert``), and responses that set cookies. See BREACH.
        offload_size: Length in bytes from which a body is compressed on a thread.
        gzip_level: From 1, fast, to 9, small.
        brotli_quality: From 0, fast, to 11, small.
        zstd_level: From 1, fast, to 19, small.

    Raises:
        ValueError: An option is invalid, or a coding is not installed.
    """

    codings: Sequence[str] = attrs.field(factory=available_codings, validator=is_strings)
    minimum_size: int = attrs.field(default=1024, validator=ge(0))
    content_types: Sequence[str] = attrs.field(default=CONTENT_TYPES, validator=_are_types)
    with_credentials: bool = False
    offload_size: int = attrs.field(default=64 * 1024, validator=ge(0))
    gzip_level: int = attrs.field(default=6, validator=[ge(1), le(9)])
    brotli_quality: int = attrs.field(default=4, validator=[ge(0), le(11)])
    zstd_level: int = attrs.field(default=3, validator=[ge(1), le(19)])
    _codings: dict[str, Coding] = attrs.field(init=False, repr=False)
    _offered: tuple[str, ...] = attrs.field(init=False, repr=False)
    _is_compressible: Callable[[str], bool] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Load the codings, and compile one pattern of the content types."""
        levels = {"gzip": self.gzip_level, "br": self.brotli_quality, "zstd": self.zstd_level}
        self._codings = {name: coding_of(name, levels.get(name, 0)) for name in self.codings}
        self._offered = tuple(self._codings)
        kinds = [re.escape(kind).replace(r"\*", "[^/]*") for kind in self.content_types]
        pattern = re.compile("|".join(kinds) or r"(?!)")

        @lru_cache(maxsize=256)
        def is_compressible(content_type: str) -> bool:
            kind = essence(content_type)
            return kind != EVENT_STREAM and pattern.fullmatch(kind) is not None

        self._is_compressible = is_compressible

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Compress the response, if that is possible, allowed, accepted and useful."""
        response = call_next(request)
        if response.status == 304:
            _match_entity_tag(request, response)
            return response
        if not self._can_compress(response):
            return response
        add_vary(response, "Accept-Encoding")
        if not self.with_credentials and _may_hold_secret(request, response):
            return response
        accepted = request.raw_header(b"accept-encoding")
        if accepted is None or (self._is_small(response) and not _may_exclude_identity(accepted)):
            return response
        lines = request.headers.getlist("accept-encoding")
        choice = choose_coding(", ".join(lines), self._offered)
        if choice.coding is not None:
            self._compress(response, self._codings[choice.coding], must=choice.must_encode)
        return response

    def _can_compress(self, response: Response) -> bool:
        if forbids_body(response.status) or response.status in (205, 206):
            return False
        kind = response.content_type
        if kind is None or not self._is_compressible(kind):
            return False
        if any(name.lower() in _NEVER for name, _ in response.headers):
            return False
        if has_cache_directive(response, "no-transform"):
            return False
        return not response.trailers or _NEVER.isdisjoint(map(str.lower, response.trailers))

    def _is_small(self, response: Response) -> bool:
        size = _length(response)
        return size is not None and size < self.minimum_size

    def _compress(self, response: Response, coding: Coding, *, must: bool) -> None:
        body = response.body
        if body == b"" or (self._is_small(response) and not must):
            return
        if isinstance(body, bytes):
            smaller = self._run(coding.compress, body)
            if len(smaller) >= len(body) and not must:
                return
            response.body = smaller
        else:
            response.body = _CompressedBody(body, coding, self._run)
        _mark(response, coding.name)

    def _run(self, compress: Callable[[bytes], bytes], data: bytes) -> bytes:
        """Compress in this task, or on a thread if the data is large."""
        return compress(data) if len(data) < self.offload_size else offload(compress, data)


class _CompressedBody:
    """A streamed body, each part of which is compressed when the application yields it."""

    __slots__ = ("_body", "_coding", "_run")

    def __init__(
        self,
        body: Iterable[bytes],
        coding: Coding,
        run: Callable[[Callable[[bytes], bytes], bytes], bytes],
    ) -> None:
        self._body = body
        self._coding = coding
        self._run = run

    def __iter__(self) -> Iterator[bytes]:
        compressor = self._coding.begin()
        for part in self._body:
            if part:
                yield self._run(compressor.compress, part)
        yield compressor.finish()

    def close(self) -> None:
        """Close the uncompressed body, even if it was not iterated."""
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


def _length(response: Response) -> int | None:
    body = response.body
    if isinstance(body, bytes):
        return len(body)
    if isinstance(body, FileBody):
        return body.length
    value = response.header("content-length")
    return int(value) if value is not None and value.isascii() and value.isdecimal() else None


def _may_exclude_identity(accepted: bytes) -> bool:
    """Return whether ``Accept-Encoding`` may refuse uncompressed bodies."""
    return b"*" in accepted or b"identity" in accepted.lower()


def _may_hold_secret(request: Request, response: Response) -> bool:
    """Return whether a response is for one client only, as far as its fields show."""
    if has_cache_directive(response, "public"):
        return False
    if any(name.lower() == "set-cookie" for name, _ in response.headers):
        return True
    if any(request.raw_header(name) is not None for name in _CREDENTIALS):
        return True
    return request.client_certificate is not None


def _mark(response: Response, coding: str) -> None:
    """Adapt the header fields to the compressed body."""
    tag = response.header("etag")
    # The length differs, and ranges of the file are not ranges of the body (RFC 9110, 14.3).
    removed = ("content-length", "accept-ranges")
    response.headers = [pair for pair in response.headers if pair[0].lower() not in removed]
    response.add_header("content-encoding", coding)
    if tag is not None and tag.startswith('"'):
        # A weak tag means the same content in other bytes (RFC 9110, section 8.8.1).
        response.set_header("etag", f"W/{tag}")


def _match_entity_tag(request: Request, response: Response) -> None:
    """Use the client's form of the tag in a 304: weak, if the client has the compressed body."""
    tag = response.header("etag")
    if tag is None:
        return
    add_vary(response, "Accept-Encoding")
    known = request.headers.getlist("if-none-match")
    if tag.startswith('"') and any(f"W/{tag}" in line for line in known):
        response.set_header("etag", f"W/{tag}")
