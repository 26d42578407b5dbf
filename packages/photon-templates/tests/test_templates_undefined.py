"""Missing values, and the line that an error names."""

import logging
from pathlib import Path

import jinja2
import pytest

from photon_templates import EnvironmentOptions, Templates

LENIENT = EnvironmentOptions(strict=False)
DEEP = {
    "base.html": "<html>\n{% block body %}{% endblock %}",
    "page.html": (
        "{% extends 'base.html' %}\n{% block body %}\n\n{% include 'one.html' %}{% endblock %}"
    ),
    "one.html": "\n\n\n{% include 'two.html' %}",
    "two.html": "{% import 'macros.html' as m with context %}\n\n{{ m.outer() }}",
    "macros.html": (
        "{% macro outer() %}\n\n\n{% for x in [1] %}\n  {% include 'three.html' %}{% endfor %}"
        "{% endmacro %}"
    ),
    "three.html": "a\nb\n\n<p>\n{{\n user.name }}\n</p>",
}


def folder_of(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("is_streamed", [False, True])
def test_an_error_deep_in_includes_names_file_and_line(tmp_path: Path, is_streamed: bool) -> None:
    templates = Templates(folder_of(tmp_path, DEEP))

    with pytest.raises(jinja2.UndefinedError, match="'user' is undefined") as caught:
        "".join(templates.stream("page.html")) if is_streamed else templates.render("page.html")

    assert caught.value.__notes__ == [f"in the template {tmp_path}/three.html:6: user.name }}}}"]


def test_the_traceback_leads_through_all_templates(tmp_path: Path) -> None:
    templates = Templates(folder_of(tmp_path, DEEP))

    with pytest.raises(jinja2.UndefinedError) as caught:
        templates.render("page.html")

    frames = [(Path(frame.path).name, frame.lineno + 1) for frame in caught.traceback]
    lines = [each for each in frames if each[0].endswith(".html")]
    assert lines == [
        *(("page.html", 1), ("base.html", 2), ("page.html", 4), ("one.html", 4), ("two.html", 3)),
        *(("macros.html", 5), ("three.html", 6)),
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("\n{% set a %}\n{% include 'bad.html' %}\n{% endset %}", "bad.html:3: {{ gone }}"),
        ("\n{% filter upper %}\n\n{% include 'bad.html' %}{% endfilter %}", "bad.html:3"),
        ("{% call m.w() %}\n\n{% include 'bad.html' %}{% endcall %}", "bad.html:3"),
        ("{% call m.w() %}\n\n{{ gone }}{% endcall %}", "page.html:3: {{ gone }}{% endcall %}"),
        ("\n\n{{ m.bad(1) }}", "macros.html:4: {{ x.y.z }}{% endmacro %}"),
        ("\n\n{% if gone.x %}{% endif %}", "page.html:3: {% if gone.x %}{% endif %}"),
        ("\n\n{% if false %}\n{% elif gone.x %}{% endif %}", "page.html:4: {% elif gone.x %}"),
        ("\n\n{% for x in gone %}{% endfor %}", "page.html:3: {% for x in gone %}"),
        ("{% for x in [1] %}\n\n{{ x }}\n{{ gone }}\n{% endfor %}", "page.html:4: {{ gone }}"),
        ("\n\n{% set x = gone.y %}", "page.html:3: {% set x = gone.y %}"),
        ("\n\n{% with x = gone.y %}{% endwith %}", "page.html:3: {% with x = gone.y %}"),
        ("\n{% if 1 %}\n\n{% with x = gone.y %}{% endwith %}{% endif %}", "page.html:4: {% with"),
        ("\n\n{{ 'a'|replace(gone.x, 'b') }}", "page.html:3: {{ 'a'|replace"),
        ("\n{% include gone %}", "page.html:2: {% include gone %}"),
        ("\n\n{% include 'no' ~ 'pe.html' %}", "page.html:3: {% include 'no'"),
        ("\n\n{% extends gone %}", "page.html:3: {% extends gone %}"),
        ("\n{% from 'macros.html' import nope %}\n\n{{ nope() }}", "page.html:4: {{ nope() }}"),
        ("\n{% block a %}\n{{ super() }}{% endblock %}", "page.html:3: {{ super() }}"),
    ],
)
def test_the_line_is_that_of_the_statement(tmp_path: Path, source: str, expected: str) -> None:
    macros = "{% macro w() %}{{ caller() }}{% endmacro %}\n{% macro bad(x) %}\n\n{{ x.y.z }}"
    files = {"bad.html": "x\n\n{{ gone }}\n", "macros.html": macros + "{% endmacro %}"}
    page = "{% import 'macros.html' as m %}" + source
    templates = Templates(folder_of(tmp_path, {**files, "page.html": page}))

    with pytest.raises(jinja2.TemplateError) as caught:
        templates.render("page.html")

    (note,) = caught.value.__notes__
    assert note.startswith(f"in the template {tmp_path}/{expected}")


def test_the_text_of_the_line_is_the_current_one(tmp_path: Path) -> None:
    options = EnvironmentOptions(reload=True)
    templates = Templates(folder_of(tmp_path, {"a.html": "{{ one }}"}), options=options)
    notes = []
    for text in ("{{ one }}", "{{ other }}"):
        (tmp_path / "a.html").write_text(text)
        with pytest.raises(jinja2.UndefinedError) as caught:
            templates.render("a.html")
        notes += caught.value.__notes__

    assert [note.partition(":1: ")[2] for note in notes] == ["{{ one }}", "{{ other }}"]


def test_an_error_of_a_filter_names_the_line_and_stays_itself(tmp_path: Path) -> None:
    def broken(value: str) -> str:
        raise ConnectionError("the server is down")

    options = EnvironmentOptions(filters={"broken": broken})
    templates = Templates(folder_of(tmp_path, {"a.html": "\n{{ 1|broken }}"}), options=options)

    with pytest.raises(ConnectionError, match="the server is down") as caught:
        templates.render("a.html")

    assert caught.value.__notes__ == [f"in the template {tmp_path}/a.html:2: {{{{ 1|broken }}}}"]


def test_a_syntax_error_names_file_and_line(tmp_path: Path) -> None:
    files = {"a.html": "{% include 'b.html' %}", "b.html": "\n{% if x"}

    with pytest.raises(jinja2.TemplateSyntaxError, match="unexpected") as caught:
        Templates(folder_of(tmp_path, files)).render("a.html")

    assert caught.value.__notes__ == [f"in the template {tmp_path}/b.html:2: {{% if x"]


@pytest.mark.parametrize(
    "use",
    ["{{ gone }}", "{% if gone %}{% endif %}", "{% for x in gone %}{% endfor %}", "{{ gone.x }}"],
)
def test_every_use_of_a_missing_value_is_an_error_in_development(use: str) -> None:
    with pytest.raises(jinja2.UndefinedError):
        Templates().render_string(use)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("[{{ gone }}]", "[]"),
        ("{% if gone %}yes{% else %}no{% endif %}", "no"),
        ("{% for x in gone %}x{% else %}none{% endfor %}", "none"),
        ("{{ gone|length }}", "0"),
        ("{{ value.gone }}", ""),
        ("{{ value['gone'] }}", ""),
    ],
)
def test_a_missing_value_is_nothing_in_production_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str, text: str
) -> None:
    templates = Templates(folder_of(tmp_path, {"a.html": f"\n{source}"}), options=LENIENT)

    with caplog.at_level(logging.WARNING, logger="photon.templates"):
        rendered = [templates.render("a.html", value={}) for _ in range(3)]

    assert rendered == [f"\n{text}"] * 3
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"{tmp_path}/a.html:2: ")
    assert "'gone'" in caplog.messages[0]


@pytest.mark.parametrize(
    "use", ["{{ gone.x }}", "{{ gone() }}", "{{ gone + 1 }}", "{{ gone['x'] }}"]
)
def test_other_uses_of_a_missing_value_are_errors_in_production_too(use: str) -> None:
    with pytest.raises(jinja2.UndefinedError):
        Templates(options=LENIENT).render_string(use)


def test_asking_for_a_missing_value_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    source = "{{ gone is defined }}{{ gone|default('x') }}{{ value.gone is undefined }}"

    assert Templates(options=LENIENT).render_string(source, value={}) == "FalsexTrue"
    assert not caplog.messages


def test_reports_of_missing_values_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    templates = Templates(options=LENIENT)
    for number in range(1100):
        templates.render_string(f"{{{{ gone{number} }}}}")

    assert len(caplog.messages) == 1000
