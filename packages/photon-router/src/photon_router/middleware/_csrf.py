"""Protection against cross-site request forgery (CSRF).

Theory of operation. A browser sends the cookies of a site with every request to it, also if a page
of another site has caused the request. So a request that changes something must prove that a page
of this application caused it, by three conditions, all of which must hold:

- ``Sec-Fetch-Site``, which every current browser sends, must not name another site;
- ``Origin``, or otherwise ``Referer``, must name this host, or a trusted origin;
- the request must have a token that only the application's own pages can know: a secret of the
  session, in a form field or a header field.

The secret is in the session, signed, so an attacker cannot plant one (a synchronizer token). Each
token masks the secret with fresh random bytes, so that compression does not reveal it. Requests
with a bearer token are exempt: browsers do not add one by themselves.

An application with pages and an API has clients without a session. ``require_token = "forms"``
admits them: then only requests need a token that a page of another site can send at all without the
consent of this one, which are those of HTML forms (CORS-safelisted requests, Fetch standard,
section 2.2). For others, such as PUT, or POST with JSON, browsers ask first, and the first two
conditions hold for them, too.

A request to upgrade the connection, as pages send for a WebSocket, does not change anything yet and
cannot have a token: scripts do not control its fields. But its connection can then do anything with
the rights of the cookies' owner, and browsers do not apply CORS to it. So its origin is checked,
too.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import attrs

from photon_runtime.http import Handler, HttpError, Request, Response
from photon_runtime.media_types import FORM, MULTIPART, TEXT

from ..arguments import FormReader, FormSettings, form_reader
from ._checks import is_strings
from ._cors import check_origin
from ._layer import Layer
from ._paths import PathSet, is_paths
from ._session import session_of

KEY = "_csrf"
_SIZE = 32
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})
_SAFELISTED = frozenset({"", FORM, MULTIPART, TEXT})
"""The media types that browsers send to other sites without asking them."""
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
    """Refuses requests with 403 unless the application's own pages have caused them.

    It must be inside of `Sessions`. Pages put `csrf_token` into their forms, or into a ``meta``
    element for their scripts. The whole form is read to find the token; for large uploads send it
    in the header field. For a request to upgrade the connection, only the origin is checked.

    Attributes:
        header: The header field that may contain the token.
        field: The form field that may contain the token.
        trusted_origins: Other origins with the rights of this application's pages.
        exempt_paths: Paths that are not protected, for clients other than browsers.
        exempt_operations: Ids of operations that are not protected.
        require_token: ``forms`` to require a token only where an HTML form could send the request,
            for applications whose pages and API have the same host; else ``always``.

    Raises:
        ValueError: An option is invalid; the message gives the reason.
    """

    header: str = attrs.field(default="X-CSRF-Token", validator=_is_field_name)
    field: str = "csrf_token"
    trusted_origins: Sequence[str] = attrs.field(default=(), validator=_are_origins)
    exempt_paths: Sequence[str] = attrs.field(default=(), validator=is_paths)
    exempt_operations: Sequence[str] = attrs.field(default=(), validator=is_strings)
    require_token: Literal["always", "forms"] = attrs.field(
        default="always", validator=attrs.validators.in_(("always", "forms"))
    )
    _raw_header: bytes = attrs.field(init=False, repr=False)
    _read: FormReader = attrs.field(init=False, repr=False)
    _exempt: PathSet = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Prepare the header name, the exempt paths and the form reader."""
        self._raw_header = self.header.lower().encode("latin-1", "replace")
        self._exempt = PathSet(self.exempt_paths)
        self._read = form_reader((), {self.field}, FormSettings())

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Admit requests that are safe, exempt, or caused by the application's own pages."""
        if request.method not in _SAFE:
            if not self._is_exempt(request):
                self._check_origin(request)
                if self.require_token == "always" or _can_be_a_form(request):
                    self._check_token(request)
        elif request.raw_header(b"upgrade") is not None and not self._is_exempt(request):
            self._check_origin(request)
        return call_next(request)

    def csrf_token(self, request: Request) -> str:
        """Return a token; see the function `csrf_token`."""
        return csrf_token(request)

    def _is_exempt(self, request: Request) -> bool:
        if request.raw_path in self._exempt:
            return True
        authorization = request.raw_header(b"authorization")
        if authorization is not None and authorization[:7].lower() == b"bearer ":
            return True
        route = request.route
        if route is None:
            return False
        return not route.has_method or route.operation_id in self.exempt_operations

    def _check_origin(self, request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is None:
            origin = _origin_of(request.headers.get("referer"))
        if origin in self.trusted_origins:
            return
        site = request.headers.get("sec-fetch-site")
        if site is not None and site not in ("same-origin", "none"):
            raise _refusal("the request comes from another site")
        if origin == "null" and site == "same-origin":
            return  # browsers hide the origin of forms on pages with `Referrer-Policy: no-referrer`
        if origin is not None and origin != f"{request.scheme}://{request.host}".lower():
            raise _refusal("the request comes from another origin")

    def _check_token(self, request: Request) -> None:
        secret_text = session_of(request).get(KEY)
        if not isinstance(secret_text, str):
            raise _refusal("the session has no CSRF token")
        header = request.raw_header(self._raw_header)
        if header is None:
            token = _form_value(request, self._read, self.field)
        else:
            token = header.decode("latin-1")
        if token is None:
            raise _refusal(
                f"the CSRF token is missing: send {self.header}, or {self.field} in a form"
            )
        if not _is_token_of(token, secret_text):
            raise _refusal("the CSRF token belongs to another session")


def csrf_token(request: Request) -> str:
    """Return a token for the pages of this request's session; each call returns another one.

    Raises:
        RuntimeError: The application has no `Sessions`.
    """
    session = session_of(request)
    secret_text = session.get(KEY)
    if not isinstance(secret_text, str):
        secret_text = session[KEY] = secrets.token_urlsafe(_SIZE)
    secret = _bytes(secret_text)
    pad = secrets.token_bytes(len(secret))
    return base64.urlsafe_b64encode(pad + _xor(pad, secret)).decode("ascii")


def _is_token_of(token: str, secret_text: str) -> bool:
    """Return whether a token is the session's secret, masked with any pad."""
    secret = _bytes(secret_text)
    try:
        data = base64.b64decode(token.encode("ascii", "replace"), altchars=b"-_", validate=True)
    except binascii.Error:
        return False
    if not secret or len(data) != 2 * len(secret):
        return False
    return hmac.compare_digest(_xor(data[: len(secret)], data[len(secret) :]), secret)


def _bytes(secret_text: str) -> bytes:
    return secret_text.encode("utf-8")


def _xor(left: bytes, right: bytes) -> bytes:
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
    """Return a field of the form in a request's body, ``None`` if it is missing.

    Blocks: the calling task, until the body has been received.
    """
    if _media_type(request) not in (FORM, MULTIPART) or not request.body:
        return None  # the request now has its whole body, which the handler can read again
    parts = read(request).fields.get(name)
    return parts[0].text if parts else None


def _can_be_a_form(request: Request) -> bool:
    """Whether a page of another site can send such a request without the consent of this one."""
    return request.method == "POST" and _media_type(request) in _SAFELISTED


def _media_type(request: Request) -> str:
    field = (request.raw_header(b"content-type") or b"").partition(b";")[0]
    return field.strip().lower().decode("latin-1")


def _refusal(detail: str) -> HttpError:
    return HttpError(403, detail)
