"""Conditional requests (RFC 9110, section 13): unchanged content is not sent again.

Theory of operation. A response to GET gets a strong entity tag, a digest of its bytes, unless it
has a tag already or is streamed. A client that has those bytes sends the tag in ``If-None-Match``
and gets 304 without a body. This saves bandwidth, not work: the handler has already run.

For a request that changes something the response is too late: its handler calls
`check_preconditions` before it changes anything.
"""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
from attrs.validators import ge

from photon_runtime import offload
from photon_runtime.http import (
    Handler,
    HttpError,
    Precondition,
    Request,
    Response,
    evaluate_preconditions,
    has_cache_directive,
    is_entity_tag,
    parse_date,
    strong_tag,
)

from ._layer import Layer, drop_body

_CONTENT_FIELDS = frozenset(
    {"content-encoding", "content-language", "content-length", "content-range", "content-type"}
)
_CONDITIONS = (b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.define(kw_only=True, eq=False)
class Conditional(Layer):
    """Adds entity tags to responses to GET, and sends 304 to clients that have the content.

    Responses that must not be stored (``no-store``) do not get a tag.

    Attributes:
        offload_size: Length in bytes from which the tag is computed on a thread.
    """

    offload_size: int = attrs.field(default=1024 * 1024, validator=ge(0))

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Tag the response; replace it with 304 if the client has it."""
        response = call_next(request)
        if response.status != 200 or request.method not in ("GET", "HEAD"):
            return response
        tag = self._tag(request, response)
        if not any(request.raw_header(name) is not None for name in _CONDITIONS):
            return response
        result = evaluate_preconditions(
            request.headers, etag=tag, last_modified=parse_date(response.header("last-modified"))
        )
        if result is Precondition.FAILED:
            drop_body(response)
            raise HttpError(412, "the resource has changed")
        if result is Precondition.NOT_MODIFIED:
            _become_304(response)
        return response

    def _tag(self, request: Request, response: Response) -> str | None:
        """Return the tag of a response, which is added if that is possible."""
        tag = response.header("etag")
        body = response.body
        if (
            tag is not None
            or not isinstance(body, bytes)
            or has_cache_directive(response, "no-store")
        ):
            return tag
        if not body and request.method == "HEAD":
            return None  # possibly a handler of HEAD itself, which does not make a body
        is_large = len(body) >= self.offload_size
        tag = offload(strong_tag, body) if is_large else strong_tag(body)
        response.headers.append(("etag", tag))
        return tag


def check_preconditions(
    request: Request, *, etag: str | None, last_modified: datetime | None = None
) -> None:
    """Refuse a change if the preconditions of the request do not hold for the current version.

    For handlers of PUT, PATCH, DELETE, before they change anything.

    Args:
        request: The request.
        etag: The tag of the current version, quotes included; ``None`` if the resource does not
            exist.
        last_modified: The time of the last change; with a time zone.

    Raises:
        HttpError: 412 if ``If-Match`` names other versions, ``If-None-Match`` this one, or the
            resource was changed after ``If-Unmodified-Since`` (RFC 9110, section 13.2.2).
        ValueError: ``etag`` is not an entity tag.

    Example:
        >>> from photon_router import Request
        >>> from photon_router.middleware import check_preconditions
        >>> request = Request("PUT", "/notes/1", [(b"if-match", b'"1"')])
        >>> check_preconditions(request, etag='"1"')
        >>> check_preconditions(request, etag='"2"')
        Traceback (most recent call last):
        ...
        photon_runtime.http.errors.HttpError: 412 Precondition Failed: the resource has changed
    """
    if etag is not None and not is_entity_tag(etag):
        raise ValueError(f'a tag has the form "abc" or W/"abc", quotes included, not {etag!r}')
    headers = request.headers
    seconds = None
    if last_modified is not None and "if-unmodified-since" in headers:
        seconds = _whole_seconds(last_modified)
    result = evaluate_preconditions(headers, etag=etag, last_modified=seconds, is_read=False)
    if result is not Precondition.PASSED:
        raise HttpError(412, "the resource has changed")


def _whole_seconds(moment: datetime) -> float:
    """Return a moment in Unix time, truncated to the precision of header fields."""
    return (moment.replace(microsecond=0) - _EPOCH).total_seconds()


def _become_304(response: Response) -> None:
    """Remove the body and the fields that describe it (section 15.4.5)."""
    drop_body(response)
    response.status = 304
    response.body = b""
    response.content_type = None
    response.trailers = None
    response.headers = [pair for pair in response.headers if pair[0].lower() not in _CONTENT_FIELDS]
