"""The responses that handlers return.

A `Response` describes the content; the connection frames it (lengths, chunks, ``HEAD``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Self

from ._cookies import SameSite, SetCookie
from ._headers import check_trailers, is_field_value, is_token
from ._shared_text import encode_text

Trailers = Mapping[str, Callable[[], str | None]]
_new = object.__new__


class CheckedName(str):
    """The name of a header field whose values are known to be valid, and in no other response.

    Its fields are encoded without the check and the cache of others. They are plain pairs: a class
    of pairs would take ten times as long to make.

    Attributes:
        beginning: The field up to its value.
    """

    __slots__ = ("beginning",)

    def __init__(self, name: str) -> None:
        """Prepare the beginning of the field."""
        self.beginning = f"{name}: "


class Response:
    """One HTTP response, to one request: middleware may add header fields to it.

    Args:
        status: The status code.
        body: Bytes, a string (sent as UTF-8), an iterable of bytes (streamed, in chunks), or
            ``None``. An iterable with a ``close`` method is closed at the end. The ``stop`` method
            of one that may send nothing for a long time is called when its client disconnects or
            the server stops.
        headers: Other header fields.
        content_type: The ``Content-Type`` field; ``text/plain; charset=utf-8`` for a ``str``.
        trailers: Fields after a streamed body (RFC 9110, section 6.5): names, and functions that
            return the values. They are called when the body has been sent, may wait, and omit a
            field by returning ``None``. The names are announced in ``Trailer``. Only clients that
            accept trailers receive them, see `Request.accepts_trailers`, and they are never sent
            after a body of known length, so do not rely on them alone.

    Raises:
        ValueError: A header name or value has characters that would break the message, a field is
            not allowed as a trailer, or there are trailers and the body is not streamed.

    Example:
        >>> from photon_runtime.http import Response
        >>> Response(404, body="no such page").status
        404

        A digest of content that is known only after it was sent (RFC 9530):

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
            body = encode_text(body)
            if content_type is None:
                self.content_type = "text/plain; charset=utf-8"
        self.body: bytes | Iterable[bytes] = b"" if body is None else body
        self.trailers = trailers
        if trailers:
            check_trailers(trailers)
            if isinstance(self.body, bytes):
                raise ValueError("trailers are sent only after a streamed body: use headers")
        self.headers: list[tuple[str, str]] = []
        if headers:
            pairs = headers.items() if isinstance(headers, Mapping) else headers
            for name, value in pairs:
                self.add_header(name, value)

    @classmethod
    def of(cls, status: int, body: bytes, content_type: str | None) -> Self:
        """Return a response whose body is bytes; faster than the constructor."""
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
        """Return the first value of the header field ``name``, ``None`` if it is missing."""
        lower_name = name.lower()
        if lower_name == "content-type":
            return self.content_type
        for key, value in self.headers:
            if key.lower() == lower_name:
                return value
        return None

    def add_header(self, name: str, value: str) -> None:
        """Add a header field, keeping those of the same name; ``Content-Type`` is replaced.

        Raises:
            ValueError: ``name`` or ``value`` has characters that would break the message.
        """
        if not is_token(name) or not is_field_value(value):
            raise ValueError(f"{name!r}: {value!r} is not a valid header field")
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
        partitioned: bool = False,
    ) -> None:
        """Set a cookie; arguments and errors as for `SetCookie`.

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
            partitioned=partitioned,
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
        partitioned: bool = False,
    ) -> None:
        """Delete a cookie; pass the same arguments as when it was set.

        With another ``path``, ``domain`` or ``partitioned`` it would be another cookie. Browsers
        reject a ``secure`` cookie over plain HTTP, and one whose ``same_site`` is not ``None`` from
        pages of other sites, even to delete it.
        """
        self.set_cookie(
            name,
            "",
            max_age=0,
            path=path,
            domain=domain,
            secure=secure,
            same_site=same_site,
            partitioned=partitioned,
        )

    def set_header(self, name: str, value: str) -> None:
        """Set a header field, replacing those of the same name.

        Raises:
            ValueError: ``name`` or ``value`` has characters that would break the message.
        """
        lower_name = name.lower()
        self.headers = [pair for pair in self.headers if pair[0].lower() != lower_name]
        self.add_header(name, value)

    def _remove_headers(self, lower_name: str) -> None:
        """Remove the header fields of a name in lower case, other than ``content-type``."""
        self.headers = [pair for pair in self.headers if pair[0].lower() != lower_name]
