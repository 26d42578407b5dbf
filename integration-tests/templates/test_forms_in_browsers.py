"""Forms in a real browser: errors beside their fields, focus, values; with scripts and without."""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import attrs
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.wait import WebDriverWait

import photon_cli
from photon import Html, Param, Photon, Redirect, Request, Response, Router, Submitted
from photon_runtime.settings import load_settings
from photon_runtime.testing import live_server
from photon_templates import HtmlForm, TemplatesPart, flash, html_form, is_htmx, render_template

pytestmark = pytest.mark.slow

SETTINGS = f"""
[middleware.sessions]
secret = "{"s" * 32}"
secure = false
[middleware.csrf]
"""
FILES = {
    "photon.toml": SETTINGS,
    "templates/base.html": '<!doctype html><html lang="en"><title>Accounts</title>'
    "<style>body{font-family:sans-serif;max-width:40rem;margin:2rem auto}"
    ".form-error{color:#b00}.form-field{margin:1rem 0}label{display:block}"
    ".form-error-summary{border:2px solid #b00;padding:.5rem 1rem}</style>"
    '{% for each in flashes() %}<p class="flash">{{ each.text }}</p>{% endfor %}'
    "{% block main %}{% endblock %}</html>",
    "templates/home.html": '{% extends "base.html" %}{% block main %}<h1>Home</h1>{% endblock %}',
    "templates/htmx.html": "<meta name='htmx-config' content='{{ config }}'>"
    '<script src="/htmx.js"></script>{% include "new.html" %}',
    "templates/new.html": '{% extends "base.html" %}{% block main %}<h1>New account</h1>'
    '{% block form %}<form method="post" action="{{ request.target }}" novalidate '
    'hx-post="/new" hx-swap="outerHTML" '
    'enctype="{{ form.enctype }}">'
    "{{ csrf_field() }}{% if summary %}{{ form.error_summary() }}{% endif %}{{ form.fields() }}"
    '<button name="save">Save</button></form>{% endblock %}{% endblock %}',
}


HTMX = Path(photon_cli.__file__).parent / "blueprints" / "new" / "html" / "static" / "htmx.min.js"
HINTS = {"password": "At least 8 characters"}
HTMX_CONFIG = """{"responseHandling": [{"code": "204", "swap": false},
{"code": "[23]..|422", "swap": true}, {"code": "[45]..", "swap": false, "error": true}]}"""


@attrs.frozen
class NewAccount:
    name: Annotated[str, Param(max_length=20)]
    age: Annotated[int, Param(ge=18)]
    email: str
    password: Annotated[str, Param(min_length=8)]
    born_on: datetime.date | None = None
    bio: str = ""
    wants_mail: bool = True


def show_form(form: HtmlForm, *, summary: bool, status: int = 200) -> Html:
    values = {"form": form, "summary": summary}
    return render_template("new.html", values, status=status, fragment="form")


router = Router()


@router.get("/home")
def home() -> Html:
    return render_template("home.html")


@router.get("/new")
def new(summary: bool = True) -> Html:
    return show_form(html_form(NewAccount, hints=HINTS), summary=summary)


@router.get("/htmx")
def with_htmx() -> Html:
    form = html_form(NewAccount, hints=HINTS)
    return render_template("htmx.html", form=form, summary=True, config=HTMX_CONFIG)


@router.get("/htmx.js")
def htmx_script() -> Response:
    return Response(body=HTMX.read_bytes(), content_type="text/javascript")


@router.post("/new")
def create(request: Request, submitted: Submitted[NewAccount], summary: bool = True) -> Response:
    account = submitted.value
    if account is not None and account.email == "taken@example.com":
        submitted.add_error("email", "is taken")
    if not submitted.is_valid:
        return show_form(html_form(NewAccount, submitted, hints=HINTS), summary=summary, status=422)
    flash("The account was created.", "success")
    if is_htmx(request):
        return Response(204, headers={"hx-redirect": "/home"})
    return Redirect("/home")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    app = Photon()
    app.use_settings(load_settings(tmp_path, environment="test"))
    app.add(TemplatesPart())
    app.include(router)
    with live_server(app) as server:
        yield server.url


def element(browser: Chrome, identifier: str) -> WebElement:
    return browser.find_element(By.ID, identifier)


def fill_in(browser: Chrome, **texts: str) -> None:
    for name, text in texts.items():
        field = element(browser, name)
        field.clear()
        field.send_keys(text)


def submit(browser: Chrome) -> None:
    """Send the form, and wait for the page that follows."""
    page = browser.find_element(By.TAG_NAME, "html")
    browser.find_element(By.NAME, "save").click()
    WebDriverWait(browser, 20).until(expected_conditions.staleness_of(page))


def described(browser: Chrome, name: str) -> list[str]:
    """Return the texts that assistive technology reads with a field."""
    ids = (element(browser, name).get_dom_attribute("aria-describedby") or "").split()
    return [element(browser, each).text for each in ids]


def check_three_errors(browser: Chrome) -> None:
    for name, text in {
        "age": "Age must be at least 18",
        "email": "Email is required",
        "password": "Password must have at least 8 characters",
    }.items():
        field = element(browser, name)
        assert field.get_dom_attribute("aria-invalid") == "true"
        assert described(browser, name)[-1] == text
        error = element(browser, f"{name}-error")
        assert error.is_displayed()
        assert 0 < field.rect["y"] - error.rect["y"] < 100
    assert described(browser, "password") == [
        "At least 8 characters",
        "Password must have at least 8 characters",
    ]
    assert element(browser, "name").get_dom_attribute("aria-invalid") is None
    assert element(browser, "name").get_property("value") == "Ada <3"
    assert element(browser, "age").get_property("value") == "7"
    assert element(browser, "bio").get_property("value") == "one\ntwo"
    assert not element(browser, "wants_mail").is_selected()
    assert element(browser, "password").get_property("value") == ""
    assert "hunter2" not in browser.page_source


def check_form(browser: Chrome, url: str) -> None:
    browser.get(f"{url}/new")
    assert element(browser, "wants_mail").is_selected()
    fill_in(browser, name="Ada <3", age="7", password="hunter2", bio="one\ntwo")
    element(browser, "wants_mail").click()
    submit(browser)

    check_three_errors(browser)
    summary = browser.switch_to.active_element
    assert summary.get_dom_attribute("role") == "alert"
    links = summary.find_elements(By.TAG_NAME, "a")
    assert [link.text for link in links] == [
        "Age must be at least 18",
        "Email is required",
        "Password must have at least 8 characters",
    ]
    links[1].click()
    assert browser.switch_to.active_element.id == element(browser, "email").id

    fill_in(browser, age="18", email="taken@example.com", password="hunter2hunter2")
    submit(browser)
    assert described(browser, "email") == ["Email is taken"]
    # An address with the fragment of the link would prevent the focus: so forms name their action.
    assert browser.switch_to.active_element.get_dom_attribute("role") == "alert"
    fill_in(browser, email="ada@example.com", password="hunter2hunter2")
    submit(browser)
    assert browser.current_url == f"{url}/home"
    assert browser.find_element(By.CLASS_NAME, "flash").text == "The account was created."
    browser.refresh()
    assert browser.find_elements(By.CLASS_NAME, "flash") == []


def test_a_form_with_three_errors_is_corrected_and_saved(browser: Chrome, url: str) -> None:
    check_form(browser, url)


def test_forms_need_no_scripts(browser_without_scripts: Chrome, url: str) -> None:
    check_form(browser_without_scripts, url)


def test_without_a_summary_the_focus_is_on_the_first_invalid_field(
    browser: Chrome, url: str
) -> None:
    browser.get(f"{url}/new?summary=false")
    fill_in(browser, name="Ada")
    submit(browser)
    assert browser.switch_to.active_element.id == element(browser, "age").id


def test_fields_have_the_names_that_readers_see(browser: Chrome, url: str) -> None:
    browser.get(f"{url}/new")
    names = {
        name: element(browser, name).accessible_name
        for name in ("name", "age", "email", "password", "born_on", "wants_mail")
    }
    assert names == {
        "name": "Name",
        "age": "Age",
        "email": "Email",
        "password": "Password",
        "born_on": "Born on",
        "wants_mail": "Wants mail",
    }


def test_a_browser_checks_what_it_can_before_it_sends(browser: Chrome, url: str) -> None:
    browser.get(f"{url}/new")
    browser.execute_script("document.forms[0].noValidate = false")
    browser.find_element(By.NAME, "save").click()
    assert browser.current_url == f"{url}/new"
    invalid = browser.find_elements(By.CSS_SELECTOR, "input:invalid, textarea:invalid")
    assert [each.get_dom_attribute("name") for each in invalid] == [
        "name",
        "age",
        "email",
        "password",
    ]


def test_htmx_replaces_the_form_alone(browser: Chrome, url: str) -> None:
    browser.get(f"{url}/htmx")
    form = browser.find_element(By.TAG_NAME, "form")
    heading = browser.find_element(By.TAG_NAME, "h1")
    fill_in(browser, name="Ada <3", age="7", password="hunter2", bio="one\ntwo")
    element(browser, "wants_mail").click()
    browser.find_element(By.NAME, "save").click()
    WebDriverWait(browser, 20).until(expected_conditions.staleness_of(form))
    check_three_errors(browser)
    assert browser.switch_to.active_element.get_dom_attribute("role") == "alert"
    assert heading.text == "New account"
    assert len(browser.find_elements(By.TAG_NAME, "h1")) == 1
    fill_in(browser, age="18", email="ada@example.com", password="hunter2hunter2")
    page = browser.find_element(By.TAG_NAME, "form")
    browser.find_element(By.NAME, "save").click()
    WebDriverWait(browser, 20).until(expected_conditions.staleness_of(page))
    assert browser.find_element(By.TAG_NAME, "h1").text == "Home"
    assert browser.find_element(By.CLASS_NAME, "flash").text == "The account was created."
