"""Preconditions of requests (RFC 9110, section 13): one evaluation for every resource.

The functions compare the fields of a request with the validators of the current representation:
its entity tag and the time of its last change. The order is that of section 13.2.2: ``If-Match``,
or else ``If-Unmodified-Since``; then ``If-None-Match``, or else ``If-Modified-Since``. Malformed
dates are ignored (13.1.3).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TypeAlias

from ._entity_tag import is_entity_tag, matches_strongly, matches_weakly
from ._headers import Headers

_Comparison: TypeAlias = Callable[[list[str], str], bool]


class Precondition(enum.Enum):
    """The result of evaluating the preconditions of a request.

    Attributes:
        PASSED: The request is performed.
        NOT_MODIFIED: The client has the current representation: 304.
        FAILED: The client requires another version: 412.
    """

    PASSED = enum.auto()
    NOT_MODIFIED = enum.auto()
    FAILED = enum.auto()


def evaluate_preconditions(
    headers: Headers, *, etag: str | None, last_modified: float | None, is_read: bool = True
) -> Precondition:
    """Evaluate the preconditions of a request.

    Args:
        headers: The fields of the request.
        etag: The entity tag of the current representation, quotes included; ``None`` if it has
            none, or if there is no representation. No condition on tags matches ``None``.
        last_modified: The time of its last change in whole seconds of Unix time; ``None`` if it is
            unknown, which leaves conditions on dates out of account.
        is_read: Whether the method is GET or HEAD. For other methods, ``If-None-Match`` fails
            instead of giving 304, and ``If-Modified-Since`` is ignored.
    """
    if not _is_expected_version(headers, etag, last_modified):
        return Precondition.FAILED
    if "if-none-match" in headers:
        is_known = _names(headers.getlist("if-none-match"), etag, matches_weakly)
    else:
        since = parse_date(headers.get("if-modified-since")) if is_read else None
        is_known = since is not None and last_modified is not None and last_modified <= since
    if not is_known:
        return Precondition.PASSED
    return Precondition.NOT_MODIFIED if is_read else Precondition.FAILED


def is_range_current(headers: Headers, *, etag: str, last_modified: int, now: float) -> bool:
    """Return whether ``Range`` applies: whether ``If-Range`` names the current version (13.1.5).

    A date does so only if it is exact: a file that was changed within the last second may be
    changed again within the same one (section 8.8.2.2).

    Args:
        headers: The fields of the request.
        etag: The entity tag of the current representation.
        last_modified: The time of its last change in whole seconds of Unix time.
        now: The Unix time.
    """
    condition = headers.get("if-range")
    if condition is None:
        return True
    condition = condition.strip()
    if is_entity_tag(condition):
        return not condition.startswith("W/") and condition == etag
    return parse_date(condition) == last_modified and last_modified < now - 1


def parse_date(text: str | None) -> float | None:
    """Return an HTTP date in seconds of Unix time, ``None`` for a missing or malformed one."""
    if text is None:
        return None
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, IndexError, OverflowError):
        return None


def _is_expected_version(headers: Headers, etag: str | None, last_modified: float | None) -> bool:
    if "if-match" in headers:
        return _names(headers.getlist("if-match"), etag, matches_strongly)
    since = parse_date(headers.get("if-unmodified-since"))
    return since is None or last_modified is None or last_modified <= since


def _names(fields: list[str], etag: str | None, matches: _Comparison) -> bool:
    if etag is None:
        return False
    return [field.strip() for field in fields] == ["*"] or matches(fields, etag)
