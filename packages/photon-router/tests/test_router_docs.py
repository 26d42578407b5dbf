import html.parser
import json
from typing import Any

import pytest
import yaml

import photon_runtime as rt
from photon_router import Application, DocumentError
from photon_runtime.testing import HandlerResponse, in_hub, make_request, send_request


def shop(**options: Any) -> Application:
    router = Application(title="Shop & <Söhne>", version="1", **options)

    @router.get("/items/{id}")
    def read(id: int, q: str | None = None) -> dict[str, int]:
        """Read an item: größer."""
        return {"id": id}

    return router


class Links(html.parser.HTMLParser):
    """Gathers what a page loads, and what it runs by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []
        self._tag = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        for name, value in attributes:
            if name in ("src", "href", "action", "data-document"):
                self.found.append(value or "")
            if name.startswith("on") or name == "style":
                self.inline.append(f"{name}={value}")

    def handle_data(self, data: str) -> None:
        if self._tag in ("script", "style") and data.strip():
            self.inline.append(data)


def page_of(router: Application, target: str) -> tuple[HandlerResponse, Links]:
    response, links = send_request(router, "GET", target), Links()
    links.feed(response.body.decode())
    return response, links


def test_the_document_is_served_as_json_and_yaml() -> None:
    router = shop()
    as_json, as_yaml = (
        send_request(router, "GET", "/openapi.json"),
        send_request(router, "GET", "/openapi.yaml"),
    )
    assert (as_json.status, as_json.content_type) == (200, "application/json")
    assert (as_yaml.status, as_yaml.content_type) == (200, "application/yaml")
    assert json.loads(as_json.body) == router.document()
    assert yaml.safe_load(as_yaml.body) == router.document()
    assert "größer".encode() in as_json.body
    assert "größer".encode() in as_yaml.body


def test_a_loaded_document_is_served_too() -> None:
    router = Application(spec=shop().document())
    router.operation("read")(lambda id, q: id)
    assert json.loads(send_request(router, "GET", "/openapi.json").body) == shop().document()


def test_the_page_shows_the_document_with_the_parameters_of_paths_written_out() -> None:
    number = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
    responses = {"200": {"description": "Fine."}}
    more = {"name": "q", "in": "query", "schema": {"type": "string"}}
    item = {
        "parameters": [{"$ref": "#/components/parameters/Id"}],
        "get": {"operationId": "one", "responses": responses, "parameters": [more]},
        "put": {"operationId": "two", "responses": responses},
    }
    spec = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {"/x/{id}": item},
        "components": {"parameters": {"Id": number}},
    }
    router = Application(spec=spec)
    router.operation("one")(lambda id, q: id)
    router.operation("two")(lambda id: id)
    _, links = page_of(router, "/docs")
    [link] = [each for each in links.found if each.endswith(".json")]
    shown = json.loads(send_request(router, "GET", link).body)["paths"]["/x/{id}"]
    assert shown["get"]["parameters"] == [number, more]
    assert shown["put"]["parameters"] == [number]
    assert "parameters" not in shown
    assert (
        json.loads(send_request(router, "GET", "/openapi.json").body) == router.document() == spec
    )


def test_the_pages_are_not_in_the_document() -> None:
    assert list(shop().document()["paths"]) == ["/items/{id}"]


def test_the_page_is_html_with_the_title_escaped() -> None:
    response, _ = page_of(shop(), "/docs")
    assert (response.status, response.content_type) == (200, "text/html; charset=utf-8")
    assert "<title>Shop &amp; &lt;Söhne&gt;</title>".encode() in response.body


def test_the_page_loads_nothing_from_another_host_and_runs_nothing_of_its_own() -> None:
    response, links = page_of(shop(), "/docs")
    assert len(links.found) == 5
    for link in links.found:
        assert link.startswith("/")
        assert not link.startswith("//")
    assert b"://" not in response.body
    assert links.inline == []
    policy = str(response.headers.get("content-security-policy"))
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    ("options", "page"),
    [
        pytest.param({}, "/docs", id="plain"),
        pytest.param({"docs_url": "/help/api"}, "/help/api", id="moved"),
        pytest.param({"openapi_url": "/meta/spec"}, "/docs", id="document moved"),
        pytest.param({"servers": ["https://example.com/v1"]}, "/docs", id="base path"),
        pytest.param({"prefix": "/shop"}, "/docs", id="prefix"),
    ],
)
def test_whatever_the_page_loads_is_served(options: dict[str, Any], page: str) -> None:
    router = shop(**options)
    _, links = page_of(router, page)
    kinds = {link: send_request(router, "GET", link).content_type for link in links.found}
    assert sorted(str(kind) for kind in kinds.values()) == [
        "application/json",
        "image/png",
        "text/css",
        "text/javascript",
        "text/javascript",
    ]
    assert all(len(send_request(router, "GET", link).body) > 50 for link in links.found)


def test_assets_are_cached_and_bundled() -> None:
    response = send_request(shop(), "GET", "/docs/swagger-ui-bundle.js")
    assert response.headers.get("cache-control") == "public, max-age=86400"
    assert len(response.body) > 100_000
    assert send_request(shop(), "HEAD", "/docs/swagger-ui.css").status == 200
    assert send_request(shop(), "POST", "/docs/swagger-ui.css").status == 405


@pytest.mark.parametrize(
    "name",
    [
        "other.js",
        "__init__.py",
        "..%2F_docs.py",
        "%2e%2e%2f_docs.py",
        "..",
        "%2Fetc%2Fpasswd",
        "swagger-ui.css%00",
        "",
    ],
)
def test_other_files_are_not_served(name: str) -> None:
    response = send_request(shop(), "GET", f"/docs/{name}")
    assert (response.status, response.content_type) == (404, "application/problem+json")


def test_pages_can_be_left_out() -> None:
    assert send_request(shop(docs_url=None), "GET", "/docs").status == 404
    assert send_request(shop(docs_url=None), "GET", "/openapi.json").status == 200
    for target in ("/docs", "/openapi.json", "/openapi.yaml", "/docs/start.js"):
        assert send_request(shop(docs_url=None, openapi_url=None), "GET", target).status == 404


def test_pages_come_from_the_application_that_was_started() -> None:
    one, other = shop(), Application(title="Other", version="2")
    with one.start() as first, other.start() as second:
        for handler, title in ((first, "Shop & <Söhne>"), (second, "Other")) * 2:
            document = json.loads(send_request(handler, "GET", "/openapi.json").body)
            assert document["info"]["title"] == title


def test_a_catch_all_of_the_application_does_not_hide_the_pages() -> None:
    router = shop()

    @router.get("/{rest:path}")
    def fallback(rest: str) -> str:
        return rest

    assert send_request(router, "GET", "/docs").body.startswith(b"<!doctype html>")
    assert send_request(router, "GET", "/docs/start.js").status == 200
    assert json.loads(send_request(router, "GET", "/docs/a/b").body) == "docs/a/b"


@pytest.mark.parametrize(
    "name", ["docs_page", "docs_asset", "docs_document", "openapi_json", "openapi_yaml"]
)
def test_a_handler_may_have_the_name_of_a_page(name: str) -> None:
    def handler() -> str:
        return "mine"

    handler.__name__ = name
    router = Application()
    router.get("/x")(handler)
    assert send_request(router, "GET", "/x").body == b'"mine"'
    assert send_request(router, "GET", "/docs").status == 200


def test_an_operation_in_the_place_of_a_page_is_refused_with_what_to_do() -> None:
    router = Application()

    @router.get("/docs")
    def handler() -> None: ...

    with pytest.raises(
        DocumentError, match=r"GET /docs has a handler already, and a page about the app"
    ):
        send_request(router, "GET", "/docs")


@pytest.mark.slow
@pytest.mark.parametrize("target", ["/openapi.json", "/openapi.yaml", "/docs/openapi.json"])
def test_others_run_while_the_document_of_many_routes_is_written(target: str) -> None:
    app = Application()
    for number in range(1000):

        def read(id: int, q: str | None = None) -> dict[str, int]:
            return {"id": id}

        read.__name__ = f"read{number}"
        app.get(f"/items{number}/{{id}}")(read)

    @in_hub
    def main() -> None:
        with app.start() as handler:
            task = rt.spawn(lambda: handler(make_request("GET", target)))
            hub, late, turns = rt.current_task().hub, 0.0, 0
            while not task.done:
                before = hub.time()
                rt.sleep(0.001)
                late, turns = max(late, hub.time() - before), turns + 1
            assert task.result().status == 200
            assert turns > 10, late

    main()
