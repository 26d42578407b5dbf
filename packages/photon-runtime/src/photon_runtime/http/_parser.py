"""Bytes to requests, without any input or output.

Theory of operation. llhttp (by httptools) reads the grammar and calls back for each piece; the
callbacks collect a head, check it by `_framing`, and put a `Request` into `pending` as soon as
its head is complete, so that a handler can begin before the body has come. Parts of the body
are added to the request they belong to. One feed may complete several requests (pipelining);
all of them wait in `pending`, which is bounded by the size of the feed.

A fault ends the parsing for good: it stands in `fault` behind the requests that came whole. A
request whose own body is broken is taken out of `pending` again, or fails in the handler that
reads it.

llhttp stops at a head that asks to upgrade, taking what follows for another protocol, body
included. Photon goes on with HTTP (RFC 9110, section 7.8 allows it): a fresh parser takes over,
brought into the middle of the message by a made-up head that frames the same body.
"""

from __future__ import annotations

from collections import deque

import httptools

from ._framing import check_fields, origin_form
from ._messages import BodySource, RawHeaders, Request
from ._settings import ServerSettings
from .errors import HttpError

_VERSIONS = frozenset({"1.0", "1.1"})


class RequestParser:
    """The requests of one connection.

    Attributes:
        pending: Requests whose head has come and that nobody has taken yet.
        fault: Why nothing more can be read; ``None`` while all is well.
        head_size: Bytes of a head that has not come whole; zero between requests.
    """

    __slots__ = (
        "_client",
        "_feed_size",
        "_headers",
        "_is_priming",
        "_parser",
        "_receiving",
        "_settings",
        "_source",
        "_target",
        "_upgrade_offered",
        "fault",
        "head_size",
        "pending",
    )

    def __init__(self, source: BodySource, client: object, settings: ServerSettings) -> None:
        """Begin a connection; ``source`` and ``client`` are given to its requests."""
        self.pending: deque[Request] = deque()
        self.fault: HttpError | None = None
        self.head_size = 0
        self._source = source
        self._client = client
        self._settings = settings
        self._headers: RawHeaders = []
        self._target = b""
        self._receiving: Request | None = None
        self._feed_size = 0
        self._is_priming = False
        self._upgrade_offered = False
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: memoryview | bytes) -> None:
        """Take the bytes that came next."""
        self._feed_size = len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data, upgrade.args[0])
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._fail(cause if isinstance(cause, HttpError) else HttpError(400, str(error)))
        except httptools.HttpParserError as error:
            self._fail(HttpError(400, f"this is not HTTP/1.1: {error}"))
        if self._receiving is None and (self._target or self._headers):
            self._count_head()

    # -- callbacks of the parser --------------------------------------------------------------

    def on_url(self, part: bytes) -> None:
        """Take a part of the request target."""
        if not self._is_priming:
            self._target += part
            if len(self._target) > self._settings.max_target_size:
                limit = self._settings.max_target_size
                raise HttpError(414, f"the request target may have at most {limit} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field; fields after the body (trailers) are left out."""
        if self._receiving is None and not self._is_priming:
            # llhttp leaves the white space behind a value to us (RFC 9110, section 5.5).
            self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Check the head and make its request."""
        if self._is_priming:
            return
        headers, self._headers = self._headers, []
        target, self._target = self._target, b""
        self._check_size(headers)
        parser, settings = self._parser, self._settings
        method = parser.get_method().decode("ascii")
        version = parser.get_http_version()
        if version not in _VERSIONS:
            raise HttpError(505, "this server speaks HTTP/1.1")
        if method == "CONNECT":
            raise HttpError(501, "this server is no proxy")
        fields = check_fields(version, headers)
        request = Request(
            method,
            origin_form(method, target),
            headers,
            source=self._source,
            client=self._client,
            body_limit=settings.max_body_size,
        )
        request.version = version
        request.keep_alive = parser.should_keep_alive()
        if b"content-length" in fields:
            request.content_length = int(fields[b"content-length"])
        if b"expect" in fields:
            _note_expectation(request, fields[b"expect"])
        if b"upgrade" in fields:
            self._note_upgrade(request, fields)
        self._receiving = request
        self.head_size = 0
        self.pending.append(request)

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        request = self._receiving
        if request is not None:
            request.received += len(part)
            request.parts.append(part)

    def on_message_complete(self) -> None:
        """Note that the request has come whole."""
        if self._upgrade_offered:
            return  # the parser says so before the body; `_go_on_without_upgrade` knows better
        request = self._receiving
        if request is not None:
            request.is_complete = True
            self._receiving = None

    # -- mechanism ----------------------------------------------------------------------------

    def _fail(self, fault: HttpError) -> None:
        self.fault = fault
        broken, self._receiving = self._receiving, None
        if self.pending and self.pending[-1] is broken:
            self.pending.pop()

    def _check_size(self, headers: RawHeaders) -> None:
        limit = self._settings.max_headers
        if len(headers) > limit:
            raise HttpError(431, f"a request may have at most {limit} header fields")
        limit = self._settings.max_header_size
        if self.head_size + self._feed_size > limit:  # else it cannot be too large
            size = sum(len(name) + len(value) for name, value in headers)
            if size > limit:
                raise HttpError(431, f"the header fields may have at most {limit} bytes")

    def _count_head(self) -> None:
        self.head_size += self._feed_size
        settings = self._settings
        if self.fault is None and self.head_size > (
            settings.max_header_size + settings.max_target_size
        ):
            limit = settings.max_header_size
            self._fail(HttpError(431, f"the header fields may have at most {limit} bytes"))

    def _note_upgrade(self, request: Request, fields: dict[bytes, bytes]) -> None:
        if self._parser.should_upgrade():
            self._upgrade_offered = bool(request.content_length) or b"transfer-encoding" in fields

    def _go_on_without_upgrade(self, data: memoryview | bytes, offset: int) -> None:
        has_body, self._upgrade_offered = self._upgrade_offered, False
        self._parser = httptools.HttpRequestParser(self)
        request = self._receiving
        if has_body and request is not None:
            self._is_priming = True
            length = request.content_length
            framing = (
                b"transfer-encoding: chunked" if length is None else b"content-length: %d" % length
            )
            self._parser.feed_data(b"POST / HTTP/1.1\r\nhost: a\r\n%b\r\n\r\n" % framing)
            self._is_priming = False
        self.feed(memoryview(data)[offset:])


def _note_expectation(request: Request, value: bytes) -> None:
    if value.lower() != b"100-continue":  # RFC 9110, section 10.1.1
        raise HttpError(417, "the only expectation understood is 100-continue")
    request.expects_continue = request.version == "1.1"
