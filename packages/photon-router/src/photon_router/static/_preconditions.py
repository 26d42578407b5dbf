"""What a request makes its answer depend on (RFC 9110, section 13), for GET and HEAD of a file.

The order is that of section 13.2.2. Dates that are none do not count.
"""

from __future__ import annotations

import enum
from datetime import UTC
from email.utils import parsedate_to_datetime

from photon_runtime.http import Headers

from ..middleware._entity_tag import is_tag, matches_strongly, matches_weakly


class Verdict(enum.Enum):
    """How a request is to be answered."""

    GO_ON = enum.auto()
    NOT_MODIFIED = enum.auto()
    FAILED = enum.auto()


def evaluate(headers: Headers, *, tag: str, modified: int) -> Verdict:
    """Evaluate the preconditions of a GET or HEAD.

    Args:
        headers: Of the request.
        tag: The entity tag of what would be sent.
        modified: When that was changed last, in seconds of Unix time.
    """
    if not _may_go_on(headers, tag, modified):
        return Verdict.FAILED
    return Verdict.NOT_MODIFIED if _is_known(headers, tag, modified) else Verdict.GO_ON


def _may_go_on(headers: Headers, tag: str, modified: int) -> bool:
    if "if-match" in headers:
        fields = headers.getlist("if-match")
        return _is_star(fields) or matches_strongly(fields, tag)
    since = _date(headers.get("if-unmodified-since"))
    return since is None or modified <= since


def _is_known(headers: Headers, tag: str, modified: int) -> bool:
    """Say whether the client has it."""
    if "if-none-match" in headers:
        fields = headers.getlist("if-none-match")
        return _is_star(fields) or matches_weakly(fields, tag)
    since = _date(headers.get("if-modified-since"))
    return since is not None and modified <= since


def is_range_current(headers: Headers, *, tag: str, modified: int, now: float) -> bool:
    """Say whether ``Range`` counts: whether ``If-Range`` names what is there now (13.1.5).

    A date does so only if it is exact: a file that was changed within the last second may be
    changed again within the same one (section 8.8.2.2).

    Args:
        headers: Of the request.
        tag: The entity tag of the file.
        modified: When it was changed last, in seconds of Unix time.
        now: The Unix time.
    """
    condition = headers.get("if-range")
    if condition is None:
        return True
    condition = condition.strip()
    if is_tag(condition):
        return not condition.startswith("W/") and condition == tag
    return _date(condition) == modified and modified < now - 1


def _is_star(fields: list[str]) -> bool:
    return [field.strip() for field in fields] == ["*"]


def _date(text: str | None) -> float | None:
    """Return a date in seconds of Unix time, ``None`` for what is none."""
    if text is None:
        return None
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, IndexError, OverflowError):
        return None
