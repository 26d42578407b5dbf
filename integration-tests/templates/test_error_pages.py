"""Errors are pages where the client wants a page, and problem documents elsewhere."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from photon import Form, Html, HttpError, Photon, Response
from photon.testing import Client
from photon_router.errors import ValidationError
from photon_runtime.http import problem_response
from photon_runtime.settings import load_settings
from photon_templates import TemplatesPart, render_template

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PAGES = {
    "layout.html": "<title>{{ title }}</title>{% block main %}{% endblock %}",
    "errors/404.html": "{% extends 'layout.html' %}{% block main %}Lost: {{ detail }}"
    " {{ request.path }}{% endblock %}",
    "errors/error.html": "{{ status }} {{ title }} {{ detail }}{% for error in errors %}"
    " [{{ error.name or error.pointer }} {{ error.message }}]{% endfor %}",
}
SETTINGS = f"""
[middleware.sessions]
secret = "{"s" * 32}"
secure = false
[middleware.csrf]
exempt_paths = ["/number"]
[middleware.rate_limit]
requests = 5
window = 60
"""


def application(
    tmp_path: Path, pages: Mapping[str, str] = PAGES, settings: str = "", **options: object
) -> Photon:
    (tmp_path / "photon.toml").write_text(settings)
    (tmp_path / "templates").mkdir(exist_ok=True)
    for name, text in pages.items():
        (tmp_path / "templates" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "templates" / name).write_text(text)
    app = Photon(validate_responses=False)
    app.use_settings(load_settings(tmp_path, environment="production"))
    app.add(TemplatesPart())

    @app.get("/fails")
    def fails() -> str:
        raise RuntimeError("secret")

    @app.get("/teapot")
    def teapot() -> str:
        raise HttpError(418, "<short & stout>", headers={"x-pot": "tea"})

    @app.post("/number")
    def number(number: Form[int]) -> str:
        return str(number)

    @app.get("/own-page")
    def own_page() -> Html:
        return render_template("errors/404.html", status=404, title="t", detail="own")

    return app


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(application(tmp_path), raise_errors=False, development=False) as client:
        yield client


def test_a_browser_gets_the_page_of_the_status(client: Client) -> None:
    response = client.get("/<script>", headers=HTML)
    assert response.status_code == 404
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text == (
        "<title>Not Found</title>Lost: no route matches /&lt;script&gt; /&lt;script&gt;"
    )


def test_a_program_gets_the_problem_document(client: Client) -> None:
    for accept in (
        "application/json",
        "*/*",
        "image/avif,*/*",
        "application/json, text/html;q=0.5",
    ):
        response = client.get("/lost", headers={"accept": accept})
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["status"] == 404


@pytest.mark.parametrize("headers", [HTML, {"accept": "application/json"}])
def test_caches_learn_what_the_response_depends_on(client: Client, headers: dict[str, str]) -> None:
    assert client.get("/lost", headers=headers).headers["vary"] == "Accept, HX-Request"


def test_htmx_gets_a_page(client: Client) -> None:
    response = client.get("/lost", headers={"accept": "*/*", "hx-request": "true"})
    assert response.text.startswith("<title>")


def test_a_head_request_gets_the_fields_of_the_page(client: Client) -> None:
    response = client.head("/lost", headers=HTML)
    assert (response.status_code, response.text) == (404, "")
    assert response.headers["content-type"] == "text/html; charset=utf-8"


def test_other_statuses_have_the_common_page_and_keep_their_fields(client: Client) -> None:
    response = client.get("/teapot", headers=HTML)
    assert (response.status_code, response.headers["x-pot"]) == (418, "tea")
    assert response.text == "418 I&#39;m a Teapot &lt;short &amp; stout&gt;"
    response = client.delete("/teapot", headers=HTML)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert response.text.startswith("405 Method Not Allowed method DELETE")


def test_an_invalid_form_has_a_page_with_its_errors(client: Client) -> None:
    response = client.post("/number", data={"number": "x"}, headers=HTML)
    assert response.status_code == 422
    assert response.text.endswith("1 error [number expected an integer]")


def test_an_unexpected_error_has_a_page_without_its_details(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.get("/fails", headers=HTML)
    assert (response.status_code, response.text) == (500, "500 Internal Server Error ")
    assert "RuntimeError: secret" in caplog.text


def test_in_development_the_page_of_an_unexpected_error_is_left_to_the_server(
    tmp_path: Path,
) -> None:
    with Client(application(tmp_path), raise_errors=False, development=True) as client:
        response = client.get("/fails", headers=HTML)
        assert response.headers["content-type"] == "application/problem+json"
        assert client.get("/lost", headers=HTML).text.startswith("<title>")


def test_refusals_of_middleware_have_pages(tmp_path: Path) -> None:
    app = application(tmp_path, settings=SETTINGS)

    @app.post("/protected")
    def protected() -> str:
        return "done"

    with Client(app, development=False) as client:
        response = client.post("/protected", headers=HTML)
        assert (response.status_code, response.text[:13]) == (403, "403 Forbidden")
        responses = [client.get("/lost", headers=HTML) for _ in range(5)]
        assert responses[0].status_code == 404
        assert responses[-1].status_code == 429
        assert responses[-1].text.startswith("429 Too Many Requests")
        assert "retry-after" in responses[-1].headers


def test_documents_of_error_handlers_are_pages_and_other_responses_are_kept(
    tmp_path: Path,
) -> None:
    app = application(tmp_path)
    shared = problem_response(HttpError(409, "conflict"))

    @app.error_handler(RuntimeError)
    def conflict(request: object, error: BaseException) -> Response:
        return shared

    @app.error_handler(ValidationError)
    def invalid(request: object, error: BaseException) -> Response:
        return Response(400, body="own")

    with Client(app, development=False) as client:
        assert client.get("/fails", headers=HTML).text == "409 Conflict conflict"
        assert client.get("/fails").json()["status"] == 409
        assert shared.headers == []
        assert client.post("/number", headers=HTML).text == "own"
        assert "own" in client.get("/own-page").text


def test_a_project_without_pages_has_a_plain_one(tmp_path: Path) -> None:
    with Client(application(tmp_path, {}), development=False) as client:
        response = client.get("/<b>", headers=HTML)
        assert response.status_code == 404
        assert "<h1>Not Found</h1>" in response.text
        assert "no route matches /&lt;b&gt;" in response.text


def test_a_page_that_fails_is_logged_and_the_next_one_is_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pages = {"errors/404.html": "{{ missing.name }}", "errors/error.html": "common {{ status }}"}
    with Client(application(tmp_path, pages), development=False) as client:
        assert client.get("/lost", headers=HTML).text == "common 404"
    assert "the error page errors/404.html cannot be rendered" in caplog.text
    caplog.clear()
    pages["errors/error.html"] = "{{ missing.name }}"
    with Client(application(tmp_path, pages), development=False) as client:
        assert "<h1>Not Found</h1>" in client.get("/lost", headers=HTML).text
    pages["photon/error.html"] = "{{ missing.name }}"
    with Client(application(tmp_path, pages), development=False) as client:
        response = client.get("/lost", headers=HTML)
        assert (response.status_code, response.json()["status"]) == (404, 404)
        assert response.headers["vary"] == "Accept, HX-Request"
    assert len([each for each in caplog.records if each.levelno == logging.ERROR]) == 2 + 3


def test_pages_of_errors_can_be_disabled(tmp_path: Path) -> None:
    app = application(tmp_path, settings="[templates]\nerror_pages = false\n")
    with Client(app, development=False) as client:
        response = client.get("/lost", headers=HTML)
        assert response.headers["content-type"] == "application/problem+json"
        assert "vary" not in response.headers
