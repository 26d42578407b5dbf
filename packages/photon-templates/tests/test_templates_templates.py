from pathlib import Path

import jinja2
import pytest

from photon_runtime.http import Html
from photon_templates import EnvironmentOptions, Templates


def folder_of(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name}.html").write_text(text)
    return tmp_path


def test_a_script_renders_without_an_application(tmp_path: Path) -> None:
    templates = Templates(folder_of(tmp_path, hello="Hello, {{ name }}!"))

    assert templates.render("hello.html", name="Ada") == "Hello, Ada!"
    assert templates.render("hello.html", {"name": "Ada"}) == "Hello, Ada!"
    assert templates.render("hello.html", {"name": "Ada"}, name="Bob") == "Hello, Bob!"


def test_a_missing_value_is_an_error_by_default() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'name' is undefined"):
        Templates().render_string("{{ name }}")


def test_filters_are_called_at_each_render() -> None:
    count = iter(range(10))
    options = EnvironmentOptions(filters={"numbered": lambda text: f"{text}{next(count)}"})
    templates = Templates(options=options)

    assert templates.render_string("{{ 'a'|numbered }}{{ 'b'|numbered }}") == "a0b1"


def test_a_page_is_inserted_into_another_one_as_it_is() -> None:
    text = Html("<b>", content_type="text/plain")

    assert Templates().render_string("{{ a }}{{ b }}", a=Html("<b>"), b=text) == "<b>&lt;b&gt;"
