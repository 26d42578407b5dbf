"""Requests as handlers see them.

A `Request` keeps what came off the wire and decodes a part when it is first asked for: most
handlers look at few headers and no cookies.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Protocol, final
from urllib.parse import unquote_to_bytes

from ..callables import require_function, require_value
from ..errors import Cancelled
from ._accept import choose_media_type
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
    """Where the body of a request comes from while it is still on its way."""

    def receive_body(self, request: Request) -> bytes:
        """Return the next part, waiting for it; ``b""`` at the end."""


@final
class Request:
    """One HTTP request.

    Attributes:
        method: ``GET``, ``POST`` and so on, in capitals as they were sent.
        target: Path and query as they were sent, without a scheme and a host before them.
        raw_path: The path as it was sent, percent-encoding included.
        raw_query: The query as it was sent, without ``?``.
        state: For middleware and handlers to pass values along; new for each request.
        body_limit: How many bytes the body may have; more is refused with 413.
        route: What the router found for it; ``None`` where there is nothing, or no router.
        path_values: The values of the path's parameters in the template's order, decoded; set
            by the router.
        plan: What will answer it, inside of all middleware; set by the router.
        form: What the body was read into for those that take a part of it; set by the router.
        failure: The unexpected error that the answer stands for; mostly ``None``.
        finishers: What `after_response` was given; ``None`` for nothing.
    """

    __slots__ = (
        "_body",
        "_cookies",
        "_headers",
        "_peer",
        "_query",
        "_raw_headers",
        "_source",
        "_state",
        "_streamed",
        "_trailers",
        "body_limit",
        "content_length",
        "expects_continue",
        "failure",
        "finishers",
        "form",
        "is_complete",
        "keep_alive",
        "method",
        "parts",
        "path_values",
        "plan",
        "raw_path",
        "raw_query",
        "received",
        "route",
        "target",
        "version",
    )

    _trailers: RawHeaders
    path_values: list[str]
    plan: Callable[[Request], Response]

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

        The parser gives all of it by position: a call with keywords takes longer.

        ``peer`` is the address of who sent it, or a `Peer` that knows more.
        Without a ``source`` the request is complete and its body empty; put the bytes into
        `parts` to give it one.
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
        self.finishers: list[Callable[[], object]] | None = None
        self.route: Route | None = None
        self.form: object = None
        self.failure: BaseException | None = None
        # Of the connection: how far the message has come, and how it goes on.
        self.parts: list[bytes] = []
        self.is_complete = source is None
        self.received = 0
        self.content_length: int | None = None
        self.expects_continue = False
        self.keep_alive = True
        self.version = "1.1"
        # `_trailers` stays unset: few requests have any, and every request would pay for it.

    def __repr__(self) -> str:
        """Show method and target."""
        return f"<Request {self.method} {self.target}>"

    @property
    def client(self) -> tuple[str, int] | str | None:
        """Who sent the request: host and port; ``None`` on a Unix socket.

        Behind proxies that the settings trust, it is whom they speak for, as ``Forwarded`` or
        ``X-Forwarded-For`` say it, with port 0 where they do not tell the port.
        """
        peer = self._resolved_peer() if isinstance(self._peer, Peer) else self._peer
        address = peer.address if isinstance(peer, Peer) else peer
        if isinstance(address, tuple):
            return address[0], address[1]
        return address if isinstance(address, str) else None

    @property
    def client_certificate(self) -> bytes | None:
        """The certificate that the client showed to this server, verified, in DER.

        ``None`` without one, and where a trusted proxy spoke for the client: then the connection
        was the proxy's. See ``tls_client_ca`` of the settings.
        """
        return self._resolved_peer().certificate if isinstance(self._peer, Peer) else None

    @property
    def is_from_trusted_proxy(self) -> bool:
        """Whether a proxy that the settings trust has sent it, so that its word counts."""
        peer = self._peer
        return isinstance(peer, Peer) and (peer.is_spoken_for or peer.proxies is not None)

    @property
    def scheme(self) -> str:
        """``http`` or ``https``: how the client came, if trusted proxies tell it, by them."""
        return self._resolved_peer().scheme if isinstance(self._peer, Peer) else "http"

    @property
    def host(self) -> str:
        """The host that the client asked for, with the port if it named one.

        The ``Host`` field; behind trusted proxies what they say it was. Empty in a request of
        HTTP/1.0 without the field. Compare it with the hosts that you serve before you trust it.
        """
        if isinstance(self._peer, Peer):
            told = self._resolved_peer().host
            if told is not None:
                return told
        value = self.raw_header(b"host")
        return "" if value is None else value.decode("latin-1")

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
            HttpError: 400 where the percent-encoding is broken or does not give UTF-8.
        """
        if self._query is None:
            self._query = MultiDict(parse_query(self.raw_query))
        return self._query

    @property
    def headers(self) -> Headers:
        """The header fields."""
        if self._headers is None:
            self._headers = Headers(
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in self._raw_headers
            )
        return self._headers

    def raw_header(self, name: bytes) -> bytes | None:
        """Return the first value of the field ``name`` (in lower case) as it was sent."""
        for key, value in self._raw_headers:
            if key == name:
                return value
        return None

    def accepts(self, *media_types: str) -> str | None:
        """Return which of the media types the client likes best (RFC 9110, section 12.5.1).

        An answer that was chosen so goes with ``Vary: Accept``, for the caches on the way.

        Args:
            media_types: Those that there are, the best first, which decides among equals and where
                the client says nothing.

        Returns:
            One of them; ``None`` where the client takes none, see `NotAcceptable`.
        """
        return choose_media_type(", ".join(self.headers.getlist("accept")), media_types)

    @property
    def upgrades(self) -> list[str]:
        """The protocols that the client offers to change to, in lower case, as in ``websocket``.

        Only what can be taken up: empty in requests with a body and in those of HTTP/1.0.
        """
        if self.version != "1.1" or self.content_length or self.raw_header(b"transfer-encoding"):
            return []
        headers = self.headers
        if "upgrade" not in tokens_of(headers.getlist("connection")):
            return []
        return tokens_of(headers.getlist("upgrade"))

    @property
    def trailers(self) -> Headers:
        """The fields behind the body (RFC 9110, section 6.5), mostly none.

        Those that a client must not send there, such as ``Host`` or ``Authorization``, are left
        out.

        Raises:
            RuntimeError: The body has not been read to its end yet.
        """
        if not self.is_complete:
            raise RuntimeError("trailers come behind the body: read the body first")
        return Headers(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in getattr(self, "_trailers", ())
        )

    @property
    def accepts_trailers(self) -> bool:
        """Whether the client takes fields behind the body of the response (``TE: trailers``)."""
        return self.version == "1.1" and "trailers" in tokens_of(self.headers.getlist("te"))

    def add_trailer(self, field: tuple[bytes, bytes]) -> RawHeaders:
        """Take a field that came behind the body; return all that came so far."""
        try:
            trailers = self._trailers
        except AttributeError:
            self._trailers = trailers = RawHeaders()
        trailers.append(field)
        return trailers

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name (RFC 6265, section 5.4); the first of equal names counts."""
        if self._cookies is None:
            self._cookies = parse_cookies(self.headers.getlist("cookie"))
        return self._cookies

    @property
    def state(self) -> dict[str, object]:
        """Values that middleware and handlers pass along; new for each request."""
        if self._state is None:
            self._state = {}
        return self._state

    def after_response(self, finish: Callable[[], object]) -> None:
        """Have ``finish`` called when the response was sent, or could not be sent.

        Raises:
            SignatureError: It is a coroutine function or a generator function.

        Calls are made in order, in the request's own task and context; the connection's next
        request waits for them. An error in one is logged and does not keep the others.

        They are made for a request that was cancelled, too. Where the server waits no longer,
        because it stops, those that wait are cancelled; the others are still made.
        """
        require_function(finish, "a call after the response")
        if self.finishers is None:
            self.finishers = []
        self.finishers.append(finish)

    def finish(self) -> None:
        """Call what `after_response` was given; for the connection.

        Raises:
            Cancelled: One of them was cancelled.
        """
        cancelled = None
        while self.finishers:  # one may add others
            finishers, self.finishers = self.finishers, None
            for finish in finishers:
                try:
                    require_value(finish(), finish)
                except Cancelled as error:
                    cancelled = error
                except Exception:
                    _log.exception("%s %s: failed after the response", self.method, self.raw_path)
        if cancelled is not None:
            raise cancelled

    @property
    def body(self) -> bytes:
        """The whole body.

        Raises:
            HttpError: 413 where it is longer than `body_limit`, 408 where it comes too slowly,
                400 where its framing is broken.
            RuntimeError: It was consumed by `stream` already.

        Blocks: the calling task, until the body has come.
        """
        if self._body is None:
            if self._streamed:
                raise RuntimeError("the body was consumed by stream() already")
            if self.is_complete and self.received <= self.body_limit:
                parts, self.parts = self.parts, []
                self._body = parts[0] if len(parts) == 1 else b"".join(parts)
            else:
                self._body = self._read_all()
        return self._body

    def stream(self) -> Iterator[bytes]:
        """Yield the body in parts as they come; each part is given once.

        Raises:
            HttpError: As for `body`.

        Blocks: the calling task, for each part.
        """
        if self._body is not None:
            yield self._body
            return
        self._streamed = True
        yield from self._coming_parts()

    def _read_all(self) -> bytes:
        read: list[bytes] = []
        try:
            for part in self._coming_parts():
                read.append(part)
        except BaseException:
            self.parts[:0] = read  # whoever tries again gets the whole
            raise
        return b"".join(read)

    def _coming_parts(self) -> Iterator[bytes]:
        if self.content_length is not None and self.content_length > self.body_limit:
            raise self._too_large()
        while part := self._next_part():
            yield part

    def _next_part(self) -> bytes:
        if self.parts:
            part = b"".join(self.parts)
            self.parts.clear()
        elif self.is_complete or self._source is None:
            part = b""
        else:
            part = self._source.receive_body(self)
        if self.received > self.body_limit:
            raise self._too_large()
        return part

    def _too_large(self) -> HttpError:
        return HttpError(413, f"the body may have at most {self.body_limit} bytes")
