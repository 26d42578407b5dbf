"""A file as the result of a handler.

Theory of operation. A handler makes a `File` without the request: it is the whole file, opened, and
everything that has no request (a test, another handler) uses it like that. When the handler of a
GET or HEAD has returned it, the router calls `File.respond`, which answers preconditions and ranges
with the code of static files (`photon_router.files`). This happens after dependencies were
released, and before middleware sees the response.

Fields that the handler has set take precedence: its own ``ETag`` and ``Last-Modified`` are compared
with those of the request, its ``Cache-Control`` replaces ``no-cache``, ``Accept-Ranges: none``
disables ranges. ``no-cache`` is the default because a response with a date may otherwise be reused
for days (RFC 9111, section 4.2.2), without asking the handler, which may check who may read it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote

from photon_runtime.http import (
    DescribedResponse,
    FileBody,
    HttpError,
    Request,
    Response,
    is_entity_tag,
    parse_date,
)
from photon_runtime.media_types import ANYTHING, BYTES

from ..files import NOSNIFF, FileResponder, OpenFile, Variant, open_regular, type_of_name

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_UNQUOTABLE: Final = re.compile(r'[^\x20-\x7e]|["\\%]')
_READS: Final = ("GET", "HEAD")
_FRESHNESS: Final = ("cache-control", "expires")


class File(DescribedResponse):
    """A file, sent by the operating system.

    Browsers save it by default, and do not guess its type. As the result of GET and HEAD it has
    validators (``ETag``, ``Last-Modified``) and supports preconditions and ranges (RFC 9110,
    sections 8.8, 13 and 14), like `StaticFiles`, which serves a whole folder. Fields that the
    handler sets take precedence.

    Args:
        path: Path of the file. Never build it from input of a client: the path is not checked, and
            links in it are followed.
        filename: Proposed name for saving it; by default the name in the path.
        content_type: Media type; by default according to the name.
        inline: True to show it in the browser instead of saving it.
        status: The status code; a file with another one than 200 is always sent as a whole.
        headers: Further header fields.

    Raises:
        HttpError: 404, the file does not exist or is not a regular file.
        OSError: The file cannot be opened.

    Example:
        >>> from photon_router import File
        >>> File("/etc/hostname", filename="host.txt").content_type
        'text/plain; charset=utf-8'
    """

    __slots__ = ("_opened",)
    media_type = ANYTHING  # determined by the name

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
        opened = open_regular(path)
        if opened is None:
            raise HttpError(404, "the file does not exist")
        name = Path(path).name if filename is None else filename
        if content_type is None:
            content_type = type_of_name(name)
            if content_type == BYTES and filename is not None:
                content_type = type_of_name(Path(path).name)
        self._opened = opened
        try:
            body = FileBody(opened.file)
            super().__init__(status, body=body, headers=headers, content_type=content_type)
        except BaseException:
            opened.close()
            raise
        self.headers += [("content-disposition", disposition(name, inline=inline)), NOSNIFF]

    def respond(self, request: Request) -> Response:
        """Return the response to a request: the file, ranges of it, or 304.

        The router calls it for the results of handlers.

        Raises:
            HttpError: 412, 416 if the file has none of the requested ranges, or 503 if it was
                truncated after it was opened.
            ValueError: The ``ETag`` that the handler has set is not an entity tag.
        """
        is_whole = isinstance(self.body, FileBody) and self.status == 200
        if request.method not in _READS or not is_whole:
            return self
        response = self._responder(self._opened).respond(request)
        own = {name.lower() for name, _ in self.headers}
        if response.status == 304:
            kept = [pair for pair in self.headers if not pair[0].lower().startswith("content-")]
        else:
            kept = self.headers
        response.headers = [*kept, *(pair for pair in response.headers if pair[0] not in own)]
        return response

    def _responder(self, opened: OpenFile) -> FileResponder:
        tag = self.header("etag")
        if tag is not None and not is_entity_tag(tag):
            opened.close()
            raise ValueError(f'a tag has the form "abc" or W/"abc", quotes included, not {tag!r}')
        has_freshness = any(self.header(name) is not None for name in _FRESHNESS)
        return FileResponder(
            Variant(opened),
            self.content_type,
            None if has_freshness else "no-cache",
            etag=tag,
            last_modified=parse_date(self.header("last-modified")),
            has_ranges=(self.header("accept-ranges") or "").strip().lower() != "none",
        )


def responding_with_files(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Return a handler whose files respond to preconditions and ranges."""

    def run(request: Request) -> Response:
        response = handler(request)
        return response.respond(request) if isinstance(response, File) else response

    return run


def disposition(filename: str, *, inline: bool) -> str:
    """Return the value of ``Content-Disposition`` (RFC 6266) for a file.

    A name that cannot be a quoted string is in ``filename*`` (RFC 8187), and an approximation of it
    in ``filename`` for clients without support for that.
    """
    name = _CONTROL.sub("", filename.replace("\\", "/").rpartition("/")[2])
    kind = "inline" if inline else "attachment"
    if not name:
        return kind
    approximation = _UNQUOTABLE.sub("_", name)
    if approximation == name:
        return f'{kind}; filename="{name}"'
    encoded = quote(name, safe="!#$&+-.^_`|~", errors="replace")
    return f"{kind}; filename=\"{approximation}\"; filename*=UTF-8''{encoded}"
