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
request is answered, and then belong to the other protocol or are parsed as HTTP after all. With a
body, Photon continues with HTTP at once (RFC 9110, section 7.8 allows it). In both cases a new
parser continues; a synthetic head with the same framing brings it into the middle of the message.
"""

from __future__ import annotations

import httptools

from ._framing import check_fields, origin_form
from ._headers import RawHeaders, is_trailer
from ._request import BodySource, Request
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
# A chunk of one byte takes six bytes; the framing of a body may not be much larger than that.
_FRAMING_PER_BYTE = 16


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
        "_framing_size",
        "_headers",
        "_holds_upgrades",
        "_is_priming",
        "_parser",
        "_receiving",
        "_settings",
        "_source",
        "_target",
        "_trailers_size",
        "_upgrade_offered",
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
        self._framing_size = 0
        self._trailers_size = 0
        self._is_priming = False
        self._upgrade_offered = False
        self._holds_upgrades = holds_upgrades
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: memoryview | bytes) -> None:
        """Parse the next bytes."""
        while True:  # repeated only for offers to upgrade, of which one feed may have several
            self._feed_size = len(data)
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = memoryview(data)[upgrade.args[0] :]  # as httptools documents it
                if self._continue_without_upgrade(data):
                    continue
                return
            except httptools.HttpParserCallbackError as error:
                cause = error.__context__
                self._fail(cause if isinstance(cause, HttpError) else HttpError(400, str(error)))
            except httptools.HttpParserError as error:
                self._fail(HttpError(400, f"the request is not valid HTTP/1.1: {error}"))
            break
        if self.head_size:
            self._count_head()
        elif self._receiving is not None:
            self._count_framing(self._receiving)

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
        self._feed_size = self._framing_size = 0
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
        if not self._is_priming:
            self._target += part
            if len(self._target) > self._settings.max_target_size:
                limit = self._settings.max_target_size
                raise HttpError(414, f"the request target is longer than {limit} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header field, or a trailer after the body."""
        # llhttp does not strip the white space after a value (RFC 9110, section 5.5).
        if self._receiving is None:
            self._headers.append((name.lower(), value.rstrip(b" \t")))
        elif not self._is_priming:
            self._take_trailer(self._receiving, (name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Check the head and make its request."""
        if self._is_priming:
            return
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
        check_fields(version, headers, fields)
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
        if b"upgrade" in fields:
            self._note_upgrade(request, fields)
        self._receiving = request
        # The head does not count as framing of the body; the rest of this feed is bounded.
        self.head_size = self._feed_size = 0
        self.pending.append(request)

    def on_body(self, part: bytes) -> None:
        """Add a part of the body."""
        request = self._receiving
        if request is not None:
            request._received += len(part)
            request._parts.append(part)
            self._framing_size -= len(part)

    def on_message_complete(self) -> None:
        """Mark the request as complete."""
        if self._upgrade_offered:
            return  # llhttp calls this before the body; see `_continue_without_upgrade`
        request = self._receiving
        if request is not None:
            request._is_complete = True
            self._receiving = None
            # The rest of this feed is bounded; a head in it is counted from the next feed.
            self._feed_size, self._framing_size = 1, 0

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

    def _count_head(self) -> None:
        self.head_size += self._feed_size
        settings = self._settings
        if self.error is None and self.head_size > (
            settings.max_header_size + settings.max_target_size
        ):
            limit = settings.max_header_size
            self._fail(HttpError(431, f"the header fields may have at most {limit} bytes"))

    def _count_framing(self, request: Request) -> None:
        """Limit the framing of a body: chunk sizes, extensions, trailers."""
        self._framing_size += self._feed_size
        allowed = self._settings.max_header_size + _FRAMING_PER_BYTE * request._received
        if self.error is None and self._framing_size > allowed:
            self._fail(HttpError(431, "the chunk framing of the request body is too large"))

    def _take_trailer(self, request: Request, field: tuple[bytes, bytes]) -> None:
        settings = self._settings
        if is_trailer(field[0]):
            trailers = request.add_trailer(field)
            if len(trailers) > settings.max_headers:
                raise HttpError(
                    431, f"a request may have at most {settings.max_headers} trailer fields"
                )
            size = len(field[0]) + len(field[1])
            self._trailers_size = size if len(trailers) == 1 else self._trailers_size + size
            if self._trailers_size > settings.max_header_size:
                limit = settings.max_header_size
                raise HttpError(431, f"the trailer fields may have at most {limit} bytes")

    def _note_upgrade(self, request: Request, fields: dict[bytes, bytes]) -> None:
        if self._parser.should_upgrade():
            self._upgrade_offered = bool(request.content_length) or b"transfer-encoding" in fields

    def _continue_without_upgrade(self, rest: memoryview) -> bool:
        """Continue after the head of an offer; return whether ``rest`` is to be parsed as HTTP."""
        has_body, self._upgrade_offered = self._upgrade_offered, False
        self._parser = httptools.HttpRequestParser(self)
        if self._holds_upgrades and not has_body:
            self.held_bytes = bytes(rest)
            return False
        request = self._receiving
        if has_body and request is not None:
            self._is_priming = True
            length = request.content_length
            framing = (
                b"transfer-encoding: chunked" if length is None else b"content-length: %d" % length
            )
            self._parser.feed_data(b"POST / HTTP/1.1\r\nhost: a\r\n%b\r\n\r\n" % framing)
            self._is_priming = False
            self.head_size = 0
        return True


def _note_expectation(request: Request, value: bytes) -> None:
    if value.lower() != b"100-continue":  # RFC 9110, section 10.1.1
        raise HttpError(417, "the only supported expectation is 100-continue")
    request._expects_continue = request.version == "1.1"
