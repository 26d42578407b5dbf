"""What Photon uses of Jinja2 beyond its documented interface is there and works as expected."""

import inspect
from pathlib import Path

import jinja2
import pytest
from jinja2 import nodes
from jinja2.runtime import BlockReference

from photon_templates._jinja_internals import StatefulTemplate, line_of_caller, lines_of


def test_imports_get_their_module_by_the_method_that_is_replaced() -> None:
    compiled = jinja2.Environment().compile("{% import 'a' as a %}", raw=True)

    assert "_get_default_module(context)" in compiled
    parameters = list(inspect.signature(jinja2.Template._get_default_module).parameters)
    assert parameters == list(inspect.signature(StatefulTemplate._get_default_module).parameters)


def test_every_source_is_parsed_by_the_method_that_is_extended() -> None:
    parsed: list[object] = []

    class Environment(jinja2.Environment):
        def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
            parsed.append(name)
            return super()._parse(source, name, filename)

    environment = Environment()
    environment.parse("x", "one")
    environment.compile("x", "two")

    assert parsed == ["one", "two"]


def test_code_knows_its_template() -> None:
    environment = jinja2.Environment()
    lines: list[object] = []
    template = environment.from_string("\n{{ look() }}")
    template.render(look=lambda: lines.append(line_of_caller()))

    assert lines == [("<template>", 2, "")]
    assert line_of_caller() is None


def test_tracebacks_have_frames_of_templates(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("\n\n{{ x.y.z }}")
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(tmp_path))

    with pytest.raises(jinja2.UndefinedError) as caught:
        environment.from_string("{% include 'a.html' %}").render(x=1)
    with pytest.raises(ZeroDivisionError) as divided:
        environment.from_string("{{ 1 // x }}").render(x=0)

    assert list(lines_of(caught.value)) == [("<template>", 1, ""), (f"{tmp_path}/a.html", 3, "")]
    assert [line.line for line in lines_of(divided.value)] == [1]


def test_filters_of_the_context_are_not_called_by_the_compiler() -> None:
    calls: list[str] = []

    @jinja2.pass_context
    def noted(context: object, value: str) -> str:
        calls.append(value)
        return value

    environment = jinja2.Environment()
    environment.filters["noted"] = noted
    environment.compile("{{ 'a'|noted }}")

    assert calls == []


def test_blocks_are_rendered_by_reference_and_nodes_are_named_as_expected() -> None:
    assert list(inspect.signature(BlockReference).parameters) == [
        "name",
        "context",
        "stack",
        "depth",
    ]
    for node, fields in (
        (nodes.If, ("test", "body", "elif_", "else_")),
        (nodes.For, ("target", "iter", "body", "else_", "test", "recursive")),
        (nodes.Call, ("node", "args", "kwargs", "dyn_args", "dyn_kwargs")),
        (nodes.Include, ("template", "with_context", "ignore_missing")),
    ):
        assert node.fields == fields
