"""The page of an invalid form: each error beside its field, what was typed, and no password."""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import attrs
import pytest

from photon import Html, Param, Photon, Redirect, Submitted
from photon.testing import Client
from photon_runtime.settings import load_settings
from photon_templates import TemplatesPart, html_form, render_template

PAGE = """<!doctype html><h1>Account</h1>{% block form %}<form method="post">
{{ form.error_summary() }}{{ form.fields() }}</form>{% endblock %}"""
BY_HAND = """{% macro errors(form, name) %}{% if form.errors(name) %}
<p id="{{ name }}-error">{{ form.errors(name)[0] }}</p>{% endif %}{% endmacro %}
<input {{ form.attributes("name") }}>{{ errors(form, "name") }}
<input {{ form.attributes("age", type="number") }}>{{ errors(form, "age") }}
<input {{ form.attributes("password") }}>"""
OWN_MACROS = """{% macro field(field) %}<own>{{ field.label }}{% for error in field.errors %}
<em>{{ error }}</em>{% endfor %}<input {{ field.attributes() }}></own>{% endmacro %}
{% macro error_summary(errors, has_focus) %}<own-summary>{{ errors | length }}{% endmacro %}"""


@attrs.frozen
class Account:
    name: Annotated[str, Param(min_length=3)]
    age: Annotated[int, Param(ge=18)]
    password: Annotated[str, Param(min_length=10)]


FAULTS = {"name": "<b>", "age": "seven", "password": "hunter2"}


def application(folder: Path, **files: str) -> Photon:
    for name, text in {"page": PAGE, "hand": BY_HAND, "photon/form": "", **files}.items():
        path = folder / "templates" / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        if text:
            path.write_text(text)
    (folder / "photon.toml").write_text("")
    app = Photon()
    app.use_settings(load_settings(folder, environment="test"))
    app.add(TemplatesPart())

    @app.post("/account")
    def create(submitted: Submitted[Account]) -> Html | Redirect:
        if submitted.value is None:
            form = html_form(Account, submitted)
            return render_template("page.html", form=form, status=422, fragment="form")
        return Redirect("/")

    @app.post("/by-hand")
    def create_by_hand(submitted: Submitted[Account]) -> Html:
        return render_template("hand.html", form=html_form(None, submitted), status=422)

    return app


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(application(tmp_path)) as client:
        yield client


def test_each_error_is_beside_its_field_and_no_password_is_sent_back(client: Client) -> None:
    response = client.post("/account", data=FAULTS)
    page = response.text
    assert response.status_code == 422
    assert page.startswith("<!doctype html><h1>")
    for name, text in {
        "age": "Age: expected an integer",
        "password": "Password must have at least 10 characters",
    }.items():
        field = page[page.index(f'<label for="{name}">') :]
        field = field[: field.index("</div>\n</div>") if "</div>\n</div>" in field else None]
        assert f'id="{name}-error"' in field
        assert f"<p>{text}</p>" in field
        assert f'aria-describedby="{name}-error"' in field
    assert 'value="&lt;b&gt;"' in page
    assert 'value="seven"' in page
    assert page.count("autofocus") == 1
    assert "hunter2" not in page


def test_htmx_gets_the_form_alone(client: Client) -> None:
    response = client.post("/account", data=FAULTS, headers={"hx-request": "true"})
    assert response.status_code == 422
    assert response.text.startswith('<form method="post">')
    assert "HX-Request" in response.headers["vary"]
    boosted = {"hx-request": "true", "hx-boosted": "true"}
    assert client.post("/account", data=FAULTS, headers=boosted).text.startswith("<!doctype")


def test_a_valid_form_is_accepted(client: Client) -> None:
    data = {"name": "Ada", "age": "18", "password": "correct horse"}
    assert client.post("/account", data=data).status_code == 303


def test_a_form_by_hand_shows_its_errors(client: Client) -> None:
    page = client.post("/by-hand", data={**FAULTS, "name": ""}).text
    assert 'aria-describedby="name-error" autofocus>' in page
    assert '<p id="name-error">Name is required</p>' in page
    assert 'name="age" type="text" value="seven"' in page
    assert "hunter2" not in page


def test_a_project_replaces_the_markup(tmp_path: Path) -> None:
    with Client(application(tmp_path, **{"photon/form": OWN_MACROS})) as client:
        page = client.post("/account", data=FAULTS).text
    assert "<own-summary>2" in page
    assert "<own>Age\n<em>Age: expected an integer</em><input" in page
    assert "form-field" not in page


GERMAN = """[photon.form]
required = "Bitte {label} angeben."
min_characters = "{label}: mindestens {count} Zeichen."
errors = {one = "Ein Fehler:", other = "{count} Fehler:"}
"""


def test_messages_are_in_the_language_of_the_reader(tmp_path: Path) -> None:
    (tmp_path / "locales").mkdir()
    (tmp_path / "locales" / "en.toml").write_text("")
    (tmp_path / "locales" / "de.toml").write_text(GERMAN)
    with Client(application(tmp_path)) as client:
        german = client.post("/account", data=FAULTS, headers={"accept-language": "de"})
        english = client.post("/account", data={**FAULTS, "name": ""})
    assert "<p>Password: mindestens 10 Zeichen.</p>" in german.text
    assert "<p>Age: expected an integer</p>" in german.text
    assert "<p>2 Fehler:</p>" in german.text
    assert german.headers["content-language"] == "de"
    assert "<p>Name is required</p>" in english.text
    assert "<p>There are 3 errors:</p>" in english.text


@attrs.frozen
class Everything:
    required: str
    at_least: Annotated[int, Param(ge=5)]
    more_than: Annotated[int, Param(gt=5)]
    at_most: Annotated[int, Param(le=5)]
    less_than: Annotated[int, Param(lt=5)]
    multiple_of: Annotated[int, Param(multiple_of=5)]
    min_characters: Annotated[str, Param(min_length=5)]
    max_characters: Annotated[str, Param(max_length=1)]
    min_items: Annotated[list[str], Param(min_length=5)]
    max_items: Annotated[list[str], Param(max_length=1)]
    pattern: Annotated[str, Param(pattern="^x$")]
    integer: int
    number: float
    decimal: Decimal
    date: datetime.date
    moment: datetime.datetime
    time: datetime.time
    choice: Literal["a", "b"]
    flag: bool


WRONG = {
    "at_least": "1", "more_than": "1", "at_most": "9", "less_than": "9", "multiple_of": "9",
    "min_characters": "a", "max_characters": "aaa", "min_items": "a", "max_items": ["a", "b"],
    "pattern": "a", "integer": "a", "number": "a", "decimal": "a", "date": "a", "moment": "a",
    "time": "a", "choice": "c", "flag": "perhaps",
}  # fmt: skip


def test_every_message_of_the_router_for_a_field_has_a_key(tmp_path: Path) -> None:
    keys = {field.name: field.name for field in attrs.fields(Everything)}
    keys |= {"decimal": "number", "flag": "choice"}
    (tmp_path / "locales").mkdir()
    texts = "".join(f'{key} = "key {key}"\n' for key in sorted(set(keys.values())))
    (tmp_path / "locales" / "en.toml").write_text(f"[photon.form]\n{texts}")
    app = application(tmp_path, page="{{ form.errors() | join(', ') }}")

    @app.post("/everything")
    def create_everything(submitted: Submitted[Everything]) -> Html:
        return render_template("page.html", form=html_form(Everything, submitted), status=422)

    with Client(app) as client:
        page = client.post("/everything", data=WRONG).text
    assert page.split(", ") == [f"key {key}" for key in keys.values()]
