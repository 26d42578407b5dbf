"""Parsing bytes into requests, without input or output.

Theory of operation. llhttp (through httptools) parses the grammar and calls back for each piece;
the callbacks collect a head, check it with `_framing`, and put a `Request` into `pending` as soon
as its head is complete, so that a handler can begin before the body has arrived. Parts of the body
are added to the request they belong to. One feed may complete several requests (pipelining); all of
them wait in `pending`, which is bounded by the size of the feed.

An error ends the parsing for good: it is kept in `error`, to be answered after the complete
requests. A request whose own body is broken is removed from `pending` again, or fails in the
handler that reads it.

llhttp stops at a head that offers an upgrade and treats what follows as another protocol, body
included. An offer without a body can be accepted: the bytes after it are held back until the
request is answered, and then belong to the other protocol or are parsed as HTTP after all, by a new
parser. With a body, Photon continues with HTTP at once (RFC 9110, section 7.8 allows it).

Such bodies, and those in chunks, are not for llhttp: see `_rest_of_body`. The callback for their
head stops llhttp, another object takes its place until the body has ended, and then a new parser.
llhttp does not report where it has stopped. But a head ends with its first empty line, and only
heads and bodies of known length precede it in the feed, so the place is found by walking over them.
A message in the middle of which a feed ends leaves a note for the next feed
(`_Unfinished`); usual requests, whose feed begins and ends with a message, cost nothing.

httptools copies what it has of a field for each further part of it. So a large head is parsed in
parts that grow with it (`_Unfinished.gather`), and costs no more than in proportion to its size.
"""

from __future__ import annotations

import httptools

from ._framing import check_fields, origin_form
from ._headers import RawHeaders
from ._request import BodySource, Request
from ._rest_of_body import BodyEnds, ChunkedBody, SizedBody
from ._settings import ServerSettings
from .errors import HttpError

_VERSIONS = frozenset({"1.0", "1.1"})
_CONNECTION_FIELDS = frozenset({b"connection", b"proxy-connection"})
# The methods of llhttp that apply to a web server. CONNECT is for proxies; its other methods belong
# to RTSP and ICE, whose protocol names it does not distinguish.
_METHODS = {
    name.encode(): name
    for name in (
        *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"),
        *("ACL", "BIND", "CHECKOUT", "COPY", "LINK", "LOCK", "M-SEARCH", "MERGE", "MKACTIVITY"),
        *("MKCALENDAR", "MKCOL", "MOVE", "NOTIFY", "PROPFIND", "PROPPATCH", "PURGE", "REBIND"),
        *("REPORT", "SEARCH", "SUBSCRIBE", "UNBIND", "UNLINK", "UNLOCK", "UNSUBSCRIBE"),
    )
}
_END_OF_HEAD = b"\r\n\r\n"
_ENDS_OF_HEADS = (b"\n\r\n", b"\n\n")  # as a lenient parser may see them
_LARGE_HEAD = 64 * 1024
_LEAST_SHARE = 1 / 8
"""The least part of a large head that is parsed at once, as a share of what came before it."""


_INTERRUPTIONS = (BodyEnds, HttpError, httptools.HttpParserError, httptools.HttpParserUpgrade)


class _BodyBegins(Exception):
    """The head of a message is complete whose body is not for llhttp."""


class _Unfinished:
    """llhttp in the middle of a message: notes for the next feed where the message stands.

    Attributes:
        tail: The last bytes of the incomplete head; empty in a body.
        left: The number of bytes of the body that have not arrived.
    """

    __slots__ = ("_gathered", "_owner", "_parser", "left", "tail")

    def __init__(
        self, owner: RequestParser, parser: httptools.HttpRequestParser, tail: bytes, left: int
    ) -> None:
        self._owner = owner
        self._parser = parser
        self.tail = tail
        self.left = left
        self._gathered: bytearray | None = None

    def gather(self, data: memoryview | bytes) -> bytes:
        """Return the next part of a large head to parse; empty while it is too small.

        An error in a part is found when the part is parsed, which may be after more has arrived.
        """
        if self._gathered is None:
            self._gathered = bytearray(self.tail)
        gathered = self._gathered
        start = max(len(gathered) - len(self.tail), 0)
        gathered += data
        known, size = self._owner.head_size, len(gathered)
        is_small = size < known * _LEAST_SHARE and known + size <= self._owner.head_limit()
        if is_small and all(gathered.find(end, start) < 0 for end in _ENDS_OF_HEADS):
            return b""
        return bytes(memoryview(gathered)[len(self.tail) :])

    def feed_data(self, data: memoryview | bytes) -> None:
        """Let llhttp parse the next bytes."""
        owner = self._owner
        owner._parser = self._parser
        owner._unfinished = self
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            owner._unfinished = None
            raise
        if not owner.head_size:
            owner._unfinished = None


class RequestParser:
    """The requests of one connection.

    Attributes:
        pending: Requests whose head is complete, to be handled.
        error: The error that ended the parsing; ``None`` before.
        head_size: Bytes of an incomplete head, at least one; zero between requests.
        peer: The sender of the requests; see `_peer`.
        held_bytes: The bytes after an unanswered offer to upgrade; ``None`` without such an offer.
    """

    __slots__ = (
        "_feed_size",
        "_headers",
        "_holds_upgrades",
        "_known",
        "_parser",
        "_receiving",
        "_settings",
        "_source",
        "_target",
        "_unfinished",
        "error",
        "head_size",
        "held_bytes",
        "peer",
        "pending",
    )

    def __init__(
        self,
        source: BodySource,
        peer: object,
        settings: ServerSettings,
        *,
        holds_upgrades: bool = False,
    ) -> None:
        """Begin a connection.

        Args:
            source: Source of the rest of the requests' bodies.
            peer: Peer of the requests.
            settings: The limits.
            holds_upgrades: Keep the bytes after an offer to upgrade in `held_bytes` until
                `resume_http`.
        """
        # A list, because an empty deque holds as much as the parser.
        self.pending: list[Request] = []
        self.error: HttpError | None = None
        self.head_size = 0
        self._source = source
        self.peer = peer
        self.held_bytes: bytes | None = None
        self._settings = settings
        self._headers: RawHeaders = []
        self._target = b""
        self._receiving: Request | None = None
        self._feed_size = 0
        self._known = 0  # requests that were pending before the present feed
        self._unfinished: _Unfinished | None = None
        self._holds_upgrades = holds_upgrades
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: memoryview | bytes) -> None:
        """Parse the next bytes."""
        if self.head_size >= _LARGE_HEAD and isinstance(self._parser, _Unfinished):
            data = self._parser.gather(data)
            if not data:
                return
        rest: memoryview | bytes | None = data
        while rest:  # repeated only after offers to upgrade and bodies that are not for llhttp
            self._feed_size = len(rest)
            self._known = len(self.pending)
            try:
                self._parser.feed_data(rest)
                break
            except _INTERRUPTIONS as error:
                rest = self._continue_after(error, rest)
        if self.head_size:
            self._count_head(data)
        elif self._receiving is not None:
            self._note_unfinished(b"", self._receiving)

    def head_limit(self) -> int:
        """Return how many bytes an incomplete head may have."""
        return self._settings.max_header_size + self._settings.max_target_size

    def resume_http(self) -> None:
        """Parse the held bytes as HTTP: the offer to upgrade was not accepted."""
        held_bytes, self.held_bytes = self.held_bytes, None
        if held_bytes:
            self.feed(held_bytes)

    def release_body(self, request: Request) -> int:
        """Let the rest of a body be received without the parser; return the number of bytes.

        Returns zero if it cannot be: its length is unknown, or the request has failed. Otherwise
        the next bytes to be fed are those after the body.
        """
        if request is not self._receiving or request.content_length is None:
            return 0
        self._receiving = None
        self._feed_size = 0
        self._parser = httptools.HttpRequestParser(self)
        return request.content_length - request._received

    def close(self) -> None:
        """Release llhttp, which refers back to this object; `feed` is unusable afterwards."""
        del self._parser

    # -- callbacks of the parser --------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Note the first byte of a head."""
        self.head_size = 1
        self._feed_size -= 1

    def on_url(self, part: bytes) -> None:
        """Add a part of the request target."""
        self._target += part
        if len(self._target) > self._settings.max_target_size:
            limit = self._settings.max_target_size
            raise HttpError(414, f"the request target is longer than {limit} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header field."""
        # llhttp does not strip the white space after a value (RFC 9110, section 5.5).
        self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Check the head and make its request."""
        headers, self._headers = self._headers, []
        target, self._target = self._target, b""
        parser, settings = self._parser, self._settings
        if (
            len(headers) > settings.max_headers
            or self.head_size + self._feed_size > settings.max_header_size
        ):
            self._check_size(headers)
        fields = dict(headers)
        keep_alive = parser.should_keep_alive()
        # Only HTTP/1.1 keeps a connection open without a field that requests it.
        is_usual = keep_alive and _CONNECTION_FIELDS.isdisjoint(fields)
        version = "1.1" if is_usual else self._version()
        method = _METHODS.get(parser.get_method())
        if method is None:
            raise HttpError(501, f"method {parser.get_method().decode()} is not supported")
        is_chunked = check_fields(version, headers, fields)
        request = Request(
            method,
            origin_form(method, target, headers),
            headers,
            self._source,
            self.peer,
        )
        request.body_limit = settings.max_body_size
        request._version = version
        # An HTTP/1.0 client would need a field to learn that the connection stays open; it is
        # closed.
        request._keep_alive = keep_alive and version == "1.1"
        if b"content-length" in fields:
            request._content_length = int(fields[b"content-length"])
        if b"expect" in fields:
            _note_expectation(request, fields[b"expect"])
        self._receiving = request
        self.head_size = self._feed_size = 0  # the rest of this feed is bounded
        self.pending.append(request)
        if is_chunked or (b"upgrade" in fields and request._content_length):
            raise _BodyBegins

    def on_body(self, part: bytes) -> None:
        """Add a part of the body."""
        request = self._receiving
        if request is not None:
            request._received += len(part)
            request._parts.append(part)

    def on_message_complete(self) -> None:
        """Mark the request as complete."""
        request = self._receiving
        if request is not None:
            request._is_complete = True
            self._receiving = None
            # The rest of this feed is bounded; a head in it is counted from the next feed.
            self._feed_size = 1

    # -- mechanism ----------------------------------------------------------------------------

    def _fail(self, error: HttpError) -> None:
        self.error = error
        broken, self._receiving = self._receiving, None
        if self.pending and self.pending[-1] is broken:
            self.pending.pop()

    def _version(self) -> str:
        """Return the version in the head; httptools formats it as a string, which is slow."""
        version = self._parser.get_http_version()
        if version not in _VERSIONS:
            raise HttpError(505, "the HTTP version is not supported; use HTTP/1.1")
        return version

    def _check_size(self, headers: RawHeaders) -> None:
        limit = self._settings.max_headers
        if len(headers) > limit:
            raise HttpError(431, f"the request has more than {limit} header fields")
        limit = self._settings.max_header_size
        size = sum(len(name) + len(value) for name, value in headers)
        if size > limit:
            raise HttpError(431, f"the header fields may have at most {limit} bytes")

    def _continue_after(
        self, error: Exception, data: memoryview | bytes
    ) -> memoryview | bytes | None:
        """Return what is to be parsed after ``error`` stopped the parsing of ``data``, if any."""
        if isinstance(error, httptools.HttpParserUpgrade):
            rest = memoryview(data)[error.args[0] :]  # as httptools documents it
            return self._continue_without_upgrade(rest)
        if isinstance(error, BodyEnds):
            self._receiving = None
            self._parser = httptools.HttpRequestParser(self)
            return memoryview(data)[error.offset :]
        if isinstance(error, HttpError):
            self._fail(error)
        elif isinstance(error, httptools.HttpParserCallbackError):
            cause = error.__context__
            if isinstance(cause, _BodyBegins):
                return self._begin_body(bytes(data))
            self._fail(cause if isinstance(cause, HttpError) else HttpError(400, str(error)))
        else:
            self._fail(HttpError(400, f"the request is not valid HTTP/1.1: {error}"))
        return None

    def _begin_body(self, data: bytes) -> memoryview:
        """Let another object take llhttp's place; return what follows the head in ``data``."""
        request = self.pending[-1]
        at = self._end_of_last_head(data)
        self._unfinished = None
        length, settings = request._content_length, self._settings
        body = ChunkedBody(request, settings) if length is None else SizedBody(request, length)
        self._parser = body  # type: ignore[assignment]  # it takes the place of llhttp
        return memoryview(data)[at:]

    def _end_of_last_head(self, data: bytes) -> int:
        """Return where the head of the last request ends in the present feed."""
        unfinished, at, before = self._unfinished, 0, b""
        if unfinished is not None:
            at, before = unfinished.left, unfinished.tail
        for request in self.pending[self._known :]:
            if before:  # it has begun in an earlier feed
                end = (before + data).index(_END_OF_HEAD) - len(before)
                before = b""
            else:
                while data[at : at + 1] in (b"\r", b"\n"):  # empty lines before a request
                    at += 1
                end = data.index(_END_OF_HEAD, at)
            at = end + len(_END_OF_HEAD)
            if request is not self._receiving:
                at += request._content_length or 0
        return at

    def _note_unfinished(self, tail: bytes, request: Request | None) -> None:
        parser = self._parser
        if isinstance(parser, httptools.HttpRequestParser):
            length = None if request is None else request._content_length
            left = 0 if request is None or length is None else length - request._received
            unfinished = _Unfinished(self, parser, tail, left)
            self._parser = unfinished  # type: ignore[assignment]  # it restores llhttp itself

    def _count_head(self, data: memoryview | bytes) -> None:
        self.head_size += self._feed_size
        if self.error is None and self.head_size > self.head_limit():
            limit = self._settings.max_header_size
            self._fail(HttpError(431, f"the header fields may have at most {limit} bytes"))
        unfinished = self._unfinished
        before = b"" if unfinished is None else unfinished.tail
        self._unfinished = None
        self._note_unfinished((before + bytes(data[-3:]))[-3:], None)

    def _continue_without_upgrade(self, rest: memoryview) -> memoryview | None:
        """Continue after the head of an offer; return what is to be parsed as HTTP, if any."""
        self._parser = httptools.HttpRequestParser(self)
        if self._holds_upgrades:
            self.held_bytes = bytes(rest)
            return None
        return rest


def _note_expectation(request: Request, value: bytes) -> None:
    if value.lower() != b"100-continue":  # RFC 9110, section 10.1.1
        raise HttpError(417, "the only supported expectation is 100-continue")
    request._expects_continue = request.version == "1.1"
