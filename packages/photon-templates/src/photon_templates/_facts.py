"""What can be known of a template before it is rendered: read from its syntax tree.

Theory of operation. `facts_of` looks at a tree once. Its result is stored beside the compiled code,
so that the checks at start need not parse a template that has not changed. Everything in it is a
constant of the template: names that are computed are not known, and not checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from jinja2 import nodes


class Reference(NamedTuple):
    """A tag that names other templates.

    Attributes:
        line: Its line.
        names: The names, of which one must exist.
        tag: ``include``, ``import``, ``from`` or ``extends``.
    """

    line: int
    names: tuple[str, ...]
    tag: str


class ConstantCall(NamedTuple):
    """A call of a global function whose first argument is a constant text.

    Attributes:
        line: Its line.
        function: Name of the function.
        argument: The first argument.
        keywords: Names of the keyword arguments; ``None`` if they are computed.
    """

    line: int
    function: str
    argument: str
    keywords: tuple[str, ...] | None


class Facts(NamedTuple):
    """What is known of a template.

    Attributes:
        references: Constant names of other templates.
        calls: Calls of functions with a constant text.
        filters: The filters that it uses, each with its first line.
        tests: The tests that it uses, likewise.
        blocks: The blocks that it defines.
        is_shareable: True if a module of it consists of macros and constants.
        functions: The names that it calls and does not define, each with its first line.
    """

    references: tuple[Reference, ...] = ()
    calls: tuple[ConstantCall, ...] = ()
    filters: tuple[tuple[str, int], ...] = ()
    tests: tuple[tuple[str, int], ...] = ()
    blocks: tuple[str, ...] = ()
    is_shareable: bool = False
    functions: tuple[tuple[str, int], ...] = ()

    @property
    def parents(self) -> tuple[str, ...]:
        """The constant names in ``{% extends %}``."""
        return tuple(name for each in self.references if each.tag == "extends" for name in each[1])

    def packed(self) -> tuple[Any, ...]:
        """Return the same as plain tuples, which `marshal` can store."""
        return (
            tuple(map(tuple, self.references)),
            tuple(map(tuple, self.calls)),
            *self[2:],
        )

    @classmethod
    def unpacked(cls, packed: tuple[Any, ...]) -> Facts:
        """Return the facts in the result of `packed`."""
        references, calls, *others = packed
        return cls(
            tuple(Reference(*each) for each in references),
            tuple(ConstantCall(*each) for each in calls),
            *others,
        )


def facts_of(tree: nodes.Template) -> Facts:
    """Return what is known of a template from its syntax tree."""
    return Facts(
        tuple(_references(tree)),
        tuple(_calls(tree)),
        _first_lines(tree, nodes.Filter, _guarded(tree, "filter")),
        _first_lines(tree, nodes.Test, _guarded(tree, "test")),
        tuple(block.name for block in tree.find_all(nodes.Block)),
        _is_shareable(tree),
        _functions(tree),
    )


def _references(tree: nodes.Template) -> Iterator[Reference]:
    for extends in tree.find_all(nodes.Extends):
        yield from _reference(extends, extends.template, "extends")
    for include in tree.find_all(nodes.Include):
        if not include.ignore_missing:
            yield from _reference(include, include.template, "include")
    for import_ in tree.find_all(nodes.Import):
        yield from _reference(import_, import_.template, "import")
    for from_import in tree.find_all(nodes.FromImport):
        yield from _reference(from_import, from_import.template, "from")


def _reference(node: nodes.Node, template: nodes.Expr, tag: str) -> Iterator[Reference]:
    names = _constants(template)
    if names:
        yield Reference(node.lineno, names, tag)


def _constants(node: nodes.Node) -> tuple[str, ...]:
    """Return the names of templates in an expression, none if one of them is computed."""
    items = node.items if isinstance(node, nodes.List | nodes.Tuple) else [node]
    names = [item.value for item in items if isinstance(item, nodes.Const)]
    return tuple(names) if len(names) == len(items) else ()


def _calls(tree: nodes.Template) -> Iterator[ConstantCall]:
    own = frozenset(_bound_names(tree))  # a template may use the name for something else
    for call in tree.find_all(nodes.Call):
        function, argument = call.node, next(iter(call.args), None)
        if not isinstance(function, nodes.Name) or function.name in own:
            continue
        if isinstance(argument, nodes.Const) and isinstance(argument.value, str):
            is_open = call.dyn_args is not None or call.dyn_kwargs is not None
            keywords = None if is_open else tuple(each.key for each in call.kwargs)
            yield ConstantCall(call.lineno, function.name, argument.value, keywords)


def _functions(tree: nodes.Template) -> tuple[tuple[str, int], ...]:
    own = frozenset(_bound_names(tree))
    lines: dict[str, int] = {}
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name not in own:
            lines.setdefault(call.node.name, call.lineno)
    return tuple(lines.items())


def _bound_names(tree: nodes.Template) -> Iterator[str]:
    """Yield the names that the template itself gives a meaning."""
    for name in tree.find_all(nodes.Name):
        if name.ctx != "load":
            yield name.name
    for macro in tree.find_all(nodes.Macro):
        yield macro.name
    for import_ in tree.find_all(nodes.Import):
        yield import_.target
    for from_import in tree.find_all(nodes.FromImport):
        for imported in from_import.names:
            yield imported if isinstance(imported, str) else imported[1]


def _guarded(tree: nodes.Template, kind: str) -> set[str]:
    """Return the names that the template asks for, as in ``"markdown" is filter``."""
    return {
        test.node.value
        for test in tree.find_all(nodes.Test)
        if test.name == kind and isinstance(test.node, nodes.Const)
    }


def _first_lines(
    tree: nodes.Template, kind: type[nodes.Filter] | type[nodes.Test], guarded: set[str]
) -> tuple[tuple[str, int], ...]:
    lines: dict[str, int] = {}
    for node in tree.find_all(kind):
        if node.name not in guarded:
            lines.setdefault(node.name, node.lineno)
    return tuple(lines.items())


def _is_shareable(tree: nodes.Template) -> bool:
    return all(_is_stateless(node) for node in tree.body)


def _is_stateless(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Macro):
        return True
    if isinstance(node, nodes.Assign):
        return isinstance(node.node, nodes.Const)
    if isinstance(node, nodes.Output):
        return all(isinstance(child, nodes.TemplateData) for child in node.nodes)
    return False
