"""Compressed answers.

Theory of operation. Whether an answer could be compressed is told by the answer alone: its status,
its type, what else it says. If so it varies with ``Accept-Encoding``, whatever this client gets.
Then the client's own preference decides for a coding or for none.

What must not be compressed: a part of something (206), what is encoded already, what forbids it
(``no-transform``), what carries a digest of its bytes, and server-sent events, whose readers want
each event at once and whose parts are too small to gain.

What is better not compressed: answers with secrets. Who can make a victim's browser ask, put text
of their own into the answer and watch its length can guess the secret in it, byte by byte (BREACH,
2013). So the answers to requests that come with what a browser adds by itself, cookies, a password
or a certificate, and those that set cookies, are left as they are, unless they call themselves
``public``. Every ``Authorization`` counts as a password. An application whose answers never
repeat what a request says beside a secret may switch that off.

A client that refuses even the bytes as they are (``identity;q=0``), and for which there is no
coding, gets them nevertheless. That is one of the two ways of RFC 9110, section 12.4.1; the other,
406, would come when the handler has run, and perhaps has changed something, and would say that it
had failed.

Whole bodies from ``offload_size`` on are compressed by a thread, so that the hub goes on; bodies
that come in parts are compressed part by part, each flushed, so that nothing is held back.
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
                f"a type is like text/html, text/* or application/*+json, not {kind!r}"
            )


@attrs.define(kw_only=True, eq=False)
class Compression(Layer):
    """Compresses answers for clients that take it: gzip, and brotli and Zstandard if installed.

    Attributes:
        codings: Which ones, the best first; by default all that are installed: ``zstd``, ``br``
            (the extras ``zstd`` and ``brotli`` of photon-router) and ``gzip``.
        minimum_size: Bytes from which a body of known length is worth it.
        content_types: Types that are compressed; ``*`` stands for anything but a slash.
        with_credentials: Whether to compress what may hold a secret: answers to requests with
            cookies, ``Authorization`` or a client certificate (of this server's TLS, or in
            ``Client-Cert``), and those that set cookies. See BREACH.
        offload_size: Bytes from which a thread does it.
        gzip_level: From 1, fast, to 9, small.
        brotli_quality: From 0, fast, to 11, small.
        zstd_level: From 1, fast, to 19, small.

    Raises:
        ValueError: An option cannot be meant, or a coding is not installed.
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
    _is_worth: Callable[[str], bool] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Find the codings, and make one pattern of the types."""
        levels = {"gzip": self.gzip_level, "br": self.brotli_quality, "zstd": self.zstd_level}
        self._codings = {name: coding_of(name, levels.get(name, 0)) for name in self.codings}
        self._offered = tuple(self._codings)
        kinds = [re.escape(kind).replace(r"\*", "[^/]*") for kind in self.content_types]
        pattern = re.compile("|".join(kinds) or r"(?!)")

        @lru_cache(maxsize=256)
        def is_worth(content_type: str) -> bool:
            kind = essence(content_type)
            return kind != EVENT_STREAM and pattern.fullmatch(kind) is not None

        self._is_worth = is_worth

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Compress the answer, if that is possible, allowed, asked for and of use."""
        response = call_next(request)
        if response.status == 304:
            _match_entity_tag(request, response)
            return response
        if not self._is_possible(response):
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

    def _is_possible(self, response: Response) -> bool:
        if forbids_body(response.status) or response.status in (205, 206):
            return False
        kind = response.content_type
        if kind is None or not self._is_worth(kind):
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
        """Compress here, or on a thread if it takes long."""
        return compress(data) if len(data) < self.offload_size else offload(compress, data)


class _CompressedBody:
    """A body that comes in parts, each compressed when it comes."""

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
        """Close what is compressed, be it begun or not."""
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
    """Say whether it is worth to look closely at who takes small bodies as they are."""
    return b"*" in accepted or b"identity" in accepted.lower()


def _may_hold_secret(request: Request, response: Response) -> bool:
    """Say whether an answer is for one client alone, as far as can be seen."""
    if has_cache_directive(response, "public"):
        return False
    if any(name.lower() == "set-cookie" for name, _ in response.headers):
        return True
    if any(request.raw_header(name) is not None for name in _CREDENTIALS):
        return True
    return request.client_certificate is not None


def _mark(response: Response, coding: str) -> None:
    """Make the fields fit the compressed body."""
    tag = response.header("etag")
    # The length is another; a part of these bytes is none of those (RFC 9110, section 14.3).
    left_out = ("content-length", "accept-ranges")
    response.headers = [pair for pair in response.headers if pair[0].lower() not in left_out]
    response.add_header("content-encoding", coding)
    if tag is not None and tag.startswith('"'):
        # The same content in other bytes: that is what a weak tag says (RFC 9110, section 8.8.1).
        response.set_header("etag", f"W/{tag}")


def _match_entity_tag(request: Request, response: Response) -> None:
    """Let a 304 name the tag as the client has it: weak, if it has the compressed body."""
    tag = response.header("etag")
    if tag is None:
        return
    add_vary(response, "Accept-Encoding")
    known = request.headers.getlist("if-none-match")
    if tag.startswith('"') and any(f"W/{tag}" in line for line in known):
        response.set_header("etag", f"W/{tag}")
