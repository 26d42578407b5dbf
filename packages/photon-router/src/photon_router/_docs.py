"""The pages about the application: its document, and the documentation page on top of it.

The page is Swagger UI, bundled with the package: nothing is loaded from elsewhere, and no script
stands in the page itself, so it works offline and under a strict content security policy.
"""

from __future__ import annotations

import html
import mimetypes
from collections.abc import Callable
from functools import cache
from importlib import resources

from photon_runtime.http import HttpError, Response

from ._document import Document, OpenApi
from ._export import encode_document
from ._operation import JSON, Route, RouteOptions
from ._signature import read_signature

_FOLDER = resources.files(__package__) / "swagger_ui"
_ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "start.js", "favicon-32x32.png")
_CACHED = {"cache-control": "public, max-age=86400"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src *; frame-ancestors 'none'; base-uri 'none'"
)
_HIDDEN = RouteOptions(include_in_schema=False)


def routes(
    docs_url: str | None, openapi_url: str | None, document: Callable[[], OpenApi]
) -> list[Route]:
    """Return the routes of the pages; those whose URL is ``None`` are left out."""
    found: list[Route] = []
    if openapi_url is None:
        return found
    as_json = cache(lambda: encode_document(document(), form="json"))
    as_yaml = cache(lambda: encode_document(document(), form="yaml"))

    def openapi_json() -> Response:
        return Response(body=as_json(), content_type=JSON)

    def openapi_yaml() -> Response:
        return Response(body=as_yaml(), content_type="application/yaml")

    found.append(_route(f"{openapi_url}.json", openapi_json))
    found.append(_route(f"{openapi_url}.yaml", openapi_yaml))
    if docs_url is not None:
        found += _docs_routes(docs_url, document)
    return found


def _docs_routes(docs_url: str, document: Callable[[], OpenApi]) -> list[Route]:
    document_url = f"{docs_url}/openapi.json"
    page = cache(lambda: _page(document(), docs_url, document_url))
    shown = cache(lambda: encode_document(_for_page(document()), form="json"))

    def docs_page() -> Response:
        return Response(
            body=page(),
            content_type="text/html; charset=utf-8",
            headers={"content-security-policy": _POLICY},
        )

    def docs_document() -> Response:
        return Response(body=shown(), content_type=JSON)

    def docs_asset(name: str) -> Response:
        if name not in _ASSETS:
            raise HttpError(404, "the documentation has no such file")
        kind = mimetypes.guess_type(name)[0]
        return Response(body=_asset(name), content_type=kind, headers=_CACHED)

    return [
        _route(docs_url, docs_page),
        _route(document_url, docs_document),
        _route(f"{docs_url}/{{name}}", docs_asset),
    ]


def _for_page(data: OpenApi) -> OpenApi:
    """Return ``data`` with the parameters of paths written out in each operation.

    Swagger UI does not follow references in a path's own parameters.
    """
    document = Document(data)
    shared = [item for item in data["paths"].values() if "parameters" in item]
    for operation in document.operations():
        operation.data["parameters"] = operation.parameters
    for item in shared:
        del item["parameters"]
    return data


def _route(path: str, function: Callable[..., Response]) -> Route:
    return Route(function, read_signature(function), "GET", path, _HIDDEN)


@cache
def _asset(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


def _page(document: OpenApi, docs_url: str, document_url: str) -> str:
    title = html.escape(str(document["info"].get("title", "API")))
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
