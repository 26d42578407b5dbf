"""Pages have the tokens that the middleware against cross-site request forgery requires."""

import json
import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path

import pytest

from photon import Html, Photon, Router
from photon.testing import Client
from photon_router.middleware import Csrf, Sessions
from photon_runtime.errors import PhotonError
from photon_runtime.settings import load_settings
from photon_templates import TemplateErrors, TemplatesPart, render_template, stream_template

SECRET = "s" * 32
SESSIONS = f'[middleware.sessions]\nsecret = "{SECRET}"\nsecure = false\n'
CSRF = SESSIONS + "[middleware.csrf]\n"


def application(
    tmp_path: Path, page: str, settings: str = CSRF, others: Mapping[str, str] | None = None
) -> Photon:
    (tmp_path / "photon.toml").write_text(settings)
    for name, text in {"page.html": page, **(others or {})}.items():
        (tmp_path / "templates" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "templates" / name).write_text(text)
    app = Photon()
    app.use_settings(load_settings(tmp_path, environment="production"))
    app.add(TemplatesPart())

    @app.get("/page")
    def show() -> Html:
        return render_template("page.html")

    @app.get("/streamed")
    def streamed(name: str = "page.html") -> Html:
        return stream_template("outer.html", name=name)

    @app.post("/page")
    def save() -> dict[str, bool]:
        return {"saved": True}

    return app


def field_of(page: str) -> dict[str, str]:
    found = re.fullmatch(r'<input type="hidden" name="([^"]+)" value="([^"]+)">', page)
    assert found is not None, page
    return {found[1]: found[2]}


def test_a_form_with_its_field_is_accepted_and_one_without_is_not(tmp_path: Path) -> None:
    with Client(application(tmp_path, "{{ csrf_field() }}")) as client:
        page = client.get("/page")
        assert client.post("/page", data=field_of(page.text)).json() == {"saved": True}
        assert client.post("/page", data={"x": "1"}).status_code == 403
        other = client.get("/page").text
        assert field_of(other) != field_of(page.text)
        assert client.post("/page", data=field_of(other)).status_code == 200
        assert page.headers["cache-control"].startswith("private")


def test_the_field_has_the_name_of_the_settings(tmp_path: Path) -> None:
    settings = CSRF + 'field = "proof"\n'
    with Client(application(tmp_path, "{{ csrf_field() }}", settings)) as client:
        field = field_of(client.get("/page").text)
        assert list(field) == ["proof"]
        assert client.post("/page", data=field).status_code == 200


def test_htmx_and_scripts_send_the_token_as_a_header_field(tmp_path: Path) -> None:
    page = "<body {{ csrf_headers() }}>{{ csrf_token() }}"
    settings = CSRF + 'header = "X-Proof"\n'
    with Client(application(tmp_path, page, settings)) as client:
        body = client.get("/page").text
        found = re.fullmatch(r'<body hx-headers="([^"]+)">(.+)', body)
        assert found is not None
        headers = json.loads(unescape(found[1]))
        assert list(headers) == ["X-Proof"]
        assert client.post("/page", headers=headers).status_code == 200
        assert client.post("/page", headers={"X-Proof": found[2]}).status_code == 200


@pytest.mark.parametrize("function", ["csrf_field", "csrf_token", "csrf_headers"])
def test_a_page_with_a_token_does_not_start_without_the_middleware(
    tmp_path: Path, function: str
) -> None:
    app = application(tmp_path, f"<form>\n{{{{ {function}() }}}}", SESSIONS)
    with pytest.raises(TemplateErrors) as caught, Client(app):
        pass
    (error,) = caught.value.errors
    assert error.startswith(f"templates/page.html:2: {function}: the application does not check")
    assert "[middleware.csrf]" in error


def test_a_page_has_no_token_where_the_middleware_is_disabled(tmp_path: Path) -> None:
    page = "<{{ csrf_field() }}{{ csrf_headers() }}{{ csrf_token() }}>"
    with Client(application(tmp_path, page, CSRF + "enabled = false\n")) as client:
        response = client.get("/page")
        assert response.text == "<>"
        assert "set-cookie" not in response.headers
        assert client.post("/page").status_code == 200


def test_middleware_of_the_code_or_of_a_router_counts(tmp_path: Path) -> None:
    app = application(tmp_path, "{{ csrf_field() }}", settings="")
    app.middleware(Sessions(secret=SECRET, secure=False))
    router = Router(prefix="/r", middleware=[Csrf()])

    @router.post("/save")
    def save_by_router() -> None: ...

    app.include(router)
    with Client(app) as client:
        field = field_of(client.get("/page").text)
        assert client.post("/r/save", data=field).status_code == 204
        assert client.post("/r/save").status_code == 403


def test_a_streamed_page_begins_its_session_before_its_response(tmp_path: Path) -> None:
    others = {"outer.html": "{% include 'page.html' %}"}
    with Client(application(tmp_path, "{{ csrf_field() }}", CSRF, others)) as client:
        field = field_of(client.get("/streamed").text)
        assert client.post("/page", data=field).status_code == 200


def test_a_streamed_page_with_a_token_in_a_computed_include_is_an_error(tmp_path: Path) -> None:
    others = {"outer.html": "{% include name %}"}
    with (
        Client(application(tmp_path, "{{ csrf_field() }}", CSRF, others)) as client,
        pytest.raises(PhotonError, match="a streamed page cannot begin a session"),
    ):
        client.get("/streamed")


def test_the_page_of_an_error_outside_of_the_session_has_no_token(tmp_path: Path) -> None:
    others = {"errors/error.html": "<{{ csrf_field() }}> {{ status }}"}
    settings = CSRF + '[middleware.trusted_hosts]\nhosts = ["other.example"]\n'
    with Client(application(tmp_path, "", settings, others)) as client:
        response = client.get("/page", headers={"accept": "text/html"})
        assert (response.status_code, response.text) == (400, "<> 400")


def test_the_page_of_a_refusal_has_a_token(tmp_path: Path) -> None:
    others = {"errors/403.html": "{{ csrf_field() }}"}
    with Client(application(tmp_path, "", CSRF, others)) as client:
        response = client.post("/page", headers={"accept": "text/html"})
        assert response.status_code == 403
        assert client.post("/page", data=field_of(response.text)).status_code == 200


@pytest.mark.parametrize("function", ["csrf_token", "url_for", "asset", "flashes", "t"])
def test_a_function_that_a_page_does_not_call_shows_nothing_of_the_application(
    tmp_path: Path, function: str
) -> None:
    with Client(application(tmp_path, f"{{{{ {function} }}}}")) as client:
        page = client.get("/page").text
    assert len(page) < 200
    assert "photon.app" not in page
