"""Kinds of responses: what a handler returns when JSON with a status is not what it means.

Each is a `Response` that knows how it stands in the document: its status, its media type and its
header fields. A class of one's own is made in the same way::

    class Csv(DescribedResponse):
        __slots__ = ()
        media_type = "text/csv"

        def __init__(self, rows: Iterable[str]) -> None:
            super().__init__(body="".join(rows), content_type="text/csv; charset=utf-8")
"""

from __future__ import annotations

import mimetypes
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar, Final, Generic, TypeAlias, TypeVar
from urllib.parse import quote

from photon_runtime.http import FileBody, HttpError, Response
from photon_runtime.media_types import (
    ANYTHING,
    BYTES,
    EVENT_STREAM,
    HTML,
    JSON,
    JSON_LINES,
    TEXT,
)

from ..arguments import encode
from ..streaming import EventBody, StreamBody, encode_event

T = TypeVar("T")
Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_IN_URI: Final = ":/?#[]@!$&'()*+,;=-._~%"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_UNQUOTABLE: Final = re.compile(r'[^\x20-\x7e]|["\\%]')


class DescribedResponse(Response):
    """A response whose class says how it stands in the document.

    Attributes:
        usual_status: The status in the document.
        media_type: The type of the body in the document; ``None`` for none, ``*/*`` for what a
            decorator's ``media_type`` says, or any.
        described_headers: Header fields that it always has, and what they mean.
    """

    __slots__ = ()
    usual_status: ClassVar[int] = 200
    media_type: ClassVar[str | None] = None
    described_headers: ClassVar[Mapping[str, str]] = {}


class Html(DescribedResponse):
    """A page.

    Args:
        body: The page; nothing in it is escaped.
        status: The status code.
        headers: Further header fields.
    """

    __slots__ = ()
    media_type = HTML

    def __init__(self, body: str | bytes, *, status: int = 200, headers: Headers = ()) -> None:
        """Make a page."""
        super().__init__(
            status, body=body, headers=headers, content_type="text/html; charset=utf-8"
        )


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
    """Success without anything to say: 204.

    Args:
        headers: Header fields.
    """

    __slots__ = ()
    usual_status = 204

    def __init__(self, *, headers: Headers = ()) -> None:
        """Make an empty response."""
        super().__init__(204, headers=headers)


class Redirect(DescribedResponse):
    """The way to another address.

    Args:
        location: Where to go: a URL, or a path of this application. Characters that URLs do not
            have are percent-encoded. Never pass on what a client sent without looking at it: a
            page that redirects anywhere lends its good name to others.
        status: 303 makes the client use GET there; 307 and 308 keep the method, 301 and 308 are
            remembered, 302 is what old clients know.
        headers: Further header fields.

    Raises:
        ValueError: ``location`` is empty or has control characters, or the status is no
            redirection.

    Example:
        >>> from photon_router import Redirect
        >>> Redirect("/tea?with=a cup").header("location")
        '/tea?with=a%20cup'
    """

    __slots__ = ()
    usual_status = 303
    described_headers: ClassVar[Mapping[str, str]] = {"Location": "Where to go."}

    def __init__(self, location: str, *, status: int = 303, headers: Headers = ()) -> None:
        """Make a redirection."""
        if status not in _REDIRECTS:
            raise ValueError(f"a redirection has a status of {_REDIRECTS}, not {status}")
        super().__init__(status, headers=headers)
        self.headers.append(("location", uri(location)))


class Created(DescribedResponse, Generic[T]):
    """A new thing, and where it is: 201.

    Args:
        item: The thing, sent as JSON.
        location: Its address, as `Application.url_for` gives it; ``None`` to leave it out.
        headers: Further header fields.

    Attributes:
        item: As given.

    Raises:
        ValueError: ``location`` is empty or has control characters.
        TypeError: The item has no form in JSON.
    """

    __slots__ = ("item",)
    usual_status = 201
    media_type = JSON

    def __init__(self, item: T, *, location: str | None = None, headers: Headers = ()) -> None:
        """Make a response."""
        super().__init__(201, body=encode(item), headers=headers, content_type=JSON)
        self.item = item
        if location is not None:
            self.headers.append(("location", uri(location)))


class Stream(DescribedResponse):
    """A body that is sent as it is made.

    Args:
        parts: Bytes, or text that is sent as UTF-8. If the client is slow, the iteration waits;
            if it leaves, a generator is closed.
        content_type: The type of the whole.
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
    """Any number of JSON values, each on a line of its own, sent as they are made.

    Args:
        items: What is sent as JSON; a generator, mostly.
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

    Proxies are told not to hold them back, and while there are none, comments keep the connection
    alive. When the client leaves, the generator is closed.

    Args:
        events: `ServerSentEvent`, or values that are sent as the JSON data of one; a ``str`` is
            sent as text.
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


class File(DescribedResponse):
    """A file, sent by the operating system.

    It is offered for saving, and browsers are told not to guess its type. A whole folder, with
    ranges and validators, is the business of static files.

    Args:
        path: Where it is. Never made of what a client sent: nothing here looks whether it leads
            out of a folder.
        filename: The name that is proposed for saving it; by default its own.
        content_type: By default as the name says.
        inline: Whether browsers show it rather than save it.
        status: The status code.
        headers: Further header fields.

    Raises:
        HttpError: 404, there is no such file.
        OSError: It cannot be opened.
    """

    __slots__ = ()
    media_type = ANYTHING  # which one, its name says

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        filename: str | None = None,
        content_type: str | None = None,
        inline: bool = False,
        status: int = 200,
        headers: Headers = (),
    ) -> None:
        """Open the file."""
        name = Path(path).name if filename is None else filename
        super().__init__(
            status,
            body=_open(path),
            headers=headers,
            content_type=type_of_name(name) if content_type is None else content_type,
        )
        self.headers += [
            ("content-disposition", disposition(name, inline=inline)),
            ("x-content-type-options", "nosniff"),
        ]


def _open(path: str | os.PathLike[str]) -> FileBody:
    try:
        # Looked at first: to open a pipe waits for its other end.
        is_regular = stat.S_ISREG(os.stat(path).st_mode)
        body = FileBody(path) if is_regular else None
    except (FileNotFoundError, NotADirectoryError, ValueError):
        body = None
    if body is None:
        raise HttpError(404, "there is no such file")
    return body


def type_of_name(name: str) -> str:
    """Return the media type of a file by its name."""
    kind, encoding = mimetypes.guess_type(name)
    if encoding is not None:
        return "application/gzip" if encoding == "gzip" else BYTES
    return BYTES if kind is None else kind


def disposition(filename: str, *, inline: bool) -> str:
    """Return the value of ``Content-Disposition`` (RFC 6266) for a file.

    A name that does not fit into a quoted string stands in ``filename*`` (RFC 8187), and a likeness
    of it in ``filename`` for those who do not know that.
    """
    name = _CONTROL.sub("", filename.replace("\\", "/").rpartition("/")[2])
    kind = "inline" if inline else "attachment"
    if not name:
        return kind
    likeness = _UNQUOTABLE.sub("_", name)
    if likeness == name:
        return f'{kind}; filename="{name}"'
    encoded = quote(name, safe="!#$&+-.^_`|~", errors="replace")
    return f"{kind}; filename=\"{likeness}\"; filename*=UTF-8''{encoded}"


def uri(location: str) -> str:
    """Return an address as it may stand in a header field.

    Raises:
        ValueError: It is empty or has control characters.
    """
    if not location or _CONTROL.search(location):
        raise ValueError(f"not an address: {location!r}")
    return quote(location, safe=_IN_URI, errors="replace")


def encode_part(part: bytes | str) -> bytes:
    """Return a part of a stream as bytes."""
    return part.encode() if isinstance(part, str) else part


def encode_line(item: object) -> bytes:
    """Return an item of a stream as a line of JSON."""
    line = encode(item)
    if b"\n" in line or b"\r" in line:  # JSON that was made elsewhere: here an item is a line
        line = line.replace(b"\n", b" ").replace(b"\r", b" ")
    return line + b"\n"
