"""Escaping, the sandbox, and renders that do not meet."""

import datetime
import itertools
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import jinja2
import pytest

import photon_runtime as rt
from photon_runtime.testing import in_virtual_time
from photon_templates import EnvironmentOptions, Templates, TemplatesSettings

VALUE = "{{ value }}"


def folder_of(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        *("page.html", "page.htm", "PAGE.HTML", "page.html.j2", "page.jinja", "page", "page.xml"),
        *("feed.atom", "picture.svg", "page.md", "page.unknown", "txt", "page.txt.html", "a.txt2"),
        *("page.js", "page.json", "page.css"),
    ],
)
def test_values_are_escaped_whatever_the_name(tmp_path: Path, name: str) -> None:
    templates = Templates(folder_of(tmp_path, {name: VALUE}))

    assert templates.render(name, value="<&\"'>") == "&lt;&amp;&#34;&#39;&gt;"


@pytest.mark.parametrize("name", ["a.txt", "A.TXT", "a.txt.j2", "a.txt.jinja", "a.text", "a.csv"])
def test_values_in_plain_text_are_not_escaped(tmp_path: Path, name: str) -> None:
    assert Templates(folder_of(tmp_path, {name: VALUE})).render(name, value="<") == "<"


def test_values_in_strings_are_escaped() -> None:
    templates = Templates()

    assert templates.render_string(VALUE, value="<") == "&lt;"
    assert templates.environment.from_string(VALUE).render(value="<") == "&lt;"


def test_the_defaults_of_options_and_settings_agree() -> None:
    assert tuple(TemplatesSettings().text_suffixes) == EnvironmentOptions().text_suffixes


@pytest.mark.parametrize(
    "page",
    [
        "{% include 'note.txt' %}",
        "{% include name %}",
        "{% include ['gone.html', name] %}",
        "{% extends 'note.txt' %}",
        "{% import 'note.txt' as note %}{{ note.quote(value) }}",
        "{% from name import quote %}{{ quote(value) }}",
    ],
)
def test_a_page_cannot_use_a_template_that_does_not_escape(tmp_path: Path, page: str) -> None:
    note = "{{ value }}{% macro quote(x) %}{{ x }}{% endmacro %}"
    templates = Templates(folder_of(tmp_path, {"note.txt": note, "page.html": page}))

    with pytest.raises(jinja2.TemplateRuntimeError, match=r"page.html cannot use note\.txt"):
        templates.render("page.html", name="note.txt", value="<")
    with pytest.raises(jinja2.TemplateRuntimeError, match=r"cannot use note\.txt"):
        templates.render_string(page, name="note.txt", value="<")


def test_a_text_can_use_another_text_and_a_page(tmp_path: Path) -> None:
    files = {
        "a.txt": "{% include 'b.txt' %}{% include 'c.html' %}",
        "b.txt": VALUE,
        "c.html": VALUE,
    }

    assert Templates(folder_of(tmp_path, files)).render("a.txt", value="<") == "<&lt;"


def test_the_sandbox_keeps_what_is_not_safe_from_templates() -> None:
    sandboxed = Templates(options=EnvironmentOptions(sandbox=True))

    assert sandboxed.render_string("{{ value.upper() }}", value="a") == "A"
    for attack in ("{{ ().__class__ }}", "{{ value.append(1) }}", "{{ value.__init__() }}"):
        with pytest.raises(jinja2.exceptions.SecurityError):
            sandboxed.render_string(attack, value=[])


def test_extensions_tests_and_globals_are_arguments() -> None:
    options = EnvironmentOptions(
        extensions=["jinja2.ext.do"],
        tests={"small": lambda value: value < 10},
        globals={"limit": 5},
        filters={"twice": lambda value: value * 2},
    )
    source = "{% do items.append(limit) %}{{ items|twice }}{{ 3 is small }}"

    assert Templates(options=options).render_string(source, items=[]) == "[5, 5]True"


def test_filters_with_arguments_of_jinja_get_them() -> None:
    @jinja2.pass_context
    def named(context: Any, value: str) -> str:
        return f"{value}-{context['name']}"

    @jinja2.pass_environment
    def autoescaped(environment: Any, value: str) -> str:
        return f"{value}-{type(environment).__name__}"

    @jinja2.pass_eval_context
    def escaping(context: Any, value: str) -> str:
        return f"{value}-{context.autoescape}"

    options = EnvironmentOptions(
        filters={"named": named, "autoescaped": autoescaped, "escaping": escaping}
    )
    source = "{{ 'a'|named }} {{ 'b'|autoescaped }} {{ 'c'|escaping }}"

    rendered = Templates(options=options).render_string(source, name="x")

    assert rendered == "a-x b-TemplateEnvironment c-True"


SHARED = {
    "state.html": (
        "{% set turn = cycler('odd', 'even') %}{% set seen = namespace(names=[]) %}"
        "{% set comma = joiner(',') %}{% set items = [] %}"
        "{% macro say(name) %}{{ comma() }}{{ turn.next() }}:{{ name|slow }}"
        "{% set _ = seen.names.append(name) %}{% set _ = items.append(name) %}"
        "{{ seen.names|length }}{{ items|length }}{% endmacro %}"
    ),
    "plain.html": (
        "{% macro call_it(name) %}{{ caller(name|slow) }}{% endmacro %}"
        "{% macro tag(name, values=[]) %}<{{ name|slow }}{{ values|length }}>{% endmacro %}"
    ),
    "with_context.html": "{% macro own() %}{{ name|slow }}{% endmacro %}{{ name }}",
    "box.html": "{{ current() }}|{{ name is defined }}",
    "base.html": "{% block title %}{{ name|slow }}{% endblock %}:{% block body %}{% endblock %}",
    "page.html": (
        "{% extends 'base.html' %}{% from 'state.html' import say %}"
        "{% import 'plain.html' as plain %}{% import 'with_context.html' as own with context %}"
        "{% macro local(x) %}{{ x|slow }}/{{ name }}{% endmacro %}"
        "{% block body %}{{ say(name) }} {{ say(name) }} {{ plain.tag(name) }}"
        "{% call(x) plain.call_it(name) %}{{ x }}={{ name }}{% endcall %} {{ own.own() }} "
        "{{ self.title() }} {% include 'box.html' without context %} {% include 'box.html' %} "
        "{% for each in [name, name] %}{{ loop.cycle('a', 'b') }}{{ each|slow }}{% endfor %}"
        "{{ name|slow|upper }}{{ 'same'|slow }}{% endblock %}"
    ),
}


LONG = "{% for number in numbers %}{{ number }}{% endfor %}"


@in_virtual_time
def test_other_tasks_run_while_a_long_page_is_rendered() -> None:
    templates = Templates()
    order: list[str] = []

    def render() -> None:
        text = templates.render_string(LONG, numbers=range(20_000))
        assert text == "".join(map(str, range(20_000)))
        order.append("page")

    with rt.scope() as tasks:
        tasks.spawn(render)
        tasks.spawn(lambda: order.append("other"))
    assert order == ["other", "page"]


def test_a_page_without_an_end_is_ended_by_a_deadline() -> None:
    def numbers() -> Iterator[int]:
        yield from itertools.count()

    def render() -> None:
        with rt.deadline(0.05):
            Templates().render_string(LONG, numbers=numbers())

    with pytest.raises(rt.DeadlineExceeded):
        rt.run(render)


def test_a_long_page_is_rendered_without_tasks() -> None:
    assert len(Templates().render_string(LONG, numbers=[1] * 9000)) == 9000


@pytest.mark.parametrize("reload", [False, True])
@in_virtual_time
def test_renders_that_wait_in_filters_do_not_meet(tmp_path: Path, reload: bool) -> None:
    delays = itertools.cycle([0.001, 0.007, 0.003, 0.002, 0.005])
    names: ContextVar[str] = ContextVar("name")

    def slow(value: str) -> str:
        rt.sleep(next(delays))
        return value

    options = EnvironmentOptions(
        filters={"slow": slow}, globals={"current": names.get}, reload=reload
    )
    templates = Templates(folder_of(tmp_path, SHARED), options=options)

    def render(name: str) -> str:
        names.set(name)
        return templates.render("page.html", name=name)

    every = [f"n{number}" for number in range(200)]
    tasks = [rt.spawn(render, name) for name in every]

    for name, task in zip(every, tasks, strict=True):
        assert task.result() == (
            f"{name}:odd:{name}11 ,even:{name}22 <{name}0>{name}={name} {name} {name} "
            f"{name}|False {name}|True a{name}b{name}{name.upper()}same"
        )


def test_modules_without_state_are_made_once(tmp_path: Path) -> None:
    files = {
        "plain.html": "{% set n = 3 %}\n{% macro m() %}{% endmacro %}\n",
        "state.html": "{% set c = [] %}{% macro m() %}{% endmacro %}",
        "text.html": "{% macro m() %}{% endmacro %}{{ now() }}",
        "nested.html": "{% import 'state.html' as s %}{% macro m() %}{% endmacro %}",
        "page.html": "{% for each in names %}{% import each as m %}{{ keep(m.m) }}{% endfor %}",
    }
    macros: list[Any] = []
    options = EnvironmentOptions(
        globals={"keep": macros.append, "now": datetime.datetime.now}, strict=False
    )
    templates = Templates(folder_of(tmp_path, files), options=options)
    names = ["plain.html", "state.html", "text.html", "nested.html"]
    for _ in range(2):
        templates.render("page.html", names=names)

    first, second = macros[:4], macros[4:]
    assert [one is other for one, other in zip(first, second, strict=True)] == [True, *[False] * 3]


def test_two_environments_share_nothing() -> None:
    one, two = Templates(), Templates()
    one.environment.globals["name"] = "one"
    one.environment.filters["own"] = str.upper

    with pytest.raises(jinja2.UndefinedError):
        two.render_string("{{ name }}")
    with pytest.raises(jinja2.TemplateAssertionError):
        two.render_string("{{ 'a'|own }}")


@pytest.mark.parametrize("suffix", [".html", ".svg", "txt", ".TXT"])
def test_the_settings_refuse_suffixes_whose_values_must_be_escaped(suffix: str) -> None:
    with pytest.raises(ValueError, match="suffixes"):
        TemplatesSettings(text_suffixes=[suffix])


def test_globals_of_one_template_do_not_reach_others(tmp_path: Path) -> None:
    templates = Templates(folder_of(tmp_path, {"a.html": "{{ x }}", "b.html": "{{ x }}"}))
    for _ in range(2):
        own = templates.environment.get_template("a.html", globals={"x": 1})
        assert own.render() == "1"

    with pytest.raises(jinja2.UndefinedError):
        templates.render("b.html")
