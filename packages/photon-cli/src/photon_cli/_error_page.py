"""The page that ``photon dev`` shows when the application or a request has failed."""

from __future__ import annotations

import hashlib
import html
import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import attrs

from photon_runtime.http import HttpError, Response
from photon_runtime.tracebacks import readable

if TYPE_CHECKING:
    from photon_runtime.http import Handler, Request

_log = logging.getLogger("photon.http")

_NOT_STARTED = "The application does not start"
_FAILED = "The request failed"
_HEADER = "x-photon-dev-error"
_JSON = ("application/problem+json", "application/json")
_KINDS = ("text/plain", "text/html", *_JSON)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 60rem }}
pre {{ overflow-x: auto; padding: 1rem; border-left: 4px solid #c33; background: #8881 }}
:root {{ color-scheme: light dark }}
</style>
</head>
<body>
<h1>{title}</h1>
<pre>{text}</pre>
{reload}</body>
</html>
"""

# The page requests its own URL again; while the server restarts, the request waits in the queue.
# Any response other than this same error means that the page is out of date.
_RELOAD = """<p>This page reloads itself when the files have changed.</p>
<script>
async function look() {{
  try {{
    const response = await fetch(location.href, {{method: "HEAD", cache: "no-store"}});
    if (response.headers.get("{header}") !== "{mark}") return location.reload();
  }} catch {{}}
  setTimeout(look, 500);
}}
setTimeout(look, 500);
</script>
"""


@attrs.frozen
class ErrorPage:
    """A handler that responds to every request with the reason why the application does not start.

    Attributes:
        text: The reason, usually a traceback. It is for the developer only.
        title: What failed.
        reloads: Whether the page reloads until the response differs; not for a request that would
            have an effect each time.
    """

    text: str
    title: str = _NOT_STARTED
    reloads: bool = True

    def __call__(self, request: Request) -> Response:
        """Respond with status 500 and the reason.

        Browsers receive HTML, clients that accept JSON a problem document, all others plain text.
        """
        media_type = request.accepts(*_KINDS)
        mark = hashlib.sha256(self.text.encode()).hexdigest()[:16]
        if media_type == "text/html":
            reload = _RELOAD.format(header=_HEADER, mark=mark) if self.reloads else ""
            body = _PAGE.format(title=self.title, text=html.escape(self.text), reload=reload)
            kind = "text/html; charset=utf-8"
        elif media_type in _JSON:
            problem = {
                "type": "about:blank",
                "title": self.title,
                "status": 500,
                "detail": self.text,
            }
            body, kind = json.dumps(problem), "application/problem+json"
        else:
            body, kind = f"{self.title}\n\n{self.text}", "text/plain; charset=utf-8"
        headers = {_HEADER: mark, "cache-control": "no-store"}
        return Response(500, body=body, headers=headers, content_type=kind)


def showing_errors(handler: Handler) -> Handler:
    """Wrap ``handler`` so that the response to a failed request is its traceback.

    A request has failed if its handler raised, or if the application has logged the error and set
    `Request.failure`. Header fields that middleware added to the response are kept, and so is a
    response below 500, because the application has dealt with the error.
    """

    def handle(request: Request) -> Response:
        try:
            response = handler(request)
        except HttpError:
            raise
        except Exception as error:
            _log.exception("%s %s failed", request.method, request.raw_path)
            return _page(request, error)
        failure = request.failure
        if failure is None or response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return response
        page = _page(request, failure)
        page.headers += [pair for pair in response.headers if page.header(pair[0]) is None]
        return page

    return handle


def _page(request: Request, error: BaseException) -> Response:
    return ErrorPage(readable(error), title=_FAILED, reloads=False)(request)
