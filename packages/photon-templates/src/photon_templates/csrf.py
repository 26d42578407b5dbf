"""Tokens against cross-site request forgery in pages: ``csrf_field``, ``csrf_token`` and the like.

The middleware of the router checks the tokens; it is found when the application starts, so that a
template that needs it does not start without it. A token is new for each call, for the session of
the current request, which it begins if necessary.
"""

from __future__ import annotations

import json

import attrs
from markupsafe import Markup

from photon_runtime.errors import PhotonError
from photon_runtime.forms import CsrfProtection, session_in
from photon_runtime.http import Request
from photon_runtime.parts import Host

from ._before_stream import STREAM_STATE
from ._current import current_request, is_error_page
from ._globals import Contribution

_ENABLE = "add [middleware.csrf] and [middleware.sessions] to photon.toml"


def csrf_globals(host: Host) -> Contribution:
    """Return the functions that pages have for tokens, and their check at start."""
    tokens = _CsrfTokens(host)
    functions = {
        "csrf_field": tokens.csrf_field,
        "csrf_headers": tokens.csrf_headers,
        "csrf_token": tokens.csrf_token,
    }
    return Contribution(functions, requirements=dict.fromkeys(functions, tokens.check))


@attrs.define(eq=False, repr=False)  # a page may show one of its methods
class _CsrfTokens:
    """The tokens of one application."""

    _host: Host
    _found: CsrfProtection | None = attrs.field(default=None, init=False)

    def csrf_token(self) -> str:
        """Return a token for the session of the current request; empty if tokens are disabled.

        An error page that is shown because middleware outside of the session has refused the
        request has an empty one, too.

        Raises:
            PhotonError: The application has no middleware that checks tokens, or the calling code
                does not belong to a request.
        """
        protection = self._protection()
        if not protection.enabled:
            return ""
        request = current_request()
        if request is None:
            raise PhotonError("a CSRF token belongs to a request: this is not rendered for one")
        if is_error_page.get() and session_in(request) is None:
            return ""
        if STREAM_STATE in request.state and not _is_prepared(request):
            raise PhotonError(
                "a streamed page cannot begin a session: name the templates that have a token by "
                "constants, or call csrf_token() in a whole page first"
            )
        return protection.csrf_token(request)

    def csrf_field(self) -> Markup:
        """Return a hidden input with a token, for a form; see `csrf_token`."""
        token = self.csrf_token()
        field = Markup('<input type="hidden" name="{}" value="{}">')
        return field.format(self._protection().field, token) if token else Markup("")

    def csrf_headers(self) -> Markup:
        """Return an attribute ``hx-headers`` with a token, for requests of htmx.

        All elements inside of the element with the attribute send the token:
        ``<body {{ csrf_headers() }}>``.
        """
        token = self.csrf_token()
        if not token:
            return Markup("")
        headers = json.dumps({self._protection().header: token})
        return Markup('hx-headers="{}"').format(headers)

    def check(self) -> str | None:
        """Return what the application lacks for tokens."""
        is_missing = self._find() is None
        return f"the application does not check CSRF tokens; {_ENABLE}" if is_missing else None

    def _find(self) -> CsrfProtection | None:
        if self._found is None:
            self._found = self._host.find_middleware(CsrfProtection)  # type: ignore[type-abstract]
        return self._found

    def _protection(self) -> CsrfProtection:
        protection = self._find()
        if protection is None:
            raise PhotonError(f"the application does not check CSRF tokens: {_ENABLE}")
        return protection


def _is_prepared(request: Request) -> bool:
    prepared = request.state.get(STREAM_STATE)
    return isinstance(prepared, dict) and any(name.startswith("csrf_") for name in prepared)
