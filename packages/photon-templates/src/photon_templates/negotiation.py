"""What a client wants: a page, a fragment of it, or data.

Browsers and htmx get pages, programs get data, at one URL. A cache must know what a response
depends on: every function here notes the fields that it has read, and the middleware of
`TemplatesPart` names them in ``Vary``. `negotiated` does so for all responses of a router.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Final

from photon_runtime.http import Request, Response, add_vary
from photon_runtime.media_types import HTML, JSON

_HX_REQUEST: Final = b"hx-request"
_HX_BOOSTED: Final = b"hx-boosted"
_HX_RESTORES: Final = b"hx-history-restore-request"
_FRAGMENT_FIELDS: Final = ("HX-Request", "HX-Boosted", "HX-History-Restore-Request")
_PAGE_FIELDS: Final = ("Accept", "HX-Request")

_noted: ContextVar[tuple[Request, tuple[str, ...]] | None] = ContextVar(
    "photon_templates_vary", default=None
)


def is_htmx(request: Request) -> bool:
    """Return whether htmx sent a request, boosted navigations included."""
    note_fields(request, ("HX-Request",))
    return _is_true(request, _HX_REQUEST)


def wants_fragment(request: Request) -> bool:
    """Return whether a client wants a part of a page, to put it into the page that it has.

    That is a request by htmx that is not a boosted navigation and does not restore history: those
    need whole pages.
    """
    note_fields(request, _FRAGMENT_FIELDS)
    return (
        _is_true(request, _HX_REQUEST)
        and not _is_true(request, _HX_BOOSTED)
        and not _is_true(request, _HX_RESTORES)
    )


def wants_html(request: Request) -> bool:
    """Return whether a client wants a page: ``Accept`` prefers HTML to JSON, or htmx sent it.

    Clients without a preference, such as ``Accept: */*``, get data.

    Example:
        >>> from photon_runtime.testing import make_request
        >>> from photon_templates import wants_html
        >>> wants_html(make_request("GET", "/", headers={"accept": "text/html,*/*;q=0.8"}))
        True
    """
    note_fields(request, _PAGE_FIELDS)
    return _is_true(request, _HX_REQUEST) or request.accepts(JSON, HTML) == HTML


def negotiated(request: Request, call_next: Callable[[Request], Response]) -> Response:
    """Middleware: names ``Accept`` and ``HX-Request`` in ``Vary`` of every response.

    Use it where a response may be chosen before `wants_html` is called, or without a part.
    """
    response = call_next(request)
    _add_fields(response, _PAGE_FIELDS)
    return response


def add_noted_fields(request: Request, response: Response) -> None:
    """Name the fields in ``Vary`` that the functions above have read of a request."""
    noted = _noted.get()
    if noted is not None and noted[0] is request:
        _add_fields(response, noted[1])


def _add_fields(response: Response, fields: Iterable[str]) -> None:
    for field in fields:
        add_vary(response, field)


def note_fields(request: Request, fields: tuple[str, ...]) -> None:
    """Note request fields that the response depends on."""
    noted = _noted.get()
    if noted is None or noted[0] is not request:
        _noted.set((request, fields))
    elif not set(fields) <= set(noted[1]):
        _noted.set((request, tuple(dict.fromkeys(noted[1] + fields))))


def _is_true(request: Request, name: bytes) -> bool:
    return request.raw_header(name) == b"true"
