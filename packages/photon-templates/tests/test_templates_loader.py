"""Templates change in development; in production nothing is looked at for a render."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest

from photon_runtime.testing import in_hub
from photon_templates import EnvironmentOptions, Templates
from photon_templates._preload import preload

FILES = {
    "base.html": "<{% block body %}{% endblock %}{% include 'footer.html' %}>",
    "footer.html": "footer",
    "macros.html": "{% macro m() %}macro{% endmacro %}{% set own = 'own' %}",
    "through.html": "{% from 'macros.html' import m %}{% macro n() %}{{ m() }}{% endmacro %}",
    "page.html": (
        "{% extends 'base.html' %}{% import 'macros.html' as plain %}"
        "{% import 'macros.html' as full with context %}{% from 'through.html' import n %}"
        "{% block body %}{{ plain.m() }}{{ full.own }}{{ n() }}{% endblock %}"
    ),
}
WHOLE = "<macroownmacrofooter>"


def folder_of(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def developed(tmp_path: Path) -> Templates:
    templates = Templates(folder_of(tmp_path, FILES), options=EnvironmentOptions(reload=True))
    in_hub(preload)(templates, {}, None)
    assert templates.render("page.html") == WHOLE
    return templates


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("page.html", "{{ n() }}", "!", "<macroown!footer>"),
        ("base.html", "<", "[", "[macroownmacrofooter>"),
        ("footer.html", "footer", "FOOTER", "<macroownmacroFOOTER>"),
        ("macros.html", "}macro{", "}MACRO{", "<MACROownMACROfooter>"),
        ("macros.html", "'own'", "'OWN'", "<macroOWNmacrofooter>"),
        ("through.html", "{{ m() }}", "THROUGH", "<macroownTHROUGHfooter>"),
    ],
)
def test_an_edit_is_in_the_next_render(
    developed: Templates, tmp_path: Path, name: str, old: str, new: str, expected: str
) -> None:
    path = tmp_path / name
    before = path.stat()
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # an edit within one tick

    assert developed.render("page.html") == expected
    assert developed.render("page.html#body") in expected


def test_a_syntax_error_is_reported_until_it_is_mended(
    developed: Templates, tmp_path: Path
) -> None:
    (tmp_path / "footer.html").write_text("{% if %}")
    for _ in range(2):
        with pytest.raises(jinja2.TemplateSyntaxError):
            developed.render("page.html")
    (tmp_path / "footer.html").write_text("mended")

    assert developed.render("page.html") == "<macroownmacromended>"


def test_new_and_removed_files_are_noticed_in_development(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    (tmp_path / "second" / "a.html").write_text("second")
    options = EnvironmentOptions(reload=True)
    templates = Templates(tmp_path / "first", tmp_path / "second", options=options)
    assert templates.render("a.html") == "second"

    (tmp_path / "first" / "a.html").write_text("first")
    assert templates.render("a.html") == "first"
    (tmp_path / "first" / "a.html").unlink()
    assert templates.render("a.html") == "second"
    (tmp_path / "second" / "a.html").unlink()
    with pytest.raises(jinja2.TemplateNotFound):
        templates.render("a.html")


@pytest.fixture
def looked_at() -> Iterator[list[str]]:
    """The names of what is opened or looked at, by any means, while the test runs."""
    seen: list[str] = []
    is_active = True

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if is_active and event in ("open", "os.listdir", "os.scandir"):
            seen.append(f"{event} {arguments[0]}")

    sys.addaudithook(hook)
    yield seen
    is_active = False


def test_production_looks_at_no_file_for_a_render(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked_at: list[str]
) -> None:
    templates = Templates(folder_of(tmp_path, FILES))
    in_hub(preload)(templates, {}, None)
    (tmp_path / "page.html").write_text("changed")
    looked_at.clear()
    with monkeypatch.context() as patched:
        for name in ("stat", "lstat", "open", "listdir", "scandir"):
            patched.setattr(os, name, None)
        rendered = [templates.render("page.html") for _ in range(2)]
        fragment = templates.render("page.html#body")
        with pytest.raises(jinja2.TemplateNotFound):
            templates.render("gone.html")

    assert rendered == [WHOLE, WHOLE]
    assert fragment == "macroownmacro"
    assert looked_at == []


def test_a_file_of_another_encoding_is_an_error_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "bom.html").write_bytes(b"\xef\xbb\xbfhello\r\n{{ 1 }}\r\n")

    assert Templates(tmp_path).render("bom.html") == "hello\n1"
