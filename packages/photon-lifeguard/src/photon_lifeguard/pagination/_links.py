"""Links to the other pages, in the header field ``Link`` (RFC 8288)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

from photon_runtime.http import Request

from ._pages import KeysetPage, Page


def link_header(request: Request, page: Page[Any] | KeysetPage[Any]) -> str:
    """Return the value of ``Link`` for the first, previous, next and last page.

    The links are relative to the URL of the request, and keep its other parameters.

    Args:
        request: The request for the page.
        page: The page.
    """
    numbered = isinstance(page, Page)
    own = ("page",) if numbered else ("after", "before")
    path, query = request.public_path, request.raw_query
    others = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in own]
    targets = _of_number(page) if isinstance(page, Page) else _of_cursor(page)
    return ", ".join(
        f'<{path}?{urlencode([*others, *parameters])}>; rel="{relation}"'
        if others or parameters
        else f'<{path}>; rel="{relation}"'
        for relation, parameters in targets
    )


_Target = tuple[str, list[tuple[str, str]]]


def _of_number(page: Page[Any]) -> Iterator[_Target]:
    yield "first", [("page", "1")]
    if page.page > 1:
        yield "prev", [("page", str(page.page - 1))]
    if page.has_next:
        yield "next", [("page", str(page.page + 1))]
    if page.total is not None:
        yield "last", [("page", str(max(1, -(-page.total // page.per_page))))]


def _of_cursor(page: KeysetPage[Any]) -> Iterator[_Target]:
    yield "first", []
    if page.previous is not None:
        yield "prev", [("before", page.previous)]
    if page.next is not None:
        yield "next", [("after", page.next)]
