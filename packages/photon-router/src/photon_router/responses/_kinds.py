"""Kinds of responses, which handlers return instead of JSON.

Each is a `DescribedResponse`, whose class describes it in the document: its status, its media type
and its header fields. `Html` is in `photon_runtime.http`, because templates make it, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Final, Generic, TypeAlias, TypeVar
from urllib.parse import quote

from photon_openapi.codec import encode
from photon_openapi.schema import mapper_of
from photon_runtime.http import DescribedResponse
from photon_runtime.media_types import (
    ANYTHING,
    BYTES,
    EVENT_STREAM,
    JSON,
    JSON_LINES,
    TEXT,
)

from ..streaming import EventBody, StreamBody, encode_event

T = TypeVar("T")
Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_IN_URI: Final = ":/?#[]@!$&'()*+,;=-._~%"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Text(DescribedResponse):
    """Plain text.

    Args:
        body: The text.
        status: The status code.
        headers: Further header fields.
    """

    __slots__ = ()
    media_type = TEXT

    def __init__(self, body: str | bytes, *, status: int = 200, headers: Headers = ()) -> None:
        """Make a text."""
        super().__init__(
            status, body=body, headers=headers, content_type="text/plain; charset=utf-8"
        )


class NoContent(DescribedResponse):
    """Success without a body: 204.

    Args:
        headers: Header fields.
    """

    __slots__ = ()
    usual_status = 204

    def __init__(self, *, headers: Headers = ()) -> None:
        """Make an empty response."""
        super().__init__(204, headers=headers)


class Redirect(DescribedResponse):
    """A redirect to another URL.

    Args:
        location: The target: a URL, or a path of this application. Characters that are not allowed
            in URLs are percent-encoded. Always validate a target that a client sent: an open
            redirect lends the good name of your site to others.
        status: 303 makes the client use GET; 307 and 308 preserve the method, 301 and 308 are
            cached, 302 is for old clients.
        headers: Further header fields.

    Raises:
        ValueError: ``location`` is empty or has control characters, or the status is not a
            redirect.

    Example:
        >>> from photon_router import Redirect
        >>> Redirect("/tea?with=a cup").header("location")
        '/tea?with=a%20cup'
    """

    __slots__ = ()
    usual_status = 303
    described_headers: ClassVar[Mapping[str, str]] = {"Location": "Target of the redirect."}

    def __init__(self, location: str, *, status: int = 303, headers: Headers = ()) -> None:
        """Make a redirect."""
        if status not in _REDIRECTS:
            raise ValueError(f"the status of a redirect must be one of {_REDIRECTS}, not {status}")
        super().__init__(status, headers=headers)
        self.headers.append(("location", uri(location)))


class Created(DescribedResponse, Generic[T]):
    """A new resource, with its URL: 201.

    An item that JSON has no form for, such as an object of a database, is encoded after the handler
    has returned, according to the handler's annotation.

    Args:
        item: The resource, sent as JSON.
        location: Its URL, as `Application.url_for` returns it; ``None`` to leave it out.
        headers: Further header fields.

    Attributes:
        item: The resource.

    Raises:
        ValueError: ``location`` is empty or has control characters.
    """

    __slots__ = ("item",)
    usual_status = 201
    media_type = JSON

    def __init__(self, item: T, *, location: str | None = None, headers: Headers = ()) -> None:
        """Make a response."""
        super().__init__(201, body=_body_of(item), headers=headers, content_type=JSON)
        self.item = item
        if location is not None:
            self.headers.append(("location", uri(location)))


class PendingBody:
    """The body of a response whose item can be encoded only with the handler's annotation.

    Args:
        error: The reason, raised if the body is sent as it is.
    """

    __slots__ = ("_error",)

    def __init__(self, error: TypeError) -> None:
        """Store the reason."""
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        """Raise the reason."""
        raise self._error


def _body_of(item: object) -> bytes | PendingBody:
    if mapper_of(type(item)) is not None:
        return PendingBody(TypeError("the object of a database was not encoded by its handler"))
    try:
        return encode(item)
    except TypeError as error:
        return PendingBody(error.with_traceback(None))


class Stream(DescribedResponse):
    """A body whose parts are sent as they are produced.

    Args:
        parts: Bytes, or strings that are sent as UTF-8. If the client is slow, the iteration waits;
            if it disconnects, a generator is closed.
        content_type: The media type of the body.
        status: The status code.
        headers: Further header fields.
    """

    __slots__ = ()
    media_type = ANYTHING

    def __init__(
        self,
        parts: Iterable[bytes | str],
        *,
        content_type: str = BYTES,
        status: int = 200,
        headers: Headers = (),
    ) -> None:
        """Make a response."""
        body = StreamBody(parts, encode_part)
        super().__init__(status, body=body, headers=headers, content_type=content_type)


class JsonLines(DescribedResponse, Generic[T]):
    """Any number of JSON values, each on a line of its own, sent as they are produced.

    Args:
        items: The values, usually from a generator.
        status: The status code.
        headers: Further header fields.
    """

    __slots__ = ()
    media_type = JSON_LINES

    def __init__(self, items: Iterable[T], *, status: int = 200, headers: Headers = ()) -> None:
        """Make a response."""
        body = StreamBody(items, encode_line)
        super().__init__(status, body=body, headers=headers, content_type=JSON_LINES)


class EventStream(DescribedResponse, Generic[T]):
    """Server-sent events, for the ``EventSource`` of browsers.

    Header fields disable buffering in proxies, and comments keep a connection without events alive.
    When the client disconnects, the generator is closed.

    Args:
        events: `ServerSentEvent`, or values that are sent as JSON data; a ``str`` is sent as text.
        keep_alive: Seconds of silence after which a comment is sent.
        headers: Further header fields.
    """

    __slots__ = ()
    media_type = EVENT_STREAM

    def __init__(
        self, events: Iterable[T], *, keep_alive: float = 15.0, headers: Headers = ()
    ) -> None:
        """Make a response."""
        body = EventBody(events, encode_event, keep_alive=keep_alive)
        super().__init__(200, body=body, headers=headers, content_type=EVENT_STREAM)
        self.headers += [("cache-control", "no-cache"), ("x-accel-buffering", "no")]


def uri(location: str) -> str:
    """Return a URL encoded for a header field.

    Raises:
        ValueError: It is empty or has control characters.
    """
    if not location or _CONTROL.search(location):
        raise ValueError(f"{location!r} is not a URL: it is empty or has control characters")
    return quote(location, safe=_IN_URI, errors="replace")


def encode_part(part: bytes | str) -> bytes:
    """Return a part of a stream as bytes."""
    return part.encode() if isinstance(part, str) else part


def encode_line(item: object) -> bytes:
    """Return an item of a stream as a line of JSON."""
    line = encode(item)
    if b"\n" in line or b"\r" in line:  # JSON that the application encoded (`msgspec.Raw`)
        line = line.replace(b"\n", b" ").replace(b"\r", b" ")
    return line + b"\n"
