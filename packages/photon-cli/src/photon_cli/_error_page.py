"""The page that ``photon dev`` shows when the application or a request has failed.

The page has its style and its script from paths of the same origin, and a content security policy
that allows nothing else: what it shows comes from the request and from variables.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from photon_runtime.http import Response, current_root_path

from ._page_reload import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from photon_runtime.http import Request

    from ._error_report import ErrorReport, ExceptionReport, FrameReport

NOT_STARTED = "The application does not start"
FAILED = "The request failed"

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_JSON = ("application/problem+json", "application/json")
_KINDS = ("text/plain", "text/html", *_JSON)
_ASSETS = {"error.css": "text/css; charset=utf-8", "error.js": "text/javascript; charset=utf-8"}
_FOLDER = Path(__file__).parent / "assets"
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def asset(path: str) -> Response | None:
    """Return the response to a request for the style or the script of the page; else ``None``."""
    name = path.removeprefix(PREFIX)
    if name not in _ASSETS or not path.startswith(PREFIX):
        return None
    body = (_FOLDER / name).read_bytes()
    return Response(body=body, headers={"cache-control": "no-store"}, content_type=_ASSETS[name])


@attrs.frozen
class ErrorPage:
    """The response to a request: an error with its details, in the form that the client prefers.

    Attributes:
        report: The error, without secrets.
        title: What failed.
        facts: Names and values that belong to the error, such as the fields of the request.
        script: An element that reloads the page when a file has changed; empty for none.
    """

    report: ErrorReport
    title: str = NOT_STARTED
    facts: tuple[tuple[str, str], ...] = ()
    script: str = ""

    def __call__(self, request: Request) -> Response:
        """Respond with status 500 and the error.

        Browsers receive HTML, clients that accept JSON a problem document, all others plain text.
        """
        media_type = request.accepts(*_KINDS)
        if media_type == "text/html":
            return Response(500, body=self.html(), headers=_HEADERS, content_type=_HTML)
        if media_type in _JSON:
            body, kind = json.dumps(self._problem()), "application/problem+json"
        else:
            body, kind = f"{self.title}\n\n{self.report.text}", "text/plain; charset=utf-8"
        return Response(500, body=body, headers={"cache-control": "no-store"}, content_type=kind)

    def _problem(self) -> dict[str, object]:
        return {
            "type": "about:blank",
            "title": self.title,
            "status": 500,
            "detail": self.report.text,
        }

    def html(self) -> str:
        """Return the page."""
        first = next(iter(self.report.exceptions), None)
        heading = self.title if first is None else f"{first.kind}: {first.message}"
        return _PAGE.format(
            prefix=(current_root_path() or "") + PREFIX,
            title=_escaped(heading.splitlines()[0] if heading.strip() else self.title),
            what=_escaped(self.title),
            content="".join(self._content()),
            text=_escaped(self.report.text),
            script=self.script,
        )

    def _content(self) -> Iterator[str]:
        if not self.report.exceptions:
            yield f"<pre class=message>{_escaped(self.report.text)}</pre>"
        for each in self.report.exceptions:
            yield from _exception(each)
        if self.facts:
            yield "<section><h2>Request</h2>"
            yield from _table(self.facts)
            yield "</section>"


_HTML = "text/html; charset=utf-8"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{prefix}error.css">
<script src="{prefix}error.js" defer></script>
</head>
<body>
<header><p>{what}</p><button type="button" id="copy" hidden>Copy as text</button></header>
<main>
{content}
</main>
<details class="text"><summary>Traceback as text</summary><pre id="text">{text}</pre></details>
<footer>Shown by <code>photon dev</code> to this machine only. Secrets are masked where their names
or values are known.</footer>
{script}
</body>
</html>
"""


def _exception(report: ExceptionReport) -> Iterator[str]:
    relation = f"<p class=relation>{_escaped(report.relation)}</p>" if report.relation else ""
    yield f"<section>{relation}<h1><b>{_escaped(report.kind)}</b></h1>"
    if report.message.strip():
        yield f"<pre class=message>{_escaped(report.message)}</pre>"
    yield from _frames(report.frames)
    if report.members:
        yield f"<div class=group><p class=relation>{len(report.members)} exceptions in it</p>"
        for member in report.members:
            yield from _exception(member)
        yield "</div>"
    yield "</section>"


def _frames(frames: tuple[FrameReport, ...]) -> Iterator[str]:
    own = [at for at, frame in enumerate(frames) if not frame.is_library]
    opened = own[-1] if own else len(frames) - 1
    for at, frame in enumerate(frames):
        kind = "library" if frame.is_library else "own"
        is_open = " open" if at == opened else ""
        place = f"<code>{_escaped(frame.file)}:{frame.line}</code>"
        yield f"<details class={kind}{is_open}><summary>{place}"
        yield f" <span>in {_escaped(frame.function)}</span></summary>"
        yield from _source(frame)
        if frame.variables:
            yield from _table(frame.variables)
        yield "</details>"


def _source(frame: FrameReport) -> Iterator[str]:
    if not frame.source:
        return
    yield "<pre class=source>"
    for number, text in frame.source:
        mark = " class=here" if number == frame.line else ""
        yield f"<span{mark}><i>{number}</i>{_escaped(text) or ' '}\n</span>"
    yield "</pre>"


def _table(rows: tuple[tuple[str, str], ...]) -> Iterator[str]:
    yield "<table>"
    for name, value in rows:
        yield f"<tr><th scope=row>{_escaped(name)}</th><td><code>{_escaped(value)}</code></td></tr>"
    yield "</table>"


def _escaped(text: str) -> str:
    return html.escape(text.encode("utf-8", "replace").decode())
