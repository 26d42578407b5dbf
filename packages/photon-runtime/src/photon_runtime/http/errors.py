"""Errors that are answers.

::

    PhotonError
    └─ HttpError          a status with a problem document (RFC 9457), raised below a handler
       └─ NotAcceptable   406: the client takes none of the media types that there are
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from ..errors import PhotonError

# RFC 9110, section 15.5; Python before 3.13 has the names of its predecessors.
_PHRASES = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


class HttpError(PhotonError):
    """An answer other than success: raise it in a handler, a dependency or middleware.

    The client gets an ``application/problem+json`` document (RFC 9457) with ``status``,
    ``title``, ``detail`` and the members given as ``extensions``.

    Args:
        status: The status code, 400 to 599.
        detail: What went wrong, for the person who reads it; never secrets.
        headers: Header fields of the response.
        type: URI that names the kind of problem.
        title: Short name of the kind of problem; by default the status's own.
        extensions: Further members of the document, for example ``errors``.

    Example:
        >>> from photon_runtime.http import HttpError
        >>> str(HttpError(404, "no item has the id 7"))
        '404 Not Found: no item has the id 7'
    """

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        type: str = "about:blank",
        title: str | None = None,
        extensions: Mapping[str, object] | None = None,
    ) -> None:
        """Keep what the answer will say."""
        if not 400 <= status <= 599:
            raise ValueError(f"an error has a status from 400 to 599, not {status}")
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.type = type
        self.title = title if title is not None else phrase(status)
        self.extensions = dict(extensions or {})
        super().__init__(f"{status} {self.title}" + (f": {detail}" if detail else ""))

    def document(self) -> dict[str, object]:
        """Return the members of the problem document."""
        members: dict[str, object] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
        }
        if self.detail is not None:
            members["detail"] = self.detail
        return members | self.extensions


class NotAcceptable(HttpError):
    """The client takes none of the media types that there are: 406 (RFC 9110, section 15.5.7).

    Args:
        media_types: Those that there are.

    Example:
        >>> from photon_runtime.http import NotAcceptable
        >>> str(NotAcceptable("application/json", "text/html"))
        '406 Not Acceptable: there is: application/json, text/html'
    """

    def __init__(self, *media_types: str) -> None:
        """Keep what the answer will say."""
        detail = f"there is: {', '.join(media_types)}"
        super().__init__(406, detail, headers={"vary": "Accept"})


def phrase(status: int) -> str:
    """Return the reason phrase of ``status`` as in RFC 9110, an empty string without one."""
    if status in _PHRASES:
        return _PHRASES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
