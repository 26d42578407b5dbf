"""Pages for errors, where a client wants a page; problem documents elsewhere.

Theory of operation. The router calls `ErrorPages` with every error response that is a problem
document, where the error has arisen: in a handler, in middleware, or because no route matches. So
what wraps that place, such as the middleware of sessions, works on the page as on any other.

``errors/404.html`` is the page of one status, ``errors/error.html`` that of the others, and this
package has one for projects without (``photon/error.html``). If one cannot be rendered, the error
is logged and the next one is tried, and at last the document is sent.

In development the page of an unexpected error is left to the server, which shows the source.
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator
from typing import Any, Final

import attrs
from jinja2 import TemplateNotFound

from photon_runtime.http import Html, Request, Response

from ._current import is_error_page, request_variable
from .flash import restore_flashes, taken_count
from .negotiation import add_noted_fields, wants_html
from .templates import Templates
from .translation import name_locale

_log = logging.getLogger("photon.templates")
_BUILTIN: Final = "photon/error.html"


@attrs.frozen
class ErrorPages:
    """The error pages of one application; see `photon_runtime.parts.ProblemPage`.

    Attributes:
        templates: Its templates.
        development: True in development mode.
    """

    templates: Templates
    development: bool

    def __call__(self, request: Request, document: Response) -> Response:
        """Return the page of an error, or the problem document if the client wants that."""
        restore_flashes(request)
        response = copy.copy(document)  # an error handler may use its response again
        response.headers = list(document.headers)
        if wants_html(request) and not (self.development and request.failure is not None):
            page = self._page(request, document)
            if page is not None:
                response = page
        name_locale(request, response)
        add_noted_fields(request, response)  # by `wants_html`, at least
        return response

    def _page(self, request: Request, document: Response) -> Response | None:
        values = _values(document)
        before = request_variable.set(request), is_error_page.set(True)
        try:
            text = next(self._texts(request, document.status, values), None)
        finally:
            is_error_page.reset(before[1])
            request_variable.reset(before[0])
        if text is None:
            return None
        return Html(text, status=document.status, headers=document.headers)

    def _texts(self, request: Request, status: int, values: dict[str, Any]) -> Iterator[str]:
        """Yield the text of each page that can be rendered, the most specific one first."""
        for name in (f"errors/{status}.html", "errors/error.html", _BUILTIN):
            count = taken_count(request)
            try:
                text = self.templates.render(name, values)
            except TemplateNotFound as error:
                if error.name != name:
                    _log.exception("the error page %s cannot be rendered", name)
            except Exception:
                _log.exception("the error page %s cannot be rendered", name)
            else:
                yield text
            restore_flashes(request, count)


def _values(document: Response) -> dict[str, Any]:
    """Return the values of the template: the members of the problem document."""
    body = document.body if isinstance(document.body, bytes) else b"{}"
    problem: dict[str, Any] = json.loads(body)
    return {
        "status": document.status,
        "title": problem.get("title", ""),
        "detail": problem.get("detail", ""),
        "errors": problem.get("errors", []),
        "problem": problem,
    }
