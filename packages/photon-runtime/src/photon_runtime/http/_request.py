"""The requests that handlers receive.

A `Request` keeps the received bytes and decodes each part on first use: most handlers read few
headers and no cookies.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias, final
from urllib.parse import unquote_to_bytes

from ..callables import require_function, require_value
from ..errors import Cancelled
from ..escapes import as_failure
from ._accept import choose_media_type
from ._body_buffer import LARGE
from ._cookies import parse_cookies
from ._headers import Headers, RawHeaders, tokens_of
from ._multidict import MultiDict
from ._peer import Peer
from ._query import parse_query
from ._response import Response
from ._route import Route
from .errors import HttpError

_log = logging.getLogger("photon.http")


class BodySource(Protocol):
    """The source of a request body that has not arrived completely.

    One with a method ``receive_large_body`` may return large bodies in one piece; see `Connection`.
    """

    def receive_body(self, request: Request) -> bytes:
        """Wait for the next part and return it; ``b""`` at the end."""


BodyDecoder: TypeAlias = Callable[[Iterator[bytes]], Iterator[bytes]]
"""Returns the decoded parts of a body; each is small, so that a limit of their sum holds."""


@final
class Request:
    """One HTTP request.

    Attributes:
        method: Method, such as ``GET`` or ``POST``, in capitals as it was sent.
        target: Path and query as they were sent, without a scheme, a host and a root path before
            them.
        raw_path: The path as it was sent, percent-encoding included, without a root path.
        raw_query: The query as it was sent, without ``?``.
        state: Values that middleware and handlers share; new for each request.
        body_limit: Maximum size of the body in bytes; a larger one is refused with 413.
        route: Route that the router matched; ``None`` without a match or without a router.
        failure: Unexpected error that the response reports; usually ``None``.
    """

    __slots__ = (
        "_body",
        "_callbacks",
        "_content_length",
        "_cookies",
        "_decode",
        "_endpoint",
        "_expects_continue",
        "_form",
        "_headers",
        "_is_complete",
        "_keep_alive",
        "_parts",
        "_path_values",
        "_peer",
        "_query",
        "_raw_headers",
        "_received",
        "_root_path",
        "_source",
        "_state",
        "_streamed",
        "_trailers",
        "_version",
        "body_limit",
        "failure",
        "method",
        "raw_path",
        "raw_query",
        "route",
        "target",
    )

    _decode: BodyDecoder | None
    _endpoint: Callable[[Request], Response]
    _path_values: list[str]
    _root_path: str
    _trailers: RawHeaders

    def __init__(
        self,
        method: str,
        target: str,
        raw_headers: RawHeaders,
        source: BodySource | None = None,
        peer: object = None,
        *,
        body_limit: int = 0,
    ) -> None:
        """Make a request; names in ``raw_headers`` are lower-case.

        The parser passes all arguments by position, because a call with keywords is slower.

        ``peer`` is the address of the sender, or a `Peer` with more information. Without a
        ``source`` the request is complete and its body empty; `photon_runtime.testing.make_request`
        makes requests with a body.
        """
        self.method = method
        self.target = target
        self.raw_path, _, self.raw_query = target.partition("?")
        self._peer = peer
        self.body_limit = body_limit
        self._raw_headers = raw_headers
        self._source = source
        self._body: bytes | None = None
        self._headers: Headers | None = None
        self._query: MultiDict | None = None
        self._cookies: dict[str, str] | None = None
        self._state: dict[str, object] | None = None
        self._streamed = False
        self.route: Route | None = None
        self.failure: BaseException | None = None

        # Notes of the connection, of other hosts and of the router, private to Photon's packages.
        # An object of their own in one slot costs 2.7 % more instructions for each request.
        self._parts: list[bytes] = []
        self._is_complete = source is None
        self._received = 0
        self._content_length: int | None = None
        self._expects_continue = False
        self._keep_alive = True
        self._version = "1.1"
        self._callbacks: list[Callable[[], object]] | None = None
        self._form: object = None
        # Five slots stay unset: few requests have trailers, an encoded body or a root path, and the
        # router sets the others.

    def __repr__(self) -> str:
        """Show method and target."""
        return f"<Request {self.method} {self.target}>"

    @property
    def version(self) -> str:
        """The HTTP version, ``1.1`` or ``1.0``."""
        return self._version

    @property
    def content_length(self) -> int | None:
        """The size of the body as the client declares it; ``None`` if it does not."""
        return self._content_length

    @property
    def path_values(self) -> list[str]:
        """The values of the path's parameters, decoded, in the order of the template.

        Below a mount the last one is the rest of the path.
        """
        return self._path_values

    @property
    def client(self) -> tuple[str, int] | str | None:
        """The client that sent the request: host and port; ``None`` on a Unix socket.

        Behind proxies that the settings trust, it is the client named by ``Forwarded`` or
        ``X-Forwarded-For``, with port 0 if they do not state the port.
        """
        peer = self._resolved_peer() if isinstance(self._peer, Peer) else self._peer
        address = peer.address if isinstance(peer, Peer) else peer
        if isinstance(address, tuple):
            return address[0], address[1]
        return address if isinstance(address, str) else None

    @property
    def client_certificate(self) -> bytes | None:
        """The verified certificate that the client presented to this server, in DER.

        ``None`` without one, and if a trusted proxy forwarded the request: then the connection was
        the proxy's. See ``tls_client_ca`` of the settings.
        """
        return self._resolved_peer().certificate if isinstance(self._peer, Peer) else None

    @property
    def is_from_trusted_proxy(self) -> bool:
        """Whether a proxy that the settings trust sent the request, so that its fields count."""
        peer = self._peer
        return isinstance(peer, Peer) and (peer.is_forwarded or peer.proxies is not None)

    @property
    def scheme(self) -> str:
        """``http`` or ``https``: the scheme of the client, as stated by trusted proxies if any."""
        return self._resolved_peer().scheme if isinstance(self._peer, Peer) else "http"

    @property
    def host(self) -> str:
        """The host that the client requested, with the port if it is part of the request.

        The ``Host`` field; behind trusted proxies the host that they state. Empty in an HTTP/1.0
        request without the field. Compare it with the hosts that you serve before you trust it.
        """
        if isinstance(self._peer, Peer):
            forwarded_host = self._resolved_peer().host
            if forwarded_host is not None:
                return forwarded_host
        value = self.raw_header(b"host")
        return "" if value is None else value.decode("latin-1")

    @property
    def forwarded_prefix(self) -> str | None:
        """``X-Forwarded-Prefix`` as a trusted proxy states it, unchecked; see `root_path`."""
        return self._resolved_peer().prefix if isinstance(self._peer, Peer) else None

    @property
    def root_path(self) -> str:
        """The path below which clients see the application, such as ``/shop``; usually empty.

        It is the ``root_path`` of the settings, what a trusted proxy states in
        ``X-Forwarded-Prefix``, or ``SCRIPT_NAME`` of a WSGI server. The other attributes of a
        request do not contain it, except `public_path` and `url`.
        """
        return getattr(self, "_root_path", "")

    @property
    def public_path(self) -> str:
        """The path as clients see it, percent-encoding included: `root_path` and `raw_path`."""
        return self.root_path + self.raw_path

    @property
    def url(self) -> str:
        """The URL as clients see it, with scheme, host, root path and query.

        The host is the client's choice, as for `host`.
        """
        target = "" if self.target == "*" else self.target
        return f"{self.scheme}://{self.host}{self.root_path}{target}"

    def _resolved_peer(self) -> Peer:
        peer = self._peer
        if not isinstance(peer, Peer):
            return Peer(peer)
        if peer.proxies is not None:
            self._peer = peer = peer.behind(self.headers)
        return peer

    @property
    def path(self) -> str:
        """The path with percent-encoding decoded; bytes that are not UTF-8 are replaced."""
        raw = self.raw_path
        return unquote_to_bytes(raw).decode("utf-8", "replace") if "%" in raw else raw

    @property
    def query(self) -> MultiDict:
        """The parameters of the query, decoded as a form (``+`` is a space).

        Raises:
            HttpError: 400 if the percent-encoding is broken or does not decode to UTF-8.
        """
        if self._query is None:
            self._query = MultiDict(parse_query(self.raw_query))
        return self._query

    @property
    def headers(self) -> Headers:
        """The header fields; a field on several lines is one, with its values between commas."""
        if self._headers is None:
            self._headers = Headers(
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in self._raw_headers
            )
        return self._headers

    def release_decoded(self) -> None:
        """Release the decoded header fields, query and cookies, which are decoded anew when used.

        For requests that live as long as their connection.
        """
        self._headers = self._query = self._cookies = None

    def raw_header(self, name: bytes) -> bytes | None:
        """Return the value of the field ``name`` (in lower case) as it was sent, see `headers`."""
        for key, value in self._raw_headers:
            if key == name:
                return value
        return None

    def drop_header(self, name: bytes) -> None:
        """Remove all fields ``name``, in lower case; for hosts that wrap an application."""
        self._raw_headers = [field for field in self._raw_headers if field[0] != name]
        self._headers = None

    def accepts(self, *media_types: str) -> str | None:
        """Return the media type that the client prefers (RFC 9110, section 12.5.1).

        Send ``Vary: Accept`` with a response that was chosen this way, for caches.

        Args:
            media_types: The available media types, the best first. The order decides among equally
                preferred ones, and if the client has no preference.

        Returns:
            One of them; ``None`` if the client accepts none of them, see `NotAcceptable`.
        """
        return choose_media_type(", ".join(self.headers.getlist("accept")), media_types)

    @property
    def upgrades(self) -> list[str]:
        """The protocols that the client offers to upgrade to, in lower case, such as ``websocket``.

        Only offers that can be accepted: empty for requests with a body and for HTTP/1.0.
        """
        if self.version != "1.1" or self.content_length or self.raw_header(b"transfer-encoding"):
            return []
        headers = self.headers
        if "upgrade" not in tokens_of(headers.getlist("connection")):
            return []
        return tokens_of(headers.getlist("upgrade"))

    @property
    def trailers(self) -> Headers:
        """The fields after the body (RFC 9110, section 6.5), usually empty.

        Fields that are not allowed there, such as ``Host`` or ``Authorization``, are omitted.

        Raises:
            RuntimeError: The body has not been read to its end yet.
        """
        if not self._is_complete:
            raise RuntimeError("trailers follow the body: read the body before the trailers")
        return Headers(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in getattr(self, "_trailers", ())
        )

    @property
    def accepts_trailers(self) -> bool:
        """Whether the client accepts fields after the response body (``TE: trailers``)."""
        return self.version == "1.1" and "trailers" in tokens_of(self.headers.getlist("te"))

    def add_trailer(self, field: tuple[bytes, bytes]) -> RawHeaders:
        """Add a field received after the body; return all trailers so far."""
        try:
            trailers = self._trailers
        except AttributeError:
            self._trailers = trailers = RawHeaders()
        trailers.append(field)
        return trailers

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name (RFC 6265, section 5.4); the first of equal names is used."""
        if self._cookies is None:
            self._cookies = parse_cookies(self.headers.getlist("cookie"))
        return self._cookies

    @property
    def state(self) -> dict[str, object]:
        """Values that middleware and handlers share; new for each request."""
        if self._state is None:
            self._state = {}
        return self._state

    def after_response(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` when the response was sent, or could not be sent.

        Callbacks are called in order, in the request's own task and context; the connection's next
        request waits for them. An error in one is logged and does not prevent the others.

        They are called for a cancelled request, too. If the server stops and its
        ``shutdown_timeout`` is over, callbacks that wait are cancelled; the others are still
        called.

        Raises:
            SignatureError: It is a coroutine function or a generator function.
        """
        require_function(callback, "a call after the response")
        if self._callbacks is None:
            self._callbacks = []
        self._callbacks.append(callback)

    def run_after_response_callbacks(self) -> None:
        """Call the callbacks of `after_response`; called by the connection.

        Raises:
            Cancelled: One of them was cancelled.
        """
        cancelled = None
        while self._callbacks:  # one may add others
            callbacks, self._callbacks = self._callbacks, None
            for callback in callbacks:
                try:
                    result = callback()
                    if result is not None:
                        require_value(result, callback)
                except Cancelled as error:
                    cancelled = error
                except BaseException as error:
                    _log.error(
                        "%s %s: failed after the response",
                        self.method,
                        self.raw_path,
                        exc_info=as_failure(error),
                    )
        if cancelled is not None:
            raise cancelled

    @property
    def body(self) -> bytes:
        """The whole body.

        Raises:
            HttpError: 413 if it is larger than `body_limit`, 408 if it arrives too slowly, 400 if
                its framing is broken.
            RuntimeError: The body was already consumed by `stream`.

        Blocks: the calling task, until the body is complete.
        """
        if self._body is None:
            if self._streamed:
                self._body = b"".join(self._decoded_parts())
            elif self._is_complete and self._received <= self.body_limit:
                parts, self._parts = self._parts, []
                self._body = parts[0] if len(parts) == 1 else b"".join(parts)
            else:
                self._body = self._read_all()
        return self._body

    def stream(self) -> Iterator[bytes]:
        """Yield the body in parts as they arrive; each part is yielded once.

        Raises:
            HttpError: As for `body`.

        Blocks: the calling task, for each part.
        """
        if self._body is not None:
            yield self._body
            return
        if getattr(self, "_decode", None) is not None:
            yield from self._decoded_parts()
            return
        self._streamed = True
        yield from self._coming_parts()

    def decode_body(self, decode: BodyDecoder) -> None:
        """Decode the body when it is read; for middleware that removes a content coding.

        `body_limit` then applies to the decoded body, too. The fields ``Content-Encoding`` and
        ``Content-Length``, which describe the encoded body, are removed.

        Args:
            decode: Function that returns the decoded parts of the received ones.

        Raises:
            RuntimeError: The body was already read.
        """
        if self._body is not None or self._streamed:
            raise RuntimeError("the body was already read: decode it before")
        self._decode = decode
        self._streamed = True  # `body` and `stream` read it in another way
        self.drop_header(b"content-encoding")
        self.drop_header(b"content-length")

    def _decoded_parts(self) -> Iterator[bytes]:
        decode = getattr(self, "_decode", None)
        if decode is None:
            raise RuntimeError(
                "the body was already consumed by stream(): use either body or stream()"
            )
        self._decode = None
        size = 0
        for part in decode(self._coming_parts()):
            size += len(part)
            if size > self.body_limit:
                raise HttpError(
                    413, f"the decoded request body is larger than {self.body_limit} bytes"
                )
            yield part

    def _read_all(self) -> bytes:
        length = self._content_length
        if length is not None and self._received + LARGE <= length <= self.body_limit:
            receive: Callable[[Request], bytes | None] | None = getattr(
                self._source, "receive_large_body", None
            )
            whole = None if receive is None else receive(self)
            if whole is not None:
                return whole
        read: list[bytes] = []
        try:
            for part in self._coming_parts():
                read.append(part)
        except BaseException:
            self._parts[:0] = read  # so that another attempt returns the complete body
            raise
        return b"".join(read)

    def _coming_parts(self) -> Iterator[bytes]:
        if self.content_length is not None and self.content_length > self.body_limit:
            raise self._too_large()
        while part := self._next_part():
            yield part

    def _next_part(self) -> bytes:
        if self._parts:
            part = b"".join(self._parts)
            self._parts.clear()
        elif self._is_complete or self._source is None:
            part = b""
        else:
            part = self._source.receive_body(self)
        if self._received > self.body_limit:
            raise self._too_large()
        return part

    def _too_large(self) -> HttpError:
        return HttpError(413, f"the request body is larger than {self.body_limit} bytes")
