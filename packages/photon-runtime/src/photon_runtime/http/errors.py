"""Errors that become responses.

::

    PhotonError
    └─ HttpError          a status with a problem document (RFC 9457), raised below a handler
       └─ NotAcceptable   406: the client accepts none of the available media types
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from ..errors import PhotonError

# RFC 9110, section 15.5; Python before 3.13 has the older names.
_PHRASES = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


class HttpError(PhotonError):
    """An error response: raise it in a handler, a dependency or middleware.

    The client receives an ``application/problem+json`` document (RFC 9457) with ``status``,
    ``title``, ``detail`` and the members of ``extensions``.

    Args:
        status: The status code, 400 to 599.
        detail: Explanation of the error for the client's developer; must not contain secrets.
        headers: Header fields of the response.
        type: URI that identifies the kind of problem.
        title: Short name of the kind of problem; by default the reason phrase of the status.
        extensions: Additional members of the document, for example ``errors``.

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
            raise ValueError(f"the status of an error must be from 400 to 599, not {status}")
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
    """The client accepts none of the available media types: 406 (RFC 9110, section 15.5.7).

    Args:
        media_types: The available media types.

    Example:
        >>> from photon_runtime.http import NotAcceptable
        >>> str(NotAcceptable("application/json", "text/html"))
        '406 Not Acceptable: the available media types are application/json, text/html'
    """

    def __init__(self, *media_types: str) -> None:
        """Keep what the answer will say."""
        detail = f"the available media types are {', '.join(media_types)}"
        super().__init__(406, detail, headers={"vary": "Accept"})


def phrase(status: int) -> str:
    """Return the reason phrase of ``status`` (RFC 9110); an empty string if it is unknown."""
    if status in _PHRASES:
        return _PHRASES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
