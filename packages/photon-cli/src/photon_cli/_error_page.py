"""What ``photon dev`` shows in place of an answer: why the application or a request failed."""

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

# The page asks again for its own URL; a restarting server lets it wait in the queue. Any answer
# other than this same error means that there is something new to see.
_RELOAD = """<p>This page reloads itself when the files have changed.</p>
<script>
async function look() {{
  try {{
    const answer = await fetch(location.href, {{method: "HEAD", cache: "no-store"}});
    if (answer.headers.get("{header}") !== "{mark}") return location.reload();
  }} catch {{}}
  setTimeout(look, 500);
}}
setTimeout(look, 500);
</script>
"""


@attrs.frozen
class ErrorPage:
    """A handler that answers every request with the reason why there is no application.

    Attributes:
        text: The reason, usually a traceback. It is for the eyes of the developer only.
        title: What failed.
        reloads: Whether the page asks again until it has another answer; not for a page that
            would do something each time.
    """

    text: str
    title: str = _NOT_STARTED
    reloads: bool = True

    def __call__(self, request: Request) -> Response:
        """Answer with status 500 and the reason.

        Browsers get HTML, those who ask for JSON a problem document, all others plain text.
        """
        chosen = request.accepts(*_KINDS)
        mark = hashlib.sha256(self.text.encode()).hexdigest()[:16]
        if chosen == "text/html":
            reload = _RELOAD.format(header=_HEADER, mark=mark) if self.reloads else ""
            body = _PAGE.format(title=self.title, text=html.escape(self.text), reload=reload)
            kind = "text/html; charset=utf-8"
        elif chosen in _JSON:
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
    """Put something around ``handler`` that answers a failed request with its traceback.

    Failed is a request whose handler raised, or one that an application has answered already and
    logged, and whose `Request.failure` tells why. What its middleware put on that answer stays,
    and so does an answer that is none of a failure, because somebody has dealt with it.
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
