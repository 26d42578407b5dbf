"""Parts of the pages about jobs, as HTML: tables, badges, durations, buttons."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

import attrs

from ..records import JobRecord, JobState

MOST_TEXT: Final = 20_000
"""Characters of an argument, a result or an error that the page shows."""
_MOST_JSON: Final = 200_000
_UNITS: Final = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"))


@attrs.frozen
class Frame:
    """What surrounds the content of a page.

    Attributes:
        base: Path of the page of all jobs.
        csrf: Name and token of the field that forms need; ``None`` without such protection.
        refresh: Seconds after which the script loads the page again.
    """

    base: str
    csrf: tuple[str, str] | None = None
    refresh: float = 2.0

    def page(self, title: str, content: str, *, notice: str = "") -> str:
        """Return the page."""
        base = text(self.base)
        shown = f'<p class="notice" role="status">{text(notice)}</p>\n' if notice else ""
        return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{text(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{base}/jobs.css">
<noscript><meta http-equiv="refresh" content="10"></noscript>
</head>
<body data-refresh="{self.refresh:.1f}">
<header><a class="home" href="{base}">Jobs</a> <span class="live" id="live">live</span></header>
{shown}<main>
{content}</main>
<script src="{base}/jobs.js"></script>
</body>
</html>
"""

    def button(
        self, label: str, action: str, fields: Mapping[str, str], *, path: str, confirms: str = ""
    ) -> str:
        """Return a form with one button.

        Args:
            label: Text of the button.
            action: What it does.
            fields: Further fields.
            path: Where it is sent to.
            confirms: Text of a second button, if the first one only asks.
        """
        hidden = {"action": action, **fields}
        if self.csrf is not None:
            hidden[self.csrf[0]] = self.csrf[1]
        inputs = "".join(
            f'<input type="hidden" name="{text(field)}" value="{text(value)}">'
            for field, value in hidden.items()
        )
        kind = f' class="{action}"'
        form = (
            f'<form method="post" action="{text(path)}">{inputs}'
            f"<button{kind}>{text(confirms or label)}</button></form>"
        )
        if not confirms:
            return form
        key = text(f"{action} {path}")
        return f'<details class="ask" id="{key}"><summary>{text(label)}</summary>{form}</details>'


def text(value: object) -> str:
    """Return a text as HTML."""
    return html.escape(str(value), quote=True)


def name(value: str) -> str:
    """Return the name of a task, which may break after its dots and underscores."""
    return f"<code>{text(value).replace('.', '.<wbr>').replace('_', '_<wbr>')}</code>"


def query(base: str, **values: str | None) -> str:
    """Return a URL with those values that are not empty."""
    given = {key: value for key, value in values.items() if value}
    return f"{base}?{urlencode(given)}" if given else base


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> str:
    """Return a table whose cells are HTML; on narrow screens each row is a block."""
    body = ""
    for row in rows:
        cells = "".join(
            f'<td data-label="{text(heading)}"><div>{cell}</div></td>'
            for heading, cell in zip(headings, row, strict=True)
        )
        body += f"<tr>{cells}</tr>\n"
    if not body:
        return f'<p class="empty">{text(empty)}</p>\n'
    head = "".join(f'<th scope="col">{text(each)}</th>' for each in headings)
    return f'<table class="rows"><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>\n'


def badge(state: JobState) -> str:
    """Return the state of a job as a coloured word."""
    return f'<span class="badge {state.value}">{state.value}</span>'


def duration(seconds: float) -> str:
    """Return a duration for people, such as ``1.5 s`` or ``3 h 20 min``."""
    if seconds < 1:
        return f"{max(seconds, 0.0) * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    parts: list[str] = []
    rest = seconds
    for size, unit in _UNITS:
        if rest >= size or (parts and len(parts) < 2):
            parts.append(f"{int(rest // size)} {unit}")
            rest %= size
        if len(parts) == 2:
            break
    return " ".join(parts)


def moment(seconds: float | None, now: float) -> str:
    """Return a time as a distance from now, with the time itself as a title."""
    if seconds is None:
        return '<span class="none">-</span>'
    exact = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    distance = now - seconds
    # Without the fraction of a second the page changes less often.
    words = f"{_whole(distance)} ago" if distance >= 0 else f"in {_whole(-distance)}"
    return f'<time title="{exact}">{text(words)}</time>'


def _whole(seconds: float) -> str:
    return f"{int(seconds)} s" if seconds < 60 else duration(seconds)


def pretty(value: str | None) -> str:
    """Return a JSON text, indented, as a block."""
    if value is None:
        return '<p class="none">none</p>\n'
    shown = value
    if len(value) <= _MOST_JSON:
        try:
            shown = json.dumps(json.loads(value), indent=2, ensure_ascii=False)
        except (ValueError, RecursionError):
            shown = value
    return block(shown)


def block(value: str) -> str:
    """Return a text as a block, shortened if it is too long."""
    if len(value) > MOST_TEXT:
        value = f"{value[:MOST_TEXT]}\n… {len(value) - MOST_TEXT} further characters"
    return f"<pre>{text(value)}</pre>\n"


def progress(job: JobRecord) -> str:
    """Return the progress of a job as a bar if it has a usual form, else as its JSON text."""
    if job.progress is None:
        return ""
    part = _part_of(job.progress)
    if part is None:
        return f"<code>{text(job.progress[:200])}</code>"
    done, of = part
    label = f"{100 * done / of:.0f} %" if of else ""
    return f'<progress value="{done:g}" max="{of:g}">{label}</progress> <small>{label}</small>'


def _part_of(value: str) -> tuple[float, float] | None:
    """Return the done part and the whole of ``0.4`` or ``{"done": 4, "of": 10}``."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    done, of = (found.get("done"), found.get("of")) if isinstance(found, dict) else (found, 1.0)
    if isinstance(done, bool) or not isinstance(done, int | float):
        return None
    if isinstance(of, bool) or not isinstance(of, int | float) or not 0 <= done <= of or not of:
        return None
    return float(done), float(of)
