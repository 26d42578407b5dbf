"""Protection against requests that other sites make a browser send.

Theory of operation. A browser sends the cookies of a site with every request to it, also with one
that another site's page has caused. So a request that changes something must prove that a page of
this application caused it, in three ways, all of which must agree:

- ``Sec-Fetch-Site``, which every current browser sends, must not speak of another site;
- ``Origin``, or else ``Referer``, must name this host, or an origin that is trusted;
- a token must come along that only the application's own pages can know: a secret of the session,
  in a form's field or a header field.

The secret is in the session, signed, so nobody can plant one (a synchronizer token). Each time it
is told it is mixed with fresh chance, so compression does not betray it. Requests that carry a
bearer token are exempt: no browser adds one by itself.

A request that offers to change the protocol, as pages do for a WebSocket, changes nothing yet and
cannot bring a token: scripts have no say in its fields. But its connection can do anything then, in
the name of whoever the cookies belong to, and no browser asks CORS. So its origin is checked, too.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import attrs

from photon_runtime.http import Handler, HttpError, Request, Response
from photon_runtime.media_types import FORM, MULTIPART

from ..arguments import FormReader, FormSettings, form_reader
from ._checks import is_strings
from ._cors import check_origin
from ._layer import Layer
from ._paths import PathSet, is_paths
from ._session import session_of

KEY = "_csrf"
_SIZE = 32
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})
_FIELD_NAME = re.compile(r"[A-Za-z0-9-]+")


def _are_origins(layer: Csrf, field: attrs.Attribute[Any], value: Sequence[str]) -> None:
    is_strings(layer, field, value)
    for origin in value:
        check_origin(origin)


def _is_field_name(layer: Csrf, field: object, value: str) -> None:
    if not _FIELD_NAME.fullmatch(value):
        raise ValueError(f"not the name of a header field: {value!r}")


@attrs.define(kw_only=True, eq=False)
class Csrf(Layer):
    """Refuses with 403 what does not come from the application's own pages.

    It lies inside of `Sessions`. Pages put `csrf_token` into their forms, or into a ``meta``
    element for their scripts. A form is read whole to find the token; for large uploads send it
    in the header field. Of offers to change the protocol the origin alone is checked.

    Attributes:
        header: The header field that may bring the token.
        field: The field of a form that may bring it.
        trusted_origins: Other origins whose pages may do what this application's may.
        exempt_paths: Paths that are not protected, for callers that are no browsers.
        exempt_operations: Operations that are not, by their ids.

    Raises:
        ValueError: An option cannot be meant; says why.
    """

    header: str = attrs.field(default="X-CSRF-Token", validator=_is_field_name)
    field: str = "csrf_token"
    trusted_origins: Sequence[str] = attrs.field(default=(), validator=_are_origins)
    exempt_paths: Sequence[str] = attrs.field(default=(), validator=is_paths)
    exempt_operations: Sequence[str] = attrs.field(default=(), validator=is_strings)
    _raw_header: bytes = attrs.field(init=False, repr=False)
    _read: FormReader = attrs.field(init=False, repr=False)
    _exempt: PathSet = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Prepare what requests are compared with."""
        self._raw_header = self.header.lower().encode("latin-1", "replace")
        self._exempt = PathSet(self.exempt_paths)
        self._read = form_reader((), {self.field}, FormSettings())

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Let pass what can change nothing, is exempt, or proves where it comes from."""
        if request.method not in _SAFE:
            if not self._is_exempt(request):
                self._check_origin(request)
                self._check_token(request)
        elif request.raw_header(b"upgrade") is not None and not self._is_exempt(request):
            self._check_origin(request)
        return call_next(request)

    def _is_exempt(self, request: Request) -> bool:
        if request.raw_path in self._exempt:
            return True
        authorization = request.raw_header(b"authorization")
        if authorization is not None and authorization[:7].lower() == b"bearer ":
            return True
        route = request.route
        return route is not None and route.operation_id in self.exempt_operations

    def _check_origin(self, request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is None:
            origin = _origin_of(request.headers.get("referer"))
        if origin in self.trusted_origins:
            return
        site = request.headers.get("sec-fetch-site")
        if site is not None and site not in ("same-origin", "none"):
            raise _refusal("the request comes from another site")
        if origin is not None and origin != f"{request.scheme}://{request.host}".lower():
            raise _refusal("the request comes from another origin")

    def _check_token(self, request: Request) -> None:
        known = session_of(request).get(KEY)
        if not isinstance(known, str):
            raise _refusal("there is no session that a token could belong to")
        sent = request.raw_header(self._raw_header)
        text = (
            _form_value(request, self._read, self.field) if sent is None else sent.decode("latin-1")
        )
        if text is None:
            raise _refusal(f"the token is missing: send {self.header}, or {self.field} in a form")
        if not _fits(text, known):
            raise _refusal("the token does not belong to this session")


def csrf_token(request: Request) -> str:
    """Return a token for the pages of this request's session; each call gives another one.

    Raises:
        RuntimeError: The application has no `Sessions`.
    """
    session = session_of(request)
    known = session.get(KEY)
    if not isinstance(known, str):
        known = session[KEY] = secrets.token_urlsafe(_SIZE)
    secret = _bytes(known)
    pad = secrets.token_bytes(len(secret))
    return base64.urlsafe_b64encode(pad + _mixed(pad, secret)).decode("ascii")


def _fits(token: str, known: str) -> bool:
    """Say whether a token is the session's secret, mixed with something."""
    secret = _bytes(known)
    try:
        data = base64.b64decode(token.encode("ascii", "replace"), altchars=b"-_", validate=True)
    except binascii.Error:
        return False
    if not secret or len(data) != 2 * len(secret):
        return False
    return hmac.compare_digest(_mixed(data[: len(secret)], data[len(secret) :]), secret)


def _bytes(known: str) -> bytes:
    return known.encode("utf-8")


def _mixed(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _origin_of(referer: str | None) -> str | None:
    if referer is None:
        return None
    try:
        parts = urlsplit(referer)
    except ValueError:
        return "null"
    return f"{parts.scheme}://{parts.netloc}".lower()


def _form_value(request: Request, read: FormReader, name: str) -> str | None:
    """Return a field of the form that a request brings, ``None`` where there is none.

    Blocks: the calling task, until the body has come.
    """
    kind = (request.raw_header(b"content-type") or b"").partition(b";")[0].strip().lower()
    if kind.decode("latin-1") not in (FORM, MULTIPART) or not request.body:
        return None  # from now on the request has its body, for the handler to read again
    parts = read(request).fields.get(name)
    return parts[0].text if parts else None


def _refusal(detail: str) -> HttpError:
    return HttpError(403, detail)
