"""Python statements in the form in which formatters such as ruff and black leave them.

Alembic renders one long line, or lines that are indented in its own way. Migrations are read by
people and belong to the project, so that its formatter must not change them again.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

_INDENT = 4
_SHORT_CHAIN = 2  # calls; longer chains have each call on a line of its own


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
    match node:
        case ast.AnnAssign():
            return _annotated(node, width)
        case ast.Assert(test=test, msg=None):
            return _assertion(test, width)
        case ast.If(test=test, body=body, orelse=[]):
            lines = "\n".join(_statement(each, width - _INDENT) for each in body).split("\n")
            return "\n".join([f"if {_flat(test)}:", *(" " * _INDENT + line for line in lines)])
        case ast.Expr(value=value):
            head = ""
        case ast.Assign(targets=[target], value=value):
            head = f"{ast.unparse(target)} = "
        case ast.Raise(exc=ast.expr() as value, cause=None):
            head = "raise "
        case _:
            return ast.unparse(node)
    return head + _expression(value, width, 0, len(head))


def _assertion(test: ast.expr, width: int) -> str:
    flat = _flat(test)
    if len(flat) + len("assert ") <= width:
        return f"assert {flat}"
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq):
        head = f"assert {_flat(test.left)} == "
        opened = _opened(test.comparators[0])
        if opened is not None and len(head + opened[0]) <= width:
            return head + _expression(test.comparators[0], width, 0, len(head))
    return f"assert (\n{' ' * _INDENT}{flat}\n)"


def _annotated(node: ast.AnnAssign, width: int) -> str:
    """Return a declaration. Its value is broken first, and its annotation if that is too late."""
    name, annotation = f"{_flat(node.target)}: ", _flat(node.annotation)
    if node.value is None:
        fits = len(name + annotation) <= width
        return name + (annotation if fits else _broken_annotation(node.annotation, width))
    value, opened = _flat(node.value), _opened(node.value)
    begin = f"{name}{annotation} = "
    if len(begin + (opened[0] if opened else value)) > width:
        if len(begin) < width and _INDENT + len(value) <= width:
            return f"{begin}(\n{' ' * _INDENT}{value}\n)"
        begin = f"{name}{_broken_annotation(node.annotation, width)} = "
    return begin + _expression(node.value, width, 0, len(begin.rsplit("\n", 1)[-1]))


def _broken_annotation(node: ast.expr, width: int) -> str:
    if not isinstance(node, ast.BinOp):
        return _opened_lines(node, width, 0)
    flat, indent = _flat(node), " " * _INDENT
    if len(indent + flat) > width:
        flat = f"\n{indent}| ".join(_union_members(node))
    return f"(\n{indent}{flat}\n)"


def _union_members(node: ast.expr) -> list[str]:
    if isinstance(node, ast.BinOp):
        return [*_union_members(node.left), *_union_members(node.right)]
    return [_flat(node)]


def _expression(node: ast.expr, width: int, indent: int, used: int) -> str:
    """Return an expression that begins after ``used`` characters of a line."""
    flat = _flat(node)
    return flat if used + len(flat) <= width else _opened_lines(node, width, indent)


def _opened_lines(node: ast.expr, width: int, indent: int) -> str:
    """Return an expression whose parentheses are opened, or whose calls follow each other."""
    chain = _chain(node)
    if len(chain) > _SHORT_CHAIN:
        return f"\n{' ' * indent}".join(chain)
    opened = _opened(node)
    if opened is None:
        return _flat(node)
    head, items, close = opened
    inner = indent + _INDENT
    line = ", ".join(_keyword_flat(item) for item in items)
    is_single = len(items) == 1
    needs_comma = is_single and isinstance(node, ast.Tuple)
    if is_single and isinstance(node, ast.Subscript):
        body = " " * inner + _expression(node.slice, width, inner, inner)
    elif not needs_comma and inner + len(line) <= width:
        body = " " * inner + line
    else:
        body = "\n".join(" " * inner + _item(item, width, inner) + "," for item in items)
    return f"{head}\n{body}\n{' ' * indent}{close}"


def _item(item: ast.expr | ast.keyword, width: int, indent: int) -> str:
    if isinstance(item, ast.keyword):
        head = f"{item.arg}=" if item.arg else "**"
        return head + _expression(item.value, width - 1, indent, indent + len(head))
    return _expression(item, width - 1, indent, indent)


def _chain(node: ast.expr) -> list[str]:
    """Return the calls of a chain such as ``sa.DateTime().with_variant(...)``, each on a line."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        before = node.func.value
        if isinstance(before, ast.Call):
            return [*_chain(before), _flat(node).removeprefix(_flat(before))]
    return [_flat(node)]


def _opened(node: ast.expr) -> tuple[str, Sequence[ast.expr | ast.keyword], str] | None:
    """Return what is before, inside of and after the parentheses of an expression."""
    if isinstance(node, ast.Call):
        items: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
        return (f"{_flat(node.func)}(", items, ")") if items else None
    if isinstance(node, ast.Subscript):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return f"{_flat(node.value)}[", parts, "]"
    if isinstance(node, ast.List) and node.elts:
        return "[", node.elts, "]"
    if isinstance(node, ast.Tuple) and node.elts:
        return "(", node.elts, ")"
    return None


def _flat(node: ast.expr) -> str:  # noqa: C901, PLR0911  one for each kind
    """Return an expression on one line."""
    match node:
        case ast.Constant(value=str(text)):
            return _string(text)
        case ast.JoinedStr() | ast.Constant(value=bytes()):
            return _with_prefix(node)
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
        case ast.Subscript(value=value, slice=ast.Tuple(elts=items)):
            return f"{_flat(value)}[{', '.join(map(_flat, items))}]"
        case ast.Subscript(value=value, slice=item):
            return f"{_flat(value)}[{_flat(item)}]"
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return f"{_flat(left)} | {_flat(right)}"
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return f"{_flat(left)} == {_flat(right)}"
        case _:
            return ast.unparse(node)


def _keyword_flat(item: ast.expr | ast.keyword) -> str:
    if not isinstance(item, ast.keyword):
        return _flat(item)
    return f"{item.arg}={_flat(item.value)}" if item.arg else f"**{_flat(item.value)}"


def _string(text: str) -> str:
    """Return a literal with double quotes, unless that takes more backslashes."""
    shown = repr(text)
    is_raw = "\\" in text and not {'"', "'"} & {*text} and text.isprintable()
    if is_raw and not text.endswith("\\"):
        return f'r"{text}"'
    if shown.startswith('"'):
        return shown
    inside = shown[1:-1]
    double = inside.replace("\\'", "'").replace('"', '\\"')
    return f'"{double}"' if double.count("\\") <= inside.count("\\") else shown


def _with_prefix(node: ast.expr) -> str:
    """Return the literal of an f-string, or of bytes."""
    shown = ast.unparse(node)
    return shown if '"' in shown else f'{shown[0]}"{shown[2:-1]}"'
