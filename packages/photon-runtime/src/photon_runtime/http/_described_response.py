"""Responses that their classes describe in the document, and `Html`, the one that templates make.

Here, below the router and the templates, so that both use one class. The router's further kinds are
in `photon_router.responses`. Applications define their own in the same way::

    class Csv(DescribedResponse):
        __slots__ = ()
        media_type = "text/csv"

        def __init__(self, rows: Iterable[str]) -> None:
            super().__init__(body="".join(rows), content_type="text/csv; charset=utf-8")
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import ClassVar

from ..media_types import HTML, essence
from ._response import Response


class DescribedResponse(Response):
    """A response that is described by its class.

    Attributes:
        usual_status: Status in the document.
        media_type: Media type of the body in the document; ``None`` for no body, ``*/*`` for the
            decorator's ``media_type``, or any.
        described_headers: Header fields that it always has, and their descriptions.
        body_type: Type of a JSON body in the document, for a class without a type parameter for it;
            ``None`` to leave it open.
    """

    __slots__ = ()
    usual_status: ClassVar[int] = 200
    media_type: ClassVar[str | None] = None
    described_headers: ClassVar[Mapping[str, str]] = {}
    body_type: ClassVar[type | None] = None


class Html(DescribedResponse):
    """A page.

    ``str(page)`` is its text, so that code other than a handler can use it as a string. In a
    template, a page is inserted as it is, because it is HTML already.

    Args:
        body: The page; nothing in it is escaped. An iterable of bytes is streamed.
        status: The status code.
        headers: Further header fields.
        content_type: The ``Content-Type`` field.

    Example:
        >>> from photon_runtime.http import Html
        >>> str(Html("<h1>Tea</h1>"))
        '<h1>Tea</h1>'
    """

    __slots__ = ()
    media_type = HTML

    def __init__(
        self,
        body: str | bytes | Iterable[bytes],
        *,
        status: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        content_type: str = "text/html; charset=utf-8",
    ) -> None:
        """Make a page."""
        super().__init__(status, body=body, headers=headers, content_type=content_type)

    def __str__(self) -> str:
        """Return the text of the page.

        Raises:
            TypeError: The page is streamed, so its text is not known.
        """
        if not isinstance(self.body, bytes):
            raise TypeError("a streamed page has no text: iterate over its body")
        return self.body.decode()

    def __html__(self) -> str:
        """Return the text as HTML, for templates: escaped, if its content type is another one.

        Raises:
            TypeError: The page is streamed, so its text is not known.
        """
        text = str(self)
        return text if essence(self.content_type or "") == HTML else html.escape(text)
