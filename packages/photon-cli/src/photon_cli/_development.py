"""The application as ``photon dev`` serves it: with error pages, and pages that reload.

In other environments than ``development`` it is the application as it is in production, and so is
the response to a request that does not come from this machine (`photon_cli._local_request`). The
tools have their own paths, for pages of the server itself only (`photon_cli._tool_access`).
"""

from __future__ import annotations

import contextvars
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import attrs

from photon_runtime.http import HttpError, Response, context_of
from photon_runtime.redaction import MASK, is_secret_name, redact

from ._error_page import FAILED, NOT_STARTED, ErrorPage, asset
from ._error_report import ErrorReport, passwords_in, report_error
from ._local_request import is_local
from ._page_reload import PREFIX
from ._tool_access import AllowedHosts, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from photon_runtime.http import Handler, Request

    from ._page_reload import PageReload

_log = logging.getLogger("photon.http")

_SHORTEST_COOKIE = 8
_NOT_KEPT = frozenset({"content-security-policy", "content-encoding", "content-length", "etag"})


@attrs.define(eq=False)
class DevelopmentHandler:
    """A started application with the tools of development.

    Attributes:
        handler: The handler of the application.
        root: The folder of the project.
        secrets: Texts that error pages mask.
        pages: Reloads pages; ``None`` to leave them as they are.
        hosts: The names of the server.
    """

    handler: Handler
    root: Path
    secrets: frozenset[str] = frozenset()
    pages: PageReload | None = None
    hosts: AllowedHosts = attrs.field(factory=AllowedHosts)

    @property
    def context(self) -> contextvars.Context:
        """The context variables that each request starts with a copy of."""
        return context_of(self.handler)

    def drain(self) -> None:
        """Begin to end what lasts longer than a request."""
        drain = getattr(self.handler, "drain", None)
        if callable(drain):
            drain()

    def __call__(self, request: Request) -> Response:
        """Return the response of the application, of its tools, or the error page."""
        own = _tool(request, self.pages, self.hosts)
        if own is not None:
            return own
        pages = self.pages if self.hosts.allows(request.host) else None
        if pages is not None:
            pages.prepare(request)
        response = self._respond(request)
        failure = request.failure
        is_shown = failure is not None and response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        if is_shown and failure is not None and is_local(request):
            return self._replaced(request, response, failure)
        if pages is not None:
            pages.add_script(request, response)
        return response

    def _respond(self, request: Request) -> Response:
        """Return the response of the application, or the error page if it raises."""
        try:
            return self.handler(request)
        except HttpError:
            raise
        except Exception as error:
            if not is_local(request):
                raise
            _log.exception("%s %s failed", request.method, request.raw_path)
            return self._error_page(request, error)

    def _replaced(self, request: Request, response: Response, failure: BaseException) -> Response:
        """Return the error page with the header fields that middleware has added."""
        page = self._error_page(request, failure)
        page.headers += [
            (name, value)
            for name, value in response.headers
            if name.lower() not in _NOT_KEPT and page.header(name) is None
        ]
        return page

    def _error_page(self, request: Request, error: BaseException) -> Response:
        secrets = {*self.secrets, *_secrets_of(request)}
        report = report_error(error, root=self.root, secrets=secrets)
        # A request with an effect would have it again at each reload.
        reloads = self.pages is not None and request.method in ("GET", "HEAD")
        return ErrorPage(
            report,
            title=FAILED,
            facts=tuple(_facts(request, secrets)),
            script=self.pages.tag().decode() if reloads and self.pages is not None else "",
        )(request)


@attrs.frozen(eq=False)
class FailedStart:
    """Responds to each request with the reason why the application does not start.

    Attributes:
        report: The reason; ``None`` to show none, as in production.
        pages: Reloads pages.
        hosts: The names of the server.
    """

    report: ErrorReport | None
    pages: PageReload | None = None
    hosts: AllowedHosts = attrs.field(factory=AllowedHosts)

    def __call__(self, request: Request) -> Response:
        """Return the error page, without details for a request from elsewhere."""
        own = _tool(request, self.pages, self.hosts)
        if own is not None:
            return own
        if self.report is None or not is_local(request):
            reason = f"{NOT_STARTED}. The terminal of `photon dev` shows the reason.\n"
            return Response(500, body=reason, headers={"cache-control": "no-store"})
        script = "" if self.pages is None else self.pages.tag().decode()
        return ErrorPage(self.report, script=script)(request)


def _tool(request: Request, pages: PageReload | None, hosts: AllowedHosts) -> Response | None:
    """Return the response of a tool; ``None`` if the request is for the application."""
    path = request.path
    if not path.startswith(PREFIX):
        return None
    response = (pages.respond(path) if pages is not None else None) or asset(path)
    reason = None if response is None else refusal(request, hosts)
    if reason is not None:
        return Response(403, body=f"{reason}\n", headers={"cache-control": "no-store"})
    return response


def _secrets_of(request: Request) -> Iterator[str]:
    """Yield the credentials of a request: of header fields, of cookies, of the query."""
    for name, value in request.headers.items():
        if name.lower() == "cookie":
            continue
        if is_secret_name(name):
            yield value
            yield from value.split()[1:]  # without the scheme
    yield from (value for value in request.cookies.values() if len(value) >= _SHORTEST_COOKIE)
    for name, value in request.query.items():
        if is_secret_name(name):
            yield value


def _facts(request: Request, secrets: Iterable[str]) -> Iterator[tuple[str, str]]:
    yield "method", request.method
    yield "path", redact(request.raw_path, secrets)
    if request.route is not None:
        yield "operation", str(getattr(request.route, "operation_id", ""))
    for name, value in request.headers.items():
        yield name, MASK if is_secret_name(name) else redact(value, secrets)


def secrets_of_settings(texts: Iterable[tuple[object, bool]]) -> Iterator[str]:
    """Yield the secrets of settings.

    Args:
        texts: Values, and whether each is a secret.
    """
    for value, is_secret in texts:
        if isinstance(value, str):
            if is_secret:
                yield value
            yield from passwords_in(value)
        elif isinstance(value, list | tuple):
            yield from secrets_of_settings((each, is_secret) for each in value)
