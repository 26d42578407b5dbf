from __future__ import annotations

import attrs
import pytest

from photon import Html, Photon, Redirect, Submitted
from photon.testing import Client, read_form, submit_form

PAGE = """
<form method="get"><input name="search"></form>
<form method="POST" {action}>
<input type="hidden" name="token" value="a&amp;b">
<input name="title" value="{title}" aria-invalid="true" aria-describedby="hint error">
<p id="hint">A hint.</p><div id="error"><p>Title is <b>too</b> long</p></div>
<textarea name="body">
Line 1
Line 2</textarea>
<input type="checkbox" name="box" value="true" checked><input type="checkbox" name="other">
<input type="radio" name="size" value="s"><input type="radio" name="size" value="m" checked>
<select name="first"><option value="1">One</option><option value="2">Two</option></select>
<select name="second"><option value="1">One</option><option value="2" selected>Two</option></select>
<select name="third" multiple><option value="1">One</option></select>
<button name="button">Save</button>
</form>
"""


@attrs.frozen
class Fields:
    token: str
    title: str
    body: str
    size: str
    first: int
    second: int
    third: list[int]
    box: bool
    other: bool


def make_app(action: str = "") -> tuple[Photon, list[Submitted[Fields]]]:
    app, forms = Photon(title="Forms", version="1"), list[Submitted[Fields]]()

    @app.get("/form")
    def show() -> Html:
        return Html(PAGE.format(action=action, title="A"))

    @app.get("/plain")
    def plain() -> Html:
        return Html("<p>No form</p>")

    def accept(submitted: Submitted[Fields]) -> Redirect:
        forms.append(submitted)
        return Redirect("/form")

    app.post("/form")(accept)
    app.post("/elsewhere", operation_id="elsewhere")(accept)
    return app, forms


def test_a_form_is_sent_as_the_page_shows_it() -> None:
    app, forms = make_app()
    with Client(app) as client:
        assert submit_form(client, "/form").status_code == 303
    assert forms[0].value == Fields("a&b", "A", "Line 1\nLine 2", "m", 1, 2, [], True, False)


def test_values_replace_those_of_the_page() -> None:
    app, forms = make_app('action="elsewhere"')
    values = {"title": "B", "box": False, "other": True, "first": 2, "third": [1], "body": "x"}
    with Client(app) as client:
        assert submit_form(client, "/form", values).status_code == 303
    assert forms[0].value == Fields("a&b", "B", "x", "m", 2, 2, [1], False, True)


def test_errors_are_read_from_what_describes_a_field() -> None:
    app, _ = make_app()
    with Client(app) as client:
        form = read_form(client.get("/form"))
    assert form.errors == {"title": "A hint. Title is too long"}
    assert form.fields["third"] == []
    assert form.url == "http://testserver/form"


def test_unknown_fields_and_pages_without_a_form_are_errors() -> None:
    app, _ = make_app()
    with Client(app) as client:
        with pytest.raises(ValueError, match="does not have titel; it has token, title"):
            submit_form(client, "/form", {"titel": "x"})
        with pytest.raises(ValueError, match=r"does not have a form .*\(status 200\)"):
            submit_form(client, "/plain")
