"""How a file is answered: validators, preconditions, ranges, and the fields of the response.

The entity tag is strong and made of inode, size and the time of the last change, in nanoseconds: to
read every file for it would cost more than it saves. It differs between machines, even where the
files are copies; what many machines serve is better named by fingerprint and never asked for again.
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

from ._folder import OpenFile
from ._ranges import RangesBody, Span, spans_of
from ._variants import Variant

NOSNIFF = ("x-content-type-options", "nosniff")


@attrs.frozen
class Answer:
    """A file, and how to send it.

    Attributes:
        variant: What is sent.
        content_type: That of the file itself.
        cache_control: What caches are told; ``None`` for nothing.
        vary: The request fields that decided, beside ``Accept-Encoding``.
    """

    variant: Variant
    content_type: str
    cache_control: str | None
    vary: tuple[str, ...] = ()

    def respond(self, request: Request) -> Response:
        """Answer a GET or HEAD; the file is closed if it is not sent.

        Raises:
            HttpError: 412, 416 where the file has nothing of what ``Range`` asks for, or 503 where
                it was cut off since it was opened.
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
        tag = entity_tag(opened.status)
        # No later than now: such a date would say nothing (RFC 9110, section 8.8.2.1).
        modified = int(min(opened.status.st_mtime, now))
        headers = request.headers
        precondition = evaluate_preconditions(headers, etag=tag, last_modified=modified)
        if precondition is Precondition.FAILED:
            raise HttpError(412, "this is not the version that the request speaks of")
        if precondition is Precondition.NOT_MODIFIED:
            response = Response(304)
            response.headers = [("etag", tag), *self._caching()]
            return response
        response = self._whole_or_parts(request, headers, tag, modified, now)
        response.headers += [
            ("accept-ranges", "bytes"),
            ("etag", tag),
            ("last-modified", formatdate(modified, usegmt=True)),
            *self._caching(),
            NOSNIFF,
        ]
        if self.variant.coding is not None:
            response.headers.append(("content-encoding", self.variant.coding))
        return response

    def _whole_or_parts(
        self, request: Request, headers: Headers, tag: str, modified: int, now: float
    ) -> Response:
        size = self.variant.opened.status.st_size
        spans = None
        # Ranges are defined for GET alone (section 14.2).
        if request.method == "GET" and "range" in headers:
            fields = headers.getlist("range")
            if len(fields) == 1 and is_range_current(
                headers, etag=tag, last_modified=modified, now=now
            ):
                spans = spans_of(fields[0], size)
        if spans == []:
            told = {"content-range": f"bytes */{size}", "accept-ranges": "bytes"}
            raise HttpError(416, f"the file has {size} bytes, and none of those", headers=told)
        try:
            return self._body(spans, size)
        except ValueError as error:  # it no longer has those bytes
            told = {"retry-after": "1"}
            raise HttpError(503, "the file is being changed", headers=told) from error

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
        parts = RangesBody(opened.file, spans, size=size, content_type=self.content_type)
        response = Response(206, body=parts, content_type=parts.content_type)
        response.headers.append(("content-length", str(parts.length)))
        return response

    def _caching(self) -> list[tuple[str, str]]:
        fields = [] if self.cache_control is None else [("cache-control", self.cache_control)]
        vary = (*self.vary, "Accept-Encoding") if self.variant.varies else self.vary
        return [*fields, ("vary", ", ".join(vary))] if vary else fields


def entity_tag(status: os.stat_result) -> str:
    """Return the entity tag of a file."""
    return f'"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"'
