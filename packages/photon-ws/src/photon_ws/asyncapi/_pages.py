"""The pages that an application with WebSockets serves about them.

They are beside those of the OpenAPI document, and are served where these are: the page at
``/docs/sockets``, the document at ``/asyncapi.json`` and ``/asyncapi.yaml``. The page is plain HTML
with one style sheet. It loads nothing from other hosts and has no script, so it works offline and
with a strict content security policy.
"""

from __future__ import annotations

from importlib import resources
from typing import Final

from photon_openapi.document import OpenApi, encode_document
from photon_runtime.http import Handler, MadePerRoot, Response
from photon_runtime.parts import Host

from ._writer import asyncapi_document

_JSON: Final = "application/vnd.aai.asyncapi+json;version=3.0.0"
_YAML: Final = "application/vnd.aai.asyncapi+yaml;version=3.0.0"
_HTML: Final = "text/html; charset=utf-8"
_CSS: Final = "text/css; charset=utf-8"
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)


def add_pages(host: Host) -> None:
    """Serve the pages where the application serves its documentation."""
    openapi_url, docs_url = host.openapi_url, host.docs_url
    if openapi_url is None:
        return
    document_url = openapi_url.rpartition("/")[0] + "/asyncapi"

    def document(root: str) -> OpenApi:
        return asyncapi_document(host.document(), root_path=root)

    as_json = MadePerRoot(lambda root: encode_document(document(root), form="json"))
    as_yaml = MadePerRoot(lambda root: encode_document(document(root), form="yaml"))
    pages: dict[str, Handler] = {
        f"{document_url}.json": lambda _: Response(body=as_json(), content_type=_JSON),
        f"{document_url}.yaml": lambda _: Response(body=as_yaml(), content_type=_YAML),
    }
    if docs_url is not None:
        css_url = f"{docs_url}/sockets.css"
        css = resources.files(__package__).joinpath("sockets.css").read_bytes()

        def write_page(root: str) -> str:
            from ._page import sockets_page  # it loads the generator of examples

            return sockets_page(
                document(root),
                css_url=root + css_url,
                document_url=root + document_url,
                docs_url=root + docs_url,
            )

        page = MadePerRoot(write_page)
        headers = {"content-security-policy": _POLICY}
        cached = {"cache-control": "public, max-age=86400"}
        pages[f"{docs_url}/sockets"] = lambda _: Response(
            body=page(), content_type=_HTML, headers=headers
        )
        pages[css_url] = lambda _: Response(body=css, content_type=_CSS, headers=cached)
    for path, handler in pages.items():
        host.page(path, handler)
