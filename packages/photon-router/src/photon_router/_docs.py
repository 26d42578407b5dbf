"""The pages about the application: its document, and the documentation page.

The page is Swagger UI, bundled with the package: it loads nothing from other hosts, and contains no
inline script, so it works offline and with a strict content security policy.
"""

from __future__ import annotations

import html
import mimetypes
from collections.abc import Callable
from functools import cache
from importlib import resources

from photon_openapi.document import Document, OpenApi, encode_document
from photon_runtime.http import Handler, HttpError, MadePerRoot, Response

from ._own_servers import put_own_servers_first
from .dispatch import Mount
from .handlers import JSON

HTML = "text/html; charset=utf-8"
YAML = "application/yaml"
_FOLDER = resources.files(__package__) / "swagger_ui"
_ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "start.js", "favicon-32x32.png")
_CACHED = {"cache-control": "public, max-age=86400"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src *; frame-ancestors 'none'; base-uri 'none'"
)


def pages(
    docs_url: str | None, openapi_url: str | None, title: str, document: Callable[[], OpenApi]
) -> list[Mount]:
    """Return the pages, without those whose URL is ``None``.

    The document of a thousand routes takes a second to write, so the first request for it is
    answered from a thread; see `MadeOnce`.

    Args:
        docs_url: Path of the documentation page.
        openapi_url: Path of the document, without its ending.
        title: Title of the application.
        document: Returns a new copy of the document; called in a thread.
    """
    if openapi_url is None:
        return []
    as_json = MadePerRoot(lambda root: encode_document(_below(document(), root), form="json"))
    as_yaml = MadePerRoot(lambda root: encode_document(_below(document(), root), form="yaml"))
    handlers: dict[str, Handler] = {
        f"{openapi_url}.json": lambda _: Response(body=as_json(), content_type=JSON),
        f"{openapi_url}.yaml": lambda _: Response(body=as_yaml(), content_type=YAML),
    }
    if docs_url is not None:
        handlers |= _docs_pages(docs_url, title, document)
    return [Mount(template, handler) for template, handler in handlers.items()]


def _docs_pages(docs_url: str, title: str, document: Callable[[], OpenApi]) -> dict[str, Handler]:
    document_url = f"{docs_url}/openapi.json"
    headers = {"content-security-policy": _POLICY}
    page = MadePerRoot(lambda root: _page(title, root + docs_url, root + document_url))
    shown = MadePerRoot(lambda root: encode_document(_for_page(document(), root), form="json"))
    return {
        docs_url: lambda _: Response(body=page(), content_type=HTML, headers=headers),
        document_url: lambda _: Response(body=shown(), content_type=JSON),
        f"{docs_url}/{{name}}": lambda request: _asset_response(request.path_values[0]),
    }


def _asset_response(name: str) -> Response:
    if name not in _ASSETS:
        raise HttpError(404, f"the documentation has no file {name!r}")
    kind = mimetypes.guess_type(name)[0]
    return Response(body=_asset(name), content_type=kind, headers=_CACHED)


def _below(data: OpenApi, root_path: str) -> OpenApi:
    """Return the document of an application that clients see below ``root_path``."""
    return put_own_servers_first(data, root_path) if root_path else data


def _for_page(data: OpenApi, root_path: str) -> OpenApi:
    """Return ``data`` as the page shows it: with its own server first, and complete operations.

    The parameters of paths are copied into each operation, because Swagger UI does not follow
    references in a path's own parameters.
    """
    put_own_servers_first(data, root_path)
    document = Document(data, is_checked=True)
    shared = [item for item in data.get("paths", {}).values() if "parameters" in item]
    for operation in document.operations():
        operation.data["parameters"] = operation.parameters
    for item in shared:
        del item["parameters"]
    return data


@cache
def _asset(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


def _page(title: str, docs_url: str, document_url: str) -> str:
    title = html.escape(title)
    base = html.escape(docs_url, quote=True)
    url = html.escape(document_url, quote=True)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{base}/favicon-32x32.png">
<link rel="stylesheet" href="{base}/swagger-ui.css">
</head>
<body>
<div id="swagger-ui" data-document="{url}"></div>
<script src="{base}/swagger-ui-bundle.js"></script>
<script src="{base}/start.js"></script>
</body>
</html>
"""
