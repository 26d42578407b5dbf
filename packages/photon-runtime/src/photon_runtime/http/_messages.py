"""Requests and responses as handlers see them.

A `Request` keeps what came off the wire and decodes a part when it is first asked for: most
handlers look at few headers and no cookies. A `Response` says what is to be sent; how it is
framed (lengths, chunks, ``HEAD``) is the connection's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, final
from urllib.parse import unquote_to_bytes

from ._peer import Peer
from .errors import HttpError

RawHeaders = list[tuple[bytes, bytes]]


class MultiDict(Mapping[str, str]):
    """Names with one or more values each, in the order in which they came.

    As a mapping it gives the last value of a name, as HTML forms do.
    """

    __slots__ = ("_pairs", "_values")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        """Keep ``pairs`` of name and value."""
        self._pairs = list(pairs)
        self._values: dict[str, str] = dict(self._pairs)

    def __getitem__(self, name: str) -> str:
        """Return the last value of ``name``."""
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, each once."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return the number of different names."""
        return len(self._values)

    def __repr__(self) -> str:
        """Show the pairs."""
        return f"{type(self).__name__}({self._pairs!r})"

    def getlist(self, name: str) -> list[str]:
        """Return every value of ``name`` in order, an empty list where there is none."""
        return [value for key, value in self._pairs if key == name]

    def pairs(self) -> list[tuple[str, str]]:
        """Return all pairs of name and value in order."""
        return list(self._pairs)


class Headers(MultiDict):
    """Header fields; names are compared without regard to case (RFC 9110, section 5.1)."""

    __slots__ = ()

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        """Keep ``pairs`` of name and value; the names are lower-cased."""
        super().__init__((name.lower(), value) for name, value in pairs)

    def __getitem__(self, name: str) -> str:
        """Return the last value of ``name``."""
        return self._values[name.lower()]

    def __contains__(self, name: object) -> bool:
        """Return whether there is a field ``name``."""
        return isinstance(name, str) and name.lower() in self._values

    def getlist(self, name: str) -> list[str]:
        """Return every value of ``name`` in order, an empty list where there is none."""
        return super().getlist(name.lower())


class BodySource(Protocol):
    """Where the body of a request comes from while it is still on its way."""

    def receive_body(self, request: Request) -> bytes:
        """Return the next part, waiting for it; ``b""`` at the end."""


@final
class Request:
    """One HTTP request.

    Attributes:
        method: ``GET``, ``POST`` and so on, in capitals as they were sent.
        target: The request target as it was sent: path and query.
        raw_path: The path as it was sent, percent-encoding included.
        raw_query: The query as it was sent, without ``?``.
        state: For middleware and handlers to pass values along; new for each request.
        body_limit: How many bytes the body may have; more is refused with 413.
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
        "is_complete",
        "keep_alive",
        "method",
        "parts",
        "raw_path",
        "raw_query",
        "received",
        "target",
        "version",
    )

    _trailers: RawHeaders

    def __init__(
        self,
        method: str,
        target: str,
        raw_headers: RawHeaders,
        *,
        source: BodySource | None = None,
        peer: object = None,
        body_limit: int = 0,
    ) -> None:
        """Make a request; names in ``raw_headers`` are lower-case.

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

    @property
    def upgrades(self) -> list[str]:
        """The protocols that the client offers to change to, in lower case, as in ``websocket``.

        Only what can be taken up: empty in requests with a body and in those of HTTP/1.0.
        """
        if self.version != "1.1" or self.content_length or self.raw_header(b"transfer-encoding"):
            return []
        headers = self.headers
        if "upgrade" not in _tokens(headers.getlist("connection")):
            return []
        return _tokens(headers.getlist("upgrade"))

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
                self._body = b"".join(self._coming_parts())
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


def _tokens(values: Iterable[str]) -> list[str]:
    """Take lists of tokens apart (RFC 9110, section 5.6.1)."""
    tokens = (item.strip().lower() for value in values for item in value.split(","))
    return [token for token in tokens if token]


def parse_query(raw: str) -> list[tuple[str, str]]:
    """Take a query apart into decoded pairs; empty parts (``a=1&&b=2``) are left out.

    Raises:
        HttpError: 400 where the percent-encoding is broken or does not give UTF-8.
    """
    pairs = []
    for part in raw.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((decode_component(name), decode_component(value)))
    return pairs


def decode_component(raw: str) -> str:
    """Decode ``+`` and percent-encoding of a form component.

    Raises:
        HttpError: 400 where the encoding is broken or does not give UTF-8.
    """
    if "+" in raw:
        raw = raw.replace("+", " ")
    return decode_percent(raw) if "%" in raw else raw


def decode_percent(raw: str) -> str:
    """Decode percent-encoding (RFC 3986, section 2.1).

    Raises:
        HttpError: 400 where the encoding is broken or does not give UTF-8.
    """
    pieces = raw.split("%")
    for piece in pieces[1:]:
        if len(piece) < 2 or not _is_hex(piece[:2]):
            raise HttpError(400, "the request target has a broken percent-encoding")
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise HttpError(400, "the request target does not decode to UTF-8") from None


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in text)


def parse_cookies(fields: Iterable[str]) -> dict[str, str]:
    """Take ``Cookie`` fields apart (RFC 6265, section 4.2); what has no ``=`` is left out."""
    cookies: dict[str, str] = {}
    for field in fields:
        for part in field.split(";"):
            name, separator, value = part.partition("=")
            if separator:
                value = value.strip()
                if len(value) > 1 and value[0] == value[-1] == '"':
                    value = value[1:-1]
                cookies.setdefault(name.strip(), value)
    return cookies


@final
class Response:
    """One HTTP response.

    Args:
        status: The status code.
        body: Bytes, text (sent as UTF-8), an iterable of bytes (sent as it comes, in chunks),
            or nothing.
        headers: Further header fields.
        content_type: The ``Content-Type`` field; ``text/plain; charset=utf-8`` for a ``str``.

    Raises:
        ValueError: A header name or value has characters that would break the message.

    Example:
        >>> from photon_runtime.http import Response
        >>> Response(404, body="no such page").status
        404
    """

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(
        self,
        status: int = 200,
        *,
        body: bytes | str | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        content_type: str | None = None,
    ) -> None:
        """Make a response."""
        self.status = status
        self.content_type = content_type
        if isinstance(body, str):
            body = body.encode()
            if content_type is None:
                self.content_type = "text/plain; charset=utf-8"
        self.body: bytes | Iterable[bytes] = b"" if body is None else body
        self.headers: list[tuple[str, str]] = []
        if headers:
            pairs = headers.items() if isinstance(headers, Mapping) else headers
            for name, value in pairs:
                self.add_header(name, value)

    def __repr__(self) -> str:
        """Show status and type."""
        return f"<Response {self.status} {self.content_type}>"

    def header(self, name: str) -> str | None:
        """Return the first value of the header field ``name``, ``None`` where there is none."""
        wanted = name.lower()
        if wanted == "content-type":
            return self.content_type
        for key, value in self.headers:
            if key.lower() == wanted:
                return value
        return None

    def add_header(self, name: str, value: str) -> None:
        """Add a header field beside those of the same name; ``Content-Type`` is replaced.

        Raises:
            ValueError: ``name`` or ``value`` has characters that would break the message.
        """
        if not is_token(name) or not is_field_value(value):
            raise ValueError(f"not a header field: {name!r}: {value!r}")
        if name.lower() == "content-type":
            self.content_type = value
        else:
            self.headers.append((name, value))

    def set_header(self, name: str, value: str) -> None:
        """Set a header field in place of those of the same name.

        Raises:
            ValueError: ``name`` or ``value`` has characters that would break the message.
        """
        wanted = name.lower()
        self.headers = [pair for pair in self.headers if pair[0].lower() != wanted]
        self.add_header(name, value)


_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def is_token(name: str) -> bool:
    """Say whether ``name`` may be the name of a field (RFC 9110, section 5.6.2)."""
    return _TOKEN.fullmatch(name) is not None


def is_field_value(value: str) -> bool:
    """Say whether ``value`` may stand in a field: Latin-1 without controls but the tab."""
    return _FIELD_VALUE.fullmatch(value) is not None
