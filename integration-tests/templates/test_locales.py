"""Pages are in the language that their reader prefers, and caches know it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from photon import Html, Photon
from photon.testing import Client
from photon_runtime.settings import load_settings
from photon_templates import (
    TemplateErrors,
    TemplatesPart,
    current_locale,
    render_template,
    stream_template,
    translate,
    use_locale,
)

SETTINGS = '[templates.locales]\nquery = "lang"\ncookie = "lang"\n'
FILES = {
    "locales/en.toml": 'hello = "Hello, {name}"\nbold_html = "<b>{name}</b>"',
    "locales/de.toml": 'hello = "Hallo, {name}"\nbold_html = "<i>{name}</i>"',
    "templates/page.html": '<html lang="{{ locale() }}">{{ t("hello", name=name) }}'
    '{{ t("bold_html", name=name) }}',
    "templates/plain.html": "plain",
    "templates/errors/404.html": '{{ t("hello", name="404") }}',
}


def application(tmp_path: Path, files: dict[str, str], settings: str = SETTINGS) -> Photon:
    for name, text in {**files, "photon.toml": settings}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    app = Photon()
    app.use_settings(load_settings(tmp_path, environment="production"))
    app.add(TemplatesPart())

    @app.get("/page")
    def page(name: str = "<Ada>") -> Html:
        return render_template("page.html", name=name)

    @app.get("/streamed")
    def streamed() -> Html:
        return stream_template("page.html", name="Ada")

    @app.get("/plain")
    def plain() -> Html:
        return render_template("plain.html")

    @app.get("/handler")
    def handler() -> str:
        with use_locale("en"):
            english = translate("hello", name="Ada")
        return f"{current_locale()} {english} {translate('hello', name='<')}"

    return app


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(application(tmp_path, FILES)) as client:
        yield client


def test_a_page_is_in_the_preferred_language(client: Client) -> None:
    response = client.get("/page", headers={"accept-language": "fr, de-CH;q=0.9"})
    assert response.text == '<html lang="de">Hallo, &lt;Ada&gt;<i>&lt;Ada&gt;</i>'
    assert response.headers["content-language"] == "de"
    assert response.headers["vary"] == "Cookie, Accept-Language"
    response = client.get("/page", headers={"accept-language": "fr"})
    assert response.headers["content-language"] == "en"


def test_the_query_precedes_the_cookie_which_precedes_the_header(client: Client) -> None:
    headers = {"accept-language": "de", "cookie": "lang=en"}
    assert client.get("/page", headers=headers).headers["content-language"] == "en"
    response = client.get("/page", params={"lang": "de"}, headers=headers)
    assert response.headers["content-language"] == "de"
    assert "vary" not in response.headers
    for unknown in ("xx", "../../etc", ""):
        response = client.get("/page", params={"lang": unknown}, headers=headers)
        assert response.headers["content-language"] == "en"


def test_a_page_without_texts_does_not_depend_on_the_language(client: Client) -> None:
    response = client.get("/plain", headers={"accept-language": "de"})
    assert "vary" not in response.headers
    assert "content-language" not in response.headers


def test_a_streamed_page_names_its_language(client: Client) -> None:
    response = client.get("/streamed", headers={"accept-language": "de"})
    assert "Hallo, Ada" in response.text
    assert response.headers["content-language"] == "de"
    assert response.headers["vary"] == "Cookie, Accept-Language"


def test_the_page_of_an_error_is_in_the_language_of_its_reader(client: Client) -> None:
    headers = {"accept-language": "de", "accept": "text/html"}
    response = client.get("/lost", headers=headers)
    assert response.text == "Hallo, 404"
    assert response.headers["content-language"] == "de"
    assert set(response.headers["vary"].split(", ")) >= {"Accept", "Accept-Language"}


def test_a_query_that_cannot_be_decoded_has_a_page(client: Client) -> None:
    headers = {"accept-language": "de", "accept": "text/html"}
    response = client.get("/lost?lang=%ff", headers=headers)
    assert (response.status_code, response.text) == (404, "Hallo, 404")


def test_handlers_use_texts_too(client: Client) -> None:
    response = client.get("/handler", headers={"accept-language": "de"})
    assert response.json() == "de Hello, Ada Hallo, <"


def test_a_template_with_an_unknown_text_does_not_start(tmp_path: Path) -> None:
    files = {**FILES, "templates/wrong.html": '\n{{ t("helo") }}{{ t("hello") }}{{ t(x) }}'}
    with pytest.raises(TemplateErrors) as caught, Client(application(tmp_path, files)):
        pass
    assert caught.value.errors == (
        "templates/wrong.html:2: t: 'hello' needs name",
        "templates/wrong.html:2: t: no catalog has the text 'helo'",
    )


def test_a_site_with_one_language_does_not_negotiate(tmp_path: Path) -> None:
    files = {name: text for name, text in FILES.items() if name != "locales/de.toml"}
    with Client(application(tmp_path, files)) as client:
        response = client.get("/page", headers={"accept-language": "de"})
        assert "Hello" in response.text
        assert "vary" not in response.headers
