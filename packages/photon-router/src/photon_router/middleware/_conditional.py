"""Conditional requests (RFC 9110, section 13): what has not changed is not sent again.

Theory of operation. An answer to GET gets a strong entity tag, a digest of its bytes, unless it has
a tag already or comes in parts. A client that has those bytes names the tag in ``If-None-Match``
and gets 304 without a body. The handler has run all the same: this saves the way, not the work.

For what changes something it is too late when there is an answer: there the handler asks, by
`check_preconditions`, before it does anything.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import attrs
from attrs.validators import ge

from photon_runtime import offload
from photon_runtime.http import Handler, HttpError, Request, Response

from ._entity_tag import is_tag, matches_strongly, matches_weakly, strong_tag
from ._layer import Layer, drop_body

_CONTENT_FIELDS = frozenset(
    {"content-encoding", "content-language", "content-length", "content-range", "content-type"}
)


@attrs.define(kw_only=True, eq=False)
class Conditional(Layer):
    """Tags answers to GET, and answers 304 to those who have them already.

    Answers that must not be stored (``no-store``) are left alone.

    Attributes:
        offload_size: Bytes from which a thread works out the tag.
    """

    offload_size: int = attrs.field(default=1024 * 1024, validator=ge(0))

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Tag the answer; replace it if the client has it."""
        response = call_next(request)
        if response.status != 200 or request.method not in ("GET", "HEAD"):
            return response
        tag = self._tag(request, response)
        asked = request.raw_header
        if _is_refused(request, response, tag):
            drop_body(response)
            raise HttpError(412, "this is not the version that the request speaks of")
        if asked(b"if-none-match") is not None:
            is_known = _if_none_match(request, tag)
        else:
            is_known = asked(b"if-modified-since") is not None and _is_not_newer(request, response)
        if is_known:
            _become_304(response)
        return response

    def _tag(self, request: Request, response: Response) -> str | None:
        """Return the tag of an answer, which gets one where that is possible."""
        tag = response.header("etag")
        body = response.body
        if tag is not None or not isinstance(body, bytes) or _must_not_be_stored(response):
            return tag
        if not body and request.method == "HEAD":
            return None  # perhaps a handler of HEAD itself, which made no body
        tag = strong_tag(body) if len(body) < self.offload_size else offload(strong_tag, body)
        response.headers.append(("etag", tag))
        return tag


def check_preconditions(
    request: Request, *, etag: str | None, last_modified: datetime | None = None
) -> None:
    """Refuse a change that the client wants only of a version that is gone.

    For handlers of PUT, PATCH, DELETE, before they change anything.

    Args:
        request: The request.
        etag: The tag of what is there now, quotes included; ``None`` where there is nothing.
        last_modified: When it was changed last; with a time zone.

    Raises:
        HttpError: 412 where ``If-Match`` names other versions, ``If-None-Match`` this one, or it
            was changed after ``If-Unmodified-Since`` (RFC 9110, section 13.2.2).
        ValueError: ``etag`` is no tag.

    Example:
        >>> from photon_router import Request
        >>> from photon_router.middleware import check_preconditions
        >>> request = Request("PUT", "/notes/1", [(b"if-match", b'"1"')])
        >>> check_preconditions(request, etag='"1"')
        >>> check_preconditions(request, etag='"2"')
        Traceback (most recent call last):
        ...
        photon_runtime.http.errors.HttpError: 412 Precondition Failed: it has changed meanwhile
    """
    if etag is not None and not is_tag(etag):
        raise ValueError(f'a tag is like "abc" or W/"abc", quotes included, not {etag!r}')
    headers = request.headers
    if "if-match" in headers:
        passes = _if_match(request, etag)
    else:
        since = _date(headers.get("if-unmodified-since"))
        passes = since is None or last_modified is None or _seconds(last_modified) <= since
    if passes and "if-none-match" in headers:
        passes = not _if_none_match(request, etag)
    if not passes:
        raise HttpError(412, "it has changed meanwhile")


def _is_refused(request: Request, response: Response, tag: str | None) -> bool:
    """Say whether the client wants another version only (RFC 9110, 13.1.1 and 13.1.4)."""
    if request.raw_header(b"if-match") is not None:
        return not _if_match(request, tag)
    if request.raw_header(b"if-unmodified-since") is None:
        return False
    since = _date(request.headers.get("if-unmodified-since"))
    changed = _date(response.header("last-modified"))
    return since is not None and changed is not None and changed > since


def _if_match(request: Request, tag: str | None) -> bool:
    fields = request.headers.getlist("if-match")
    return tag is not None and (_is_star(fields) or matches_strongly(fields, tag))


def _if_none_match(request: Request, tag: str | None) -> bool:
    """Say whether the client has what is there, or wants that nothing is."""
    fields = request.headers.getlist("if-none-match")
    return tag is not None and (_is_star(fields) or matches_weakly(fields, tag))


def _is_star(fields: list[str]) -> bool:
    return [field.strip() for field in fields] == ["*"]


def _is_not_newer(request: Request, response: Response) -> bool:
    known = _date(request.headers.get("if-modified-since"))
    changed = None if known is None else _date(response.header("last-modified"))
    return known is not None and changed is not None and changed <= known


def _date(text: str | None) -> datetime | None:
    """Read a date; what is none does not count (section 13.1.3)."""
    if text is None:
        return None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _seconds(moment: datetime) -> datetime:
    """Return a moment as precisely as header fields have it."""
    return moment.replace(microsecond=0)


def _must_not_be_stored(response: Response) -> bool:
    return any(
        name.lower() == "cache-control" and "no-store" in value.lower()
        for name, value in response.headers
    )


def _become_304(response: Response) -> None:
    """Leave out the body, and what is said about its bytes (section 15.4.5)."""
    drop_body(response)
    response.status = 304
    response.body = b""
    response.content_type = None
    response.trailers = None
    response.headers = [pair for pair in response.headers if pair[0].lower() not in _CONTENT_FIELDS]
