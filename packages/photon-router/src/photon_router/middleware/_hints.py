"""Settings of middleware that the document shows to be mistakes, named when the application starts.

A hint is logged as a warning and does not prevent the start: each of these settings may be
intended, by an application whose other clients are not browsers, for example. What can never work
is refused where it is set, or by `Layer.bind`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from photon_openapi.document import Document, Operation
from photon_runtime.http import ServerSettings
from photon_runtime.media_types import FORM, MULTIPART, TEXT, essence
from photon_runtime.settings import Settings

from ..handlers import Middleware
from ._chain import ChainEntry
from ._cors import EXTENSION, Cors
from ._csrf import Csrf
from ._hosts import TrustedHosts, name_of_host
from ._https import HttpsRedirect
from ._layer import Layer
from ._sessions import Sessions

_log = logging.getLogger("photon.middleware")

# Fetch standard, section 2.2.2.
_SAFE_HEADERS: Final = frozenset({"accept", "accept-language", "content-language", "range"})
_SAFE_TYPES: Final = frozenset({FORM, MULTIPART, TEXT})
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
_UNCHANGING: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})
_MAX_NAMES: Final = 3


def middleware_hints(
    middleware: Sequence[Middleware], document: Document, settings: Settings | None = None
) -> list[str]:
    """Return the hints for the middleware of an application.

    Args:
        middleware: The middleware, the outermost first.
        document: The document of the application.
        settings: The settings of the server; ``None`` if they are unknown.
    """
    operations = list(document.operations())
    hints: list[str] = []
    for index, each in enumerate(middleware):
        if isinstance(each, Cors):
            hints += (f"Cors: {text}" for text in _of_cors(each, operations, document))
        elif isinstance(each, Csrf):
            hints += (f"Csrf: {text}" for text in _of_csrf(middleware[:index], operations))
        elif isinstance(each, TrustedHosts):
            hints += (f"TrustedHosts: {text}" for text in _of_hosts(each, document))
        elif isinstance(each, HttpsRedirect) and settings is not None:
            hints += (f"HttpsRedirect: {text}" for text in _of_https(settings))
    return hints


def log_hints(
    entries: Sequence[ChainEntry],
    document: Document,
    settings: Settings | None = None,
    *,
    inner: Iterable[Middleware] = (),
) -> None:
    """Log the hints for a chain of middleware, and for the ``inner`` middleware of routers."""
    hints = middleware_hints([entry.middleware for entry in entries], document, settings)
    if any(isinstance(each, Cors) for each in inner):
        hints.append(
            "Cors: it is middleware of a router, which does not get preflights: add it to the "
            "application"
        )
    for hint in hints:
        _log.warning("%s", hint)


# -- CORS --------------------------------------------------------------------------------------


def _of_cors(cors: Cors, operations: Sequence[Operation], document: Document) -> Iterator[str]:
    if not cors.allow_origins and cors.allow_origin_regex is None:
        if not any(isinstance(each.data.get(EXTENSION), dict) for each in operations):
            yield "no origin is allowed, so it has no effect: name the origins in allow_origins"
        return
    # An operation with a rule of its own in the document states what it needs.
    own = [each for each in operations if EXTENSION not in each.data]
    yield from _methods(cors, own)
    yield from _headers(cors, own, document)
    schemes = list(_schemes(own, document))
    if not cors.allow_credentials and _only_cookies(schemes):
        yield (
            "pages of other origins cannot send the cookie that the operations require: set "
            "allow_credentials"
        )


def _methods(cors: Cors, operations: Sequence[Operation]) -> Iterator[str]:
    allowed = {*cors.allow_methods, *_SAFE_METHODS}
    if "*" in allowed:
        return
    refused = [each for each in operations if each.method.upper() not in allowed]
    if refused:
        methods = ", ".join(sorted({each.method.upper() for each in refused}))
        yield (
            f"allow_methods lacks {methods}, so pages cannot use {_names(refused)}: add it, or "
            f"exclude these operations by {EXTENSION}: false"
        )


def _headers(cors: Cors, operations: Sequence[Operation], document: Document) -> Iterator[str]:
    allowed = {name.lower() for name in cors.allow_headers} | _SAFE_HEADERS
    if "content-type" not in allowed and "*" not in allowed:
        refused = [each for each in operations if _needs_content_type(each)]
        if refused:
            yield (
                "allow_headers lacks Content-Type, so pages cannot send the body of "
                f"{_names(refused)}: add it, since only forms and plain text are sent without it"
            )
    needed: dict[str, list[Operation]] = {}
    for each in operations:
        for name in _required_headers(each, document):
            if name.lower() not in allowed and ("*" not in allowed or name == "Authorization"):
                needed.setdefault(name, []).append(each)
    for name, refused in needed.items():
        yield (
            f"allow_headers lacks {name}, which {_names(refused)} needs, so pages cannot send it: "
            "add it"
        )


def _needs_content_type(operation: Operation) -> bool:
    """Return whether a body of an operation has a media type that pages may not send freely."""
    content = (operation.body or {}).get("content") or {}
    return any(essence(media) not in _SAFE_TYPES for media in content)


def _required_headers(operation: Operation, document: Document) -> Iterator[str]:
    for parameter in operation.parameters:
        if parameter.get("in") == "header" and parameter.get("required"):
            yield parameter["name"]
    options = _security(operation, document)
    if options and all(options):  # an empty option needs no credentials
        fields = [[_field(scheme) for scheme in option] for option in options]
        for names in fields[:1] if len(fields) == 1 else ():
            yield from filter(None, names)


def _security(operation: Operation, document: Document) -> list[list[dict[str, Any]]]:
    """Return the schemes of each option of an operation's security."""
    required = document.required_security(operation)
    schemes = (document.data.get("components") or {}).get("securitySchemes") or {}
    return [
        [document.resolve(schemes.get(name, {})) or {} for name in option] for option in required
    ]


def _field(scheme: dict[str, Any]) -> str | None:
    """Return the header field that carries the credential of a scheme."""
    if scheme.get("type") in ("http", "oauth2", "openIdConnect"):
        return "Authorization"
    return scheme.get("name") if scheme.get("in") == "header" else None


def _schemes(operations: Iterable[Operation], document: Document) -> Iterator[list[dict[str, Any]]]:
    for each in operations:
        yield from _security(each, document)


def _only_cookies(options: Sequence[Sequence[dict[str, Any]]]) -> bool:
    return bool(options) and all(
        any(scheme.get("in") == "cookie" for scheme in option) for option in options
    )


# -- others ------------------------------------------------------------------------------------


def _of_csrf(outer: Sequence[Middleware], operations: Sequence[Operation]) -> Iterator[str]:
    if any(isinstance(each, Sessions) or not isinstance(each, Layer) for each in outer):
        return
    changing = [each for each in operations if each.method.upper() not in _UNCHANGING]
    if changing:
        yield (
            f"it is outside of every session, so {_names(changing)} will fail: add Sessions before "
            "it"
        )


def _of_hosts(layer: TrustedHosts, document: Document) -> Iterator[str]:
    for server in document.data.get("servers") or ():
        url = server.get("url") if isinstance(server, dict) else None
        host = urlsplit(url).netloc if isinstance(url, str) and "{" not in url else ""
        if host and name_of_host(host) is not None and not layer.trusts(host):
            yield f"the document names the server {url}, whose host is not in `hosts`: add it"


def _of_https(settings: Settings) -> Iterator[str]:
    server = settings.read(ServerSettings)
    if server.tls_certificate is None and not server.trusted_proxies:
        yield (
            "no request will use https, so every request is redirected: set `tls_certificate`, or "
            "name the proxy that ends TLS in `trusted_proxies`, both of [server]"
        )


def _names(operations: Sequence[Operation]) -> str:
    shown = [f"{each.method.upper()} {each.path}" for each in operations[:_MAX_NAMES]]
    more = len(operations) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
