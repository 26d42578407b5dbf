"""A fragment sees what its block sees in the page, wherever block and names come from."""

from pathlib import Path

import jinja2
import pytest

from photon_templates import BlockNotFound, Templates

FILES = {
    "macros.html": "{% macro bold(text) %}<b>{{ text }}</b>{% endmacro %}",
    "base.html": (
        "<html>{% import 'macros.html' as base_macros %}{% set site = 'Shop' %}"
        "<title>{% block title %}{{ site }}{% endblock %}</title>"
        "{% block content %}{% endblock %}{% block footer %}by {{ site }}{% endblock %}</html>"
    ),
    "list.html": (
        "{% extends 'base.html' %}{% from 'macros.html' import bold %}"
        "{% set total = namespace(sum=0) %}"
        "{% for each in items %}{% set total.sum = total.sum + each %}{% endfor %}"
        "{% macro cell(text) %}[{{ text }}]{% endmacro %}"
        "{% block title %}List, {{ super() }}{% endblock %}"
        "{% block content %}<ul>{% block rows %}"
        "{% for each in items %}{{ cell(bold(each)) }}{% endfor %}={{ total.sum }}"
        "{% endblock %}</ul>{% endblock %}"
    ),
    "narrow.html": "{% extends 'list.html' %}{% block rows %}({{ super() }}){% endblock %}",
    "chosen.html": "{% extends layout %}{% block rows %}{{ base_macros.bold(site) }}{% endblock %}",
    "maybe.html": (
        "{% if layout %}{% extends layout %}{% else %}{% set site = 'Own' %}{% endif %}"
        "<p>{% block rows %}{{ site }}{% endblock %}</p>"
    ),
    "scoped.html": (
        "{% for item in items %}{% block row scoped %}<li>{{ item }}{% endblock %}{% endfor %}"
    ),
    "self.html": "{% block one %}1{% endblock %}{% block two %}{{ self.one() }}2{% endblock %}",
    "page.html": "<div>{% include 'list.html#rows' %}</div>",
}


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return Templates(tmp_path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("list.html#rows", "[<b>1</b>][<b>2</b>]=3"),
        ("list.html#content", "<ul>[<b>1</b>][<b>2</b>]=3</ul>"),
        ("list.html#title", "List, Shop"),
        ("list.html#footer", "by Shop"),
        ("base.html#content", ""),
        ("narrow.html#rows", "([<b>1</b>][<b>2</b>]=3)"),
        ("narrow.html#content", "<ul>([<b>1</b>][<b>2</b>]=3)</ul>"),
        ("narrow.html#title", "List, Shop"),
        ("chosen.html#rows", "<b>Shop</b>"),
        ("maybe.html#rows", "Shop"),
        ("self.html#two", "12"),
        ("page.html", "<div>[<b>1</b>][<b>2</b>]=3</div>"),
    ],
)
def test_a_fragment_is_the_block_of_the_page(
    templates: Templates, name: str, expected: str
) -> None:
    assert templates.render(name, items=[1, 2], layout="base.html") == expected


def test_a_fragment_without_its_parent_sees_its_own_names(templates: Templates) -> None:
    assert templates.render("maybe.html#rows", layout=None) == "Own"
    assert templates.render("maybe.html", layout=None) == "<p>Own</p>"


def test_a_parent_can_be_a_template_object(templates: Templates) -> None:
    layout = templates.template("base.html")

    assert templates.render("chosen.html#rows", layout=layout) == "<b>Shop</b>"


def test_a_scoped_block_takes_its_variables_from_the_context(templates: Templates) -> None:
    assert templates.render("scoped.html", items=[1, 2]) == "<li>1<li>2"
    assert templates.render("scoped.html#row", item=2, items=[]) == "<li>2"


@pytest.mark.parametrize("name", ["list.html#gone", "base.html#rows", "macros.html#bold"])
def test_an_unknown_block_is_not_found(templates: Templates, name: str) -> None:
    with pytest.raises(BlockNotFound, match="has no block"):
        templates.render(name)


def test_a_fragment_does_not_render_the_rest(templates: Templates) -> None:
    # `items` is missing outside of the block only.
    assert templates.render("scoped.html#row", item=1, items=[]) == "<li>1"


def test_an_error_in_a_fragment_names_the_line_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "list.html").write_text("<ul>\n{% block rows %}\n\n{{ gone }}\n{% endblock %}")

    with pytest.raises(jinja2.UndefinedError) as caught:
        Templates(tmp_path).render("list.html#rows")

    assert caught.value.__notes__ == [f"in the template {tmp_path}/list.html:4: {{{{ gone }}}}"]


def test_values_in_a_fragment_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("{% block b %}{{ x }}{% endblock %}")
    (tmp_path / "a.txt").write_text("{% block b %}{{ x }}{% endblock %}")

    assert Templates(tmp_path).render("a.html#b", x="<") == "&lt;"
    assert Templates(tmp_path).render("a.txt#b", x="<") == "<"
