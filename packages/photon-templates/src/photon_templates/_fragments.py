"""Fragments: one block of a template, rendered without the rest of the page.

Theory of operation. A block may use names that the template imports or sets outside of it, belong
to a parent, be inside of another block, and call ``super()``. So a fragment is a template of its
own, derived from the syntax tree of the file: everything that has an effect outside of blocks
(imports, assignments, macros, ``do``) remains, output is dropped, all blocks are defined, and the
block is rendered where the output was. If the file extends a parent, the fragment extends what is
derived from the parent, so that the same holds for it. The lines of the nodes stay those of the
file, and so do the lines in errors.
"""

from __future__ import annotations

from collections.abc import Iterable

import jinja2
from jinja2 import nodes
from jinja2.runtime import BlockReference, Context

from ._names import inherited_name
from .errors import BlockNotFound

_HERE = __name__
_KEPT = (
    nodes.Import,
    nodes.FromImport,
    nodes.Assign,
    nodes.AssignBlock,
    nodes.Macro,
    nodes.ExprStmt,
)
_NESTED = (nodes.If, nodes.For, nodes.With, nodes.Scope, nodes.ScopedEvalContextModifier)


def fragment_tree(
    tree: nodes.Template, block: str, environment: jinja2.Environment
) -> nodes.Template:
    """Return the syntax tree of a fragment.

    Args:
        tree: The tree of the file; it is used up.
        block: The name of the block.
        environment: The environment of the template.
    """
    blocks = [each for node in tree.body for each in _outer_blocks(node)]
    body = _effects(tree.body, block)
    if blocks:
        body.append(nodes.If(nodes.Const(False), blocks, [], []))
    body.append(nodes.Output([_call("render_block", nodes.Const(block))]))
    fragment = nodes.Template(body, lineno=1)
    fragment.set_environment(environment)
    fragment.set_lineno(1)  # of the nodes that have none
    return fragment


@jinja2.pass_context
def render_block(context: Context, name: str) -> str:
    """Return the text of a block; called by fragments."""
    blocks = context.blocks.get(name)
    if not blocks:
        raise BlockNotFound(f"{context.name}", f"no template has a block {name!r}")
    return BlockReference(name, context, blocks, 0)()


@jinja2.pass_context
def parent_of(context: Context, parent: object, block: str) -> object:
    """Return what a fragment extends instead of the computed parent of its template."""
    if isinstance(parent, jinja2.Template):
        return context.environment.get_template(inherited_name(parent.name or "", block))
    return inherited_name(str(parent), block)


def _call(function: str, *arguments: nodes.Expr) -> nodes.Call:
    name = nodes.ImportedName(f"{_HERE}.{function}")
    return nodes.Call(name, list(arguments), [], None, None)


def _outer_blocks(node: nodes.Node) -> Iterable[nodes.Block]:
    """Return the blocks in a node that are not inside of another block."""
    if isinstance(node, nodes.Block):
        return [node]
    return [each for child in node.iter_child_nodes() for each in _outer_blocks(child)]


def _effects(body: Iterable[nodes.Node], block: str) -> list[nodes.Node]:
    """Return the nodes that have an effect other than output."""
    effects: list[nodes.Node] = []
    for node in body:
        if isinstance(node, nodes.Extends):
            node.template = _parent(node.template, block)
            effects.append(node)
        elif isinstance(node, _KEPT) or (isinstance(node, _NESTED) and _reduce(node, block)):
            effects.append(node)
    return effects


def _reduce(node: nodes.Node, block: str) -> bool:
    """Keep only effects inside of a node; return whether there are any."""
    bodies = ["body", "else_"] if isinstance(node, nodes.If | nodes.For) else ["body"]
    for name in bodies:
        setattr(node, name, _effects(getattr(node, name), block))
    has_effects = any(getattr(node, name) for name in bodies)
    if isinstance(node, nodes.If):
        branches = [_reduce(each, block) for each in node.elif_]
        has_effects = has_effects or any(branches)
    return has_effects


def _parent(parent: nodes.Expr, block: str) -> nodes.Expr:
    if isinstance(parent, nodes.Const) and isinstance(parent.value, str):
        return nodes.Const(inherited_name(parent.value, block), lineno=parent.lineno)
    return _call("parent_of", parent, nodes.Const(block))
