"""The registration calls of other frameworks, and what to write in their place.

``app.add_middleware(...)`` is an `AttributeError` in any case; with these texts it has the remedy.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

_START: Final = "write @app.lifespan above a generator function with contextlib.contextmanager"
_MIDDLEWARE: Final = "write @app.middleware above `def middleware(request, call_next)`"
_ROUTE: Final = 'write @app.get("/path"), or @app.route("/path", method="GET")'
_ERRORS: Final = "write @app.error_handler(SomeError) above `def respond(request, error)`"

EQUIVALENTS: Final = MappingProxyType(
    {
        "add_middleware": "write app.middleware(Cors(...)), with an instance",
        "use": "write app.middleware(...) for middleware, and app.include(router) for a router",
        "add_event_handler": _START,
        "on_event": _START,
        "on_startup": _START,
        "on_shutdown": _START,
        "on_cleanup": _START,
        "cleanup_ctx": _START,
        "before_first_request": _START,
        "before_server_start": _START,
        "after_server_stop": _START,
        "before_request": _MIDDLEWARE,
        "after_request": _MIDDLEWARE,
        "teardown_request": _MIDDLEWARE,
        "teardown_appcontext": _MIDDLEWARE,
        "before_serving": _START,
        "after_serving": _START,
        "include_router": "write app.include(router, prefix=...)",
        "register_blueprint": "write app.include(router, prefix=...)",
        "blueprint": "write app.include(router, prefix=...)",
        "add_router": "write app.include(router, prefix=...)",
        "add_routes": "write app.include(router), or app.include(module)",
        "add_url_rule": _ROUTE,
        "add_route": _ROUTE,
        "add_api_route": _ROUTE,
        "api_route": _ROUTE,
        "add_websocket_route": 'write @app.websocket("/path")',
        "add_api_websocket_route": 'write @app.websocket("/path")',
        "websocket_route": 'write @app.websocket("/path")',
        "exception_handler": _ERRORS,
        "exception_handlers": _ERRORS,
        "add_exception_handler": _ERRORS,
        "errorhandler": _ERRORS,
        "register_error_handler": _ERRORS,
        "exception": _ERRORS,
        "head": "write @app.get: it responds to HEAD, too",
        "options": 'write @app.route("/path", method="OPTIONS")',
        "trace": 'write @app.route("/path", method="TRACE")',
        "dependency_overrides": "write `with app.overrides({provider: replacement})`",
        "state": "provide values by app.provide(Class, provider, scope='application')",
        "config": "settings are sections of photon.toml, read by app.read_settings(Section)",
        "add_template_filter": "write app.add(TemplatesPart(filters={...}))",
        "template_filter": "write app.add(TemplatesPart(filters={...}))",
        "template_global": "write app.add(TemplatesPart(globals={...}))",
        "context_processor": "write app.add(TemplatesPart(globals={...}))",
        "openapi": "write app.document()",
        "url_path_for": "write app.url_for(operation_id, ...)",
        "reverse": "write app.url_for(operation_id, ...)",
        "test_client": "write photon.testing.Client(app)",
    }
)
"""Names of other frameworks, with the equivalents of Photon."""


def missing(kind: str, name: str) -> AttributeError:
    """Return the error for an attribute that a router or application does not have."""
    hint = EQUIVALENTS.get(name)
    text = f"{kind!r} object has no attribute {name!r}"
    return AttributeError(text if hint is None else f"{text}: {hint}")
