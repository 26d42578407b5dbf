"""Responses as handlers make them.

A `Response` says what is to be sent; how it is framed (lengths, chunks, ``HEAD``) is the
connection's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Self

from ._cookies import SameSite, SetCookie
from ._headers import check_trailers, is_field_value, is_token

Trailers = Mapping[str, Callable[[], str | None]]
_new = object.__new__


class Response:
    """One HTTP response, to one request: whoever passes it on may write header fields into it.

    Args:
        status: The status code.
        body: Bytes, text (sent as UTF-8), an iterable of bytes (sent as it comes, in chunks),
            or nothing. An iterable that has a ``close`` is closed at the end. One that has a
            ``stop``, because it may send nothing for long, is told so when its client has left or
            the server stops.
        headers: Further header fields.
        content_type: The ``Content-Type`` field; ``text/plain; charset=utf-8`` for a ``str``.
        trailers: Fields behind a body that is sent as it comes (RFC 9110, section 6.5): names, and
            functions that give the values. They are called when the body has been sent, may wait,
            and leave a field out by returning ``None``. The names are announced in ``Trailer``.
            Only clients that ask for trailers get them, see `Request.accepts_trailers`, and none
            gets any behind a body of known length: nothing may depend on them alone.

    Raises:
        ValueError: A header name or value has characters that would break the message, a field
            must not be a trailer, or there are trailers and the body is not sent as it comes.

    Example:
        >>> from photon_runtime.http import Response
        >>> Response(404, body="no such page").status
        404

        A digest of what is only known when it has been sent (RFC 9530):

        >>> import base64, hashlib
        >>> from collections.abc import Iterator
        >>> def report() -> Response:
        ...     digest = hashlib.sha256()
        ...     def lines() -> Iterator[bytes]:
        ...         for number in range(3):
        ...             line = b"line %d," % number
        ...             digest.update(line)
        ...             yield line
        ...     def field() -> str:
        ...         return f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
        ...     return Response(body=lines(), trailers={"content-digest": field})
        >>> report()
        <Response 200 None>
    """

    __slots__ = ("body", "content_type", "headers", "status", "trailers")

    def __init__(
        self,
        status: int = 200,
        *,
        body: bytes | str | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        content_type: str | None = None,
        trailers: Trailers | None = None,
    ) -> None:
        """Make a response."""
        self.status = status
        self.content_type = content_type
        if isinstance(body, str):
            body = body.encode()
            if content_type is None:
                self.content_type = "text/plain; charset=utf-8"
        self.body: bytes | Iterable[bytes] = b"" if body is None else body
        self.trailers = trailers
        if trailers:
            check_trailers(trailers)
            if isinstance(self.body, bytes):
                raise ValueError("trailers follow a body that is sent as it comes: use headers")
        self.headers: list[tuple[str, str]] = []
        if headers:
            pairs = headers.items() if isinstance(headers, Mapping) else headers
            for name, value in pairs:
                self.add_header(name, value)

    @classmethod
    def of(cls, status: int, body: bytes, content_type: str | None) -> Self:
        """Return a response whose body is bytes: what the constructor does, in less time."""
        response = _new(cls)
        response.status = status
        response.body = body
        response.content_type = content_type
        response.headers = []
        response.trailers = None
        return response

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

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: int | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = True,
        http_only: bool = True,
        same_site: SameSite = "Lax",
    ) -> None:
        """Let the client keep a cookie; arguments and errors as of `SetCookie`.

        Example:
            >>> from photon_runtime.http import Response
            >>> response = Response(204)
            >>> response.set_cookie("theme", "dark", max_age=3600)
            >>> response.headers
            [('set-cookie', 'theme=dark; Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Lax')]
        """
        cookie = SetCookie(
            name,
            value,
            max_age=max_age,
            path=path,
            domain=domain,
            secure=secure,
            http_only=http_only,
            same_site=same_site,
        )
        self.add_header("set-cookie", str(cookie))

    def delete_cookie(
        self,
        name: str,
        *,
        path: str = "/",
        domain: str | None = None,
        secure: bool = True,
        same_site: SameSite = "Lax",
    ) -> None:
        """Let the client forget a cookie; arguments as when it was set.

        With another ``path`` or ``domain`` it would be another cookie. Browsers do not take one
        that is ``secure`` by plain http, nor others than ``None`` by ``same_site`` from foreign
        pages, not even to delete it.
        """
        self.set_cookie(
            name, "", max_age=0, path=path, domain=domain, secure=secure, same_site=same_site
        )

    def set_header(self, name: str, value: str) -> None:
        """Set a header field in place of those of the same name.

        Raises:
            ValueError: ``name`` or ``value`` has characters that would break the message.
        """
        wanted = name.lower()
        self.headers = [pair for pair in self.headers if pair[0].lower() != wanted]
        self.add_header(name, value)
