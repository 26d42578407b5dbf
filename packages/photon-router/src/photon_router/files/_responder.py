"""The response with a file: validators, preconditions, ranges and header fields.

The entity tag is strong and consists of inode, size and the time of the last change, in
nanoseconds: reading every file to compute a digest would cost more than it saves. It differs
between machines, even if the files are copies; files that several machines serve should be
requested by fingerprint, and are then never requested again.
"""

from __future__ import annotations

import os
import time
from email.utils import formatdate

import attrs

from photon_runtime.http import (
    FileBody,
    Headers,
    HttpError,
    Precondition,
    Request,
    Response,
    evaluate_preconditions,
    is_range_current,
)
from photon_runtime.media_types import BYTES

from ._open_file import OpenFile, Variant
from ._ranges import RangesBody, Span, spans_of

NOSNIFF = ("x-content-type-options", "nosniff")


@attrs.frozen
class FileResponder:
    """Creates the response with a file.

    Attributes:
        variant: The variant of the file that is sent.
        content_type: The content type of the uncompressed file.
        cache_control: The value of ``Cache-Control``; ``None`` to omit the field.
        vary: The request fields that selected the file, besides ``Accept-Encoding``.
        etag: An entity tag that replaces that of the file.
        last_modified: The Unix time of the last change that replaces that of the file.
        has_ranges: False to send the whole file always.
    """

    variant: Variant
    content_type: str | None
    cache_control: str | None
    vary: tuple[str, ...] = ()
    etag: str | None = None
    last_modified: float | None = None
    has_ranges: bool = True

    def respond(self, request: Request) -> Response:
        """Return the response to a GET or HEAD; the file is closed if it is not sent.

        Raises:
            HttpError: 412, 416 if the file has none of the requested ranges, or 503 if it was
                truncated after it was opened.
        """
        opened = self.variant.opened
        try:
            response = self._respond(request, opened)
        except BaseException:
            opened.close()
            raise
        if response.status == 304:
            opened.close()
        return response

    def _respond(self, request: Request, opened: OpenFile) -> Response:
        now = time.time()
        tag = self.etag or entity_tag(opened.status)
        changed = opened.status.st_mtime if self.last_modified is None else self.last_modified
        # A date in the future is not allowed (RFC 9110, section 8.8.2.1).
        modified = int(min(changed, now))
        headers = request.headers
        precondition = evaluate_preconditions(headers, etag=tag, last_modified=modified)
        if precondition is Precondition.FAILED:
            raise HttpError(412, "the resource has changed")
        if precondition is Precondition.NOT_MODIFIED:
            response = Response(304)
            response.headers = [("etag", tag), *self._caching()]
            return response
        response = self._whole_or_ranges(request, headers, tag, modified, now)
        response.headers += [
            ("accept-ranges", "bytes" if self.has_ranges else "none"),
            ("etag", tag),
            ("last-modified", formatdate(modified, usegmt=True)),
            *self._caching(),
            NOSNIFF,
        ]
        if self.variant.coding is not None:
            response.headers.append(("content-encoding", self.variant.coding))
        return response

    def _whole_or_ranges(
        self, request: Request, headers: Headers, tag: str, modified: int, now: float
    ) -> Response:
        size = self.variant.opened.status.st_size
        spans = None
        # Ranges are defined for GET only (section 14.2).
        if self.has_ranges and request.method == "GET" and "range" in headers:
            ranges = headers.getlist("range")
            if len(ranges) == 1 and is_range_current(
                headers, etag=tag, last_modified=modified, now=now
            ):
                spans = spans_of(ranges[0], size)
        if spans == []:
            fields = {"content-range": f"bytes */{size}", "accept-ranges": "bytes"}
            detail = f"the file has {size} bytes, and none in the requested ranges"
            raise HttpError(416, detail, headers=fields)
        try:
            return self._body(spans, size)
        except ValueError as error:  # the file was truncated
            detail = "the file is being changed"
            raise HttpError(503, detail, headers={"retry-after": "1"}) from error

    def _body(self, spans: list[Span] | None, size: int) -> Response:
        opened = self.variant.opened
        if spans is None:
            return Response(body=FileBody(opened.file, length=size), content_type=self.content_type)
        if len(spans) == 1:
            span = spans[0]
            body = FileBody(opened.file, offset=span.first, length=span.end - span.first)
            response = Response(206, body=body, content_type=self.content_type)
            response.headers.append(("content-range", span.content_range(size)))
            return response
        ranges = RangesBody(opened.file, spans, size=size, content_type=self.content_type or BYTES)
        response = Response(206, body=ranges, content_type=ranges.content_type)
        response.headers.append(("content-length", str(ranges.length)))
        return response

    def _caching(self) -> list[tuple[str, str]]:
        fields = [] if self.cache_control is None else [("cache-control", self.cache_control)]
        vary = (*self.vary, "Accept-Encoding") if self.variant.varies else self.vary
        return [*fields, ("vary", ", ".join(vary))] if vary else fields


def entity_tag(status: os.stat_result) -> str:
    """Return the entity tag of a file."""
    return f'"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"'
