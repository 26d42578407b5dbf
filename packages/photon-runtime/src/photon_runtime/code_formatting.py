"""Python statements in the form in which formatters such as ruff and black leave them.

Alembic renders one long line, or lines that are indented in its own way. Migrations are read by
people and belong to the project, so that its formatter must not change them again.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

_INDENT = 4


def formatted(source: str, *, width: int = 100, indent: int = 0) -> str:
    """Return statements, formatted.

    Args:
        source: Statements, not indented; comments outside of them are lost.
        width: Maximum length of a line, as far as its texts permit.
        indent: Number of spaces before them when they are written.
    """
    lines = [_statement(node, width - indent) for node in ast.parse(source).body]
    return "\n".join(lines)


def _statement(node: ast.stmt, width: int) -> str:
    if isinstance(node, ast.Expr):
        return _expression(node.value, width, 0, 0)
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        head = f"{ast.unparse(node.targets[0])} = "
        return head + _expression(node.value, width, 0, len(head))
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        head = f"{_flat(node.target)}: {_flat(node.annotation)} = "
        return head + _expression(node.value, width, 0, len(head))
    if isinstance(node, ast.If) and not node.orelse:
        body = "\n".join(_statement(each, width - _INDENT) for each in node.body)
        indented = "\n".join(" " * _INDENT + line for line in body.split("\n"))
        return f"if {_flat(node.test)}:\n{indented}"
    return ast.unparse(node)


def _expression(node: ast.expr, width: int, indent: int, used: int) -> str:
    """Return an expression that begins after ``used`` characters of a line."""
    flat = _flat(node)
    if used + len(flat) <= width:
        return flat
    opened = _opened(node)
    if opened is None:
        return flat
    head, items, close = opened
    inner = indent + _INDENT
    line = ", ".join(_keyword_flat(item) for item in items)
    needs_comma = isinstance(node, ast.Tuple) and len(items) == 1
    if not needs_comma and inner + len(line) <= width:
        body = " " * inner + line
    else:
        body = "\n".join(" " * inner + _item(item, width, inner) + "," for item in items)
    return f"{head}\n{body}\n{' ' * indent}{close}"


def _item(item: ast.expr | ast.keyword, width: int, indent: int) -> str:
    if isinstance(item, ast.keyword):
        head = f"{item.arg}="
        return head + _expression(item.value, width - 1, indent, indent + len(head))
    return _expression(item, width - 1, indent, indent)


def _opened(node: ast.expr) -> tuple[str, Sequence[ast.expr | ast.keyword], str] | None:
    """Return what is before, inside of and after the parentheses of an expression."""
    if isinstance(node, ast.Call):
        items: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
        return (f"{_flat(node.func)}(", items, ")") if items else None
    if isinstance(node, ast.List) and node.elts:
        return "[", node.elts, "]"
    if isinstance(node, ast.Tuple) and node.elts:
        return "(", node.elts, ")"
    return None


def _flat(node: ast.expr) -> str:  # noqa: PLR0911  one for each kind
    """Return an expression on one line."""
    match node:
        case ast.Constant(value=str(text)):
            return _string(text)
        case ast.Call(func=func, args=args, keywords=keywords):
            inside = ", ".join([*map(_flat, args), *map(_keyword_flat, keywords)])
            return f"{_flat(func)}({inside})"
        case ast.Attribute(value=value, attr=name):
            return f"{_flat(value)}.{name}"
        case ast.List(elts=items):
            return "[" + ", ".join(map(_flat, items)) + "]"
        case ast.Tuple(elts=items):
            return "(" + ", ".join(map(_flat, items)) + ("," if len(items) == 1 else "") + ")"
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            shown = [f"{_flat(key)}: {_flat(value)}" for key, value in pairs if key is not None]
            return "{" + ", ".join(shown) + "}"
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return f"{_flat(left)} == {_flat(right)}"
        case _:
            return ast.unparse(node)


def _keyword_flat(item: ast.expr | ast.keyword) -> str:
    return f"{item.arg}={_flat(item.value)}" if isinstance(item, ast.keyword) else _flat(item)


def _string(text: str) -> str:
    """Return a literal with double quotes, unless that takes more backslashes."""
    shown = repr(text)
    if shown.startswith('"') or '"' in text:
        return shown
    inside = shown[1:-1].replace("\\'", "'")
    return f'"{inside}"'
