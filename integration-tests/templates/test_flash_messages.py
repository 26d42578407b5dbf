"""A flash message is shown exactly once, whatever happens between it and the page."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from markupsafe import Markup

from photon import Html, HttpError, Photon, Redirect
from photon.testing import Client
from photon_runtime.errors import PhotonError
from photon_runtime.settings import load_settings
from photon_templates import TemplatesPart, flash, render_template, stream_template

TEMPLATES = {
    "page.html": "{% block main %}{% for message, category in flashes() %}"
    "[{{ category }}: {{ message }}]{% endfor %}{% endblock %}",
    "rows.html": "{% block rows %}rows{% endblock %}{% for each in flashes() %}{{ each.text }}"
    "{% endfor %}",
    "errors-only.html": "{% for each in flashes('error') %}[{{ each.text }}]{% endfor %}",
    "fails.html": "{{ flashes() }}{{ missing.attribute }}",
    "stream.html": "{% include 'page.html' %}",
    "errors/404.html": "not found {% for each in flashes() %}[{{ each.text }}]{% endfor %}",
    "errors/500.html": "failed {% for each in flashes() %}[{{ each.text }}]{% endfor %}",
}
SESSIONS = f'[middleware.sessions]\nsecret = "{"s" * 32}"\nsecure = false\n'
HTML = {"accept": "text/html"}


def application(tmp_path: Path, settings: str = SESSIONS) -> Photon:
    (tmp_path / "photon.toml").write_text(settings)
    for name, text in TEMPLATES.items():
        (tmp_path / "templates" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "templates" / name).write_text(text)
    app = Photon()
    app.use_settings(load_settings(tmp_path, environment="production"))
    app.add(TemplatesPart())
    return app


@pytest.fixture
def app(tmp_path: Path) -> Photon:
    app = application(tmp_path)

    @app.post("/save")
    def save(text: str = "Saved", category: str = "success") -> Redirect:
        flash(text, category)
        return Redirect("/page")

    @app.get("/save-and-show")
    def save_and_show() -> Html:
        flash("At once")
        return render_template("page.html")

    @app.get("/{name}")
    def show(name: str) -> Html:
        return render_template(f"{name}.html", fragment="rows" if name == "rows" else None)

    @app.get("/streamed")
    def streamed() -> Html:
        return stream_template("stream.html")

    @app.get("/then-fails")
    def then_fails() -> Html:
        page = render_template("page.html")
        assert "Saved" in str(page)
        raise HttpError(404, "gone")

    @app.get("/second-attempt")
    def second_attempt() -> Html:
        try:
            return render_template("fails.html")
        except Exception:
            return render_template("page.html")

    return app


@pytest.fixture
def client(app: Photon) -> Iterator[Client]:
    with Client(app, raise_errors=False, development=False) as client:
        yield client


def test_a_message_survives_the_redirect_and_is_shown_once(client: Client) -> None:
    response = client.post("/save", follow_redirects=True)
    assert response.text == "[success: Saved]"
    assert client.get("/page").text == ""


def test_several_messages_are_shown_in_order_and_escaped(client: Client) -> None:
    client.post("/save", params={"text": "<b>"})
    client.post("/save", params={"text": "two", "category": "error"})
    assert client.get("/page").text == "[success: &lt;b&gt;][error: two]"
    assert client.get("/page").text == ""


def test_a_message_for_the_same_page_is_not_kept(client: Client) -> None:
    response = client.get("/save-and-show")
    assert response.text == "[info: At once]"
    assert "set-cookie" not in response.headers
    assert client.get("/page").text == ""


def test_a_fragment_that_shows_no_messages_keeps_them(client: Client) -> None:
    client.post("/save")
    assert client.get("/rows", headers={"hx-request": "true"}).text == "rows"
    assert client.get("/page").text == "[success: Saved]"
    assert client.get("/rows").text == "rows"


def test_a_redirect_that_htmx_follows_to_a_fragment_keeps_the_message(client: Client) -> None:
    response = client.post("/save", headers={"hx-request": "true"})
    assert response.status_code == 303
    assert client.get("/rows", headers={"hx-request": "true"}).text == "rows"
    assert client.get("/rows").text == "rowsSaved"
    assert client.get("/page").text == ""


def test_a_page_may_show_one_category_and_keep_the_others(client: Client) -> None:
    client.post("/save")
    client.post("/save", params={"text": "No", "category": "error"})
    assert client.get("/errors-only").text == "[No]"
    assert client.get("/page").text == "[success: Saved]"


def test_a_head_request_and_a_prefetch_do_not_use_messages_up(client: Client) -> None:
    client.post("/save")
    client.head("/page")
    for name, value in (
        ("sec-purpose", "prefetch;prerender"),
        ("purpose", "prefetch"),
        ("x-moz", "prefetch"),
    ):
        assert client.get("/page", headers={name: value}).text == ""
    assert client.get("/page").text == "[success: Saved]"


def test_a_page_that_cannot_be_rendered_keeps_the_messages(client: Client) -> None:
    client.post("/save")
    assert client.get("/fails").status_code == 500
    assert client.get("/page").text == "[success: Saved]"
    assert client.get("/page").text == ""


def test_a_second_page_of_the_same_request_shows_what_the_first_could_not(client: Client) -> None:
    client.post("/save")
    assert client.get("/second-attempt").text == "[success: Saved]"
    assert client.get("/page").text == ""


def test_a_request_that_fails_after_its_page_was_rendered_keeps_the_messages(
    client: Client,
) -> None:
    client.post("/save")
    assert client.get("/then-fails").status_code == 404
    assert client.get("/page").text == "[success: Saved]"


def test_the_page_of_an_error_shows_the_messages_once(client: Client) -> None:
    client.post("/save")
    assert client.get("/fails", headers=HTML).text == "failed [Saved]"
    assert client.get("/page").text == ""
    client.post("/save")
    assert client.get("/then-fails", headers=HTML).text == "not found [Saved]"
    assert client.get("/page").text == ""
    client.post("/save")
    assert client.get("/a/b/c", headers=HTML).text == "not found [Saved]"
    assert client.get("/page").text == ""


def test_a_streamed_page_shows_messages_once(client: Client) -> None:
    client.post("/save")
    client.head("/streamed")
    assert client.get("/streamed").text == "[success: Saved]"
    assert client.get("/page").text == ""
    assert client.get("/streamed").text == ""


def test_two_tabs_show_a_message_once(client: Client, app: Photon) -> None:
    client.post("/save")
    # Both tabs send the cookie that has the message: the second one before the first response.
    cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}
    client.cookies.clear()
    with ThreadPoolExecutor(4) as threads:
        pages = threads.map(lambda _: client.get("/page", headers=cookie).text, range(4))
    assert sorted(pages) == ["", "", "", "[success: Saved]"]


def test_messages_are_bounded_and_what_is_dropped_is_logged(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "photon.templates"):
        client.post("/save", params={"text": "x" * 301})
    assert "of 301 characters is cut" in caplog.text
    text = client.get("/page").text
    assert len(text) == len("[success: ]") + 300
    assert text.endswith("x…]")
    with caplog.at_level(logging.WARNING, "photon.templates"):
        for number in range(100):
            response = client.post("/save", params={"text": f"message {number} ä€😀"})
            assert response.status_code == 303
            assert len(response.headers["set-cookie"]) < 2500
    assert "no page has shown is dropped: message 0" in caplog.text
    page = client.get("/page").text
    assert "message 99" in page
    assert "message 0 " not in page


def test_markup_is_markup(app: Photon, client: Client) -> None:
    @app.get("/markup")
    def markup() -> Html:
        flash(Markup("<a>{}</a>").format("<b>"))
        return render_template("page.html")

    with Client(app) as other:
        assert other.get("/markup").text == "[info: <a>&lt;b&gt;</a>]"


def test_a_category_is_a_name(app: Photon) -> None:
    with pytest.raises(ValueError, match="is a name such as success, not 'a b'"):
        flash("x", "a b")


def test_a_message_outside_of_a_request_is_refused() -> None:
    with pytest.raises(PhotonError, match="belongs to a request"):
        flash("x")


def test_without_sessions_a_message_is_refused_and_pages_show_none(tmp_path: Path) -> None:
    app = application(tmp_path, settings="")

    @app.post("/save")
    def save() -> None:
        flash("x")

    @app.get("/page")
    def show() -> Html:
        return render_template("page.html")

    with Client(app) as client:
        assert client.get("/page").text == ""
        with pytest.raises(PhotonError, match=r"add \[middleware.sessions\]"):
            client.post("/save")
