from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jinja2
import pytest

from photon_templates import Mail, Templates, TemplatesMissing, render_mail
from photon_templates._current import templates_variable
from photon_templates.mail import one_line


@contextmanager
def application(folder: Path, **files: str) -> Iterator[None]:
    """Let the code in the block belong to an application with these templates."""
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    token = templates_variable.set(Templates(folder))
    try:
        yield
    finally:
        templates_variable.reset(token)


def test_a_mail_has_subject_text_and_html(tmp_path: Path) -> None:
    files = {"hi_subject_txt": "Hi {{ name }}", "hi_txt": "I'm {{ name }}", "hi_html": "{{ name }}"}
    with application(tmp_path, **files):
        mail = render_mail("hi", {"name": "<Ada>"})

    assert mail == Mail("Hi <Ada>", "I'm <Ada>", "&lt;Ada&gt;")


def test_the_html_of_a_mail_is_optional(tmp_path: Path) -> None:
    with application(tmp_path, hi_subject_txt="Hi", hi_txt="Hello"):
        assert render_mail("hi").html is None


def test_the_text_of_a_mail_is_required(tmp_path: Path) -> None:
    with (
        application(tmp_path, hi_subject_txt="Hi", hi_html="Hello"),
        pytest.raises(jinja2.TemplateNotFound, match=r"hi\.txt"),
    ):
        render_mail("hi")


def test_a_missing_include_of_the_html_is_an_error(tmp_path: Path) -> None:
    html = "{% include 'gone.html' %}"
    with (
        application(tmp_path, hi_subject_txt="Hi", hi_txt="Hello", hi_html=html),
        pytest.raises(jinja2.TemplateNotFound, match=r"gone\.html"),
    ):
        render_mail("hi")


@pytest.mark.parametrize(
    "value",
    [
        "a\nBcc: all@example.com",
        "a\r\nBcc: all@example.com",
        "a\rBcc: all@example.com",
        "a\x00\x0b\x0cBcc: all@example.com",
        "a\x85Bcc: all@example.com",
        "a\u2028Bcc: all@example.com",
        "a\u2029 \n\n Bcc: all@example.com\n",
    ],
)
def test_a_subject_is_one_line(tmp_path: Path, value: str) -> None:
    with application(tmp_path, hi_subject_txt="{{ value }}\n", hi_txt="Hello"):
        assert render_mail("hi", value=value).subject == "a Bcc: all@example.com"


def test_a_subject_keeps_its_words() -> None:
    assert one_line("  Grüße,   ☃ \t 100 %\n") == "Grüße, ☃ 100 %"


def test_a_mail_outside_of_an_application_says_what_to_do() -> None:
    with pytest.raises(TemplatesMissing, match="add TemplatesPart"):
        render_mail("hi")
