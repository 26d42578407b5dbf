"""Expressions and signatures as lines, as a formatter lays them out.

Generated code is formatted as ``ruff format`` does it, so that the formatter of a project finds
nothing to change: brackets are split before operators, with a trailing comma where each element has
a line of its own. Only the kinds of expressions occur that generated code has.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

WIDTH: Final = 100
_STEP: Final = 4
_MARKS: Final = ("* ", "- ")


def quoted(text: str) -> str:
    """Return a string literal: in double quotes, unless single ones need fewer escapes."""
    body = ascii(text)
    body = body[1:-1].replace("\\'", "'") if body[0] == "'" else body[1:-1]
    mark = "'" if text.count('"') > text.count("'") else '"'
    return mark + body.replace(mark, "\\" + mark) + mark


def literal(value: object) -> str:
    """Return a JSON value as Python code."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(k)}: {literal(v)}" for k, v in value.items()) + "}"
    return repr(value)


def expression(code: str, *, indent: int = 0, before: str = "", after: str = "") -> str:
    """Return ``before``, an expression and ``after``, on as many lines as they need.

    Args:
        code: The expression.
        indent: The indentation of the statement.
        before: The beginning of the statement, without its indentation.
        after: The end of the statement.
    """
    node = ast.parse(code.strip(), mode="eval").body
    space = " " * indent
    column = indent + len(before)
    if isinstance(node, ast.BinOp) and column + len(_flat(node)) + len(after) > WIDTH:
        inner = _split(node, indent + _STEP, indent + _STEP, 0)
        return f"{space}{before}(\n{space}    {inner}\n{space}){after}"
    return f"{space}{before}{_split(node, indent, column, len(after))}{after}"


def assignment(target: str, annotation: str, value: str | None, *, indent: int = 0) -> str:
    """Return ``target: annotation = value``."""
    if value is None:
        return expression(annotation, indent=indent, before=f"{target}: ")
    start = f"{target}: {_flat(ast.parse(annotation, mode='eval').body)} = "
    line = f"{' ' * indent}{start}{value}"
    head, bracket, _ = value.partition("(")
    if len(line) > WIDTH and bracket and indent + len(start) + len(head) < WIDTH:
        return expression(value, indent=indent, before=start)
    return expression(annotation, indent=indent, before=f"{target}: ", after=f" = {value}")


def signature(name: str, arguments: Sequence[str], result: str, *, end: str = ":") -> str:
    """Return ``def name(arguments) -> result:``."""
    line = f"def {name}({', '.join(arguments)}) -> {result}{end}"
    if len(line) <= WIDTH:
        return line
    node = ast.parse(result, mode="eval").body
    tail = f") -> {_flat(node)}{end}"
    if len(tail) > WIDTH:
        tail = expression(result, before=") -> ", after=end)
    if not arguments:
        return f"def {name}({tail}"
    inner = ", ".join(arguments)
    if len(arguments) > 1 and _STEP + len(inner) <= WIDTH:
        return f"def {name}(\n    {inner}\n{tail}"
    lines = "".join(f"{_argument(each)}\n" for each in arguments)
    return f"def {name}(\n{lines}{tail}"


def _argument(text: str) -> str:
    if text == "*" or _STEP + len(text) < WIDTH:
        return f"    {text},"
    name, _, rest = text.partition(": ")
    annotation, equals, default = rest.rpartition(" = ")
    after = f"{equals}{default}," if equals else ","
    return expression(annotation or rest, indent=_STEP, before=f"{name}: ", after=after)


def paragraphs(text: str, *, indent: int, first: int = 0) -> list[str]:
    """Wrap a text; blank lines between its paragraphs stay.

    Args:
        text: The text.
        indent: The indentation of its lines.
        first: The number of further characters before the first line.
    """
    lines: list[str] = []
    space = " " * indent
    for part in _parts(text):
        if lines and not part.startswith(_MARKS):
            lines.append("")
        wrapped = textwrap.wrap(
            " ".join(part.split()),
            WIDTH - indent,
            initial_indent="" if lines else "." * first,
            break_long_words=False,
            break_on_hyphens=False,
        )
        if not lines:
            wrapped[:1] = [line[first:] for line in wrapped[:1]]
        lines += wrapped
    return [f"{space}{line}" if line else "" for line in lines]


def _parts(text: str) -> Iterator[str]:
    """Yield the paragraphs of a text, and the items of its lists one by one."""
    part = ""
    for line in [*text.strip().splitlines(), ""]:
        if part and (not line.strip() or line.lstrip().startswith(_MARKS)):
            yield part.strip()
            part = ""
        part += f"{line.strip()}\n" if line.strip() else ""


def _split(node: ast.expr, indent: int, column: int, after: int) -> str:
    """Return an expression that begins at a column, its further lines at an indentation."""
    flat = _flat(node)
    if column + len(flat) + after <= WIDTH:
        return flat
    space = " " * (indent + _STEP)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _split_text(node.value, indent)
    if isinstance(node, ast.BinOp):
        operands = _operands(node)
        lines = [_split(each, indent, indent + 2, after) for each in operands]
        return f"\n{' ' * indent}| ".join(lines)
    brackets = _brackets(node)
    if brackets is None:
        return flat
    opening, elements, closing, has_comma = brackets
    inner = ", ".join(_flat_element(each) for each in elements)
    is_dict = isinstance(node, ast.Dict | ast.List)
    if not is_dict and len(space) + len(inner) <= WIDTH:
        return f"{opening}\n{space}{inner}\n{' ' * indent}{closing}"
    lines = [space + _split_element(each, indent + _STEP, has_comma) for each in elements]
    comma = "," if has_comma else ""
    return f"{opening}\n" + f"{comma}\n".join(lines) + f"{comma}\n{' ' * indent}{closing}"


_Element = tuple[str, ast.expr]


def _flat_element(element: _Element) -> str:
    return element[0] + _flat(element[1])


def _split_element(element: _Element, indent: int, has_comma: bool) -> str:
    prefix, node = element
    return prefix + _split(node, indent, indent + len(prefix), int(has_comma))


def _brackets(node: ast.expr) -> tuple[str, list[_Element], str, bool] | None:
    """Return the opening, the elements and the closing of an expression with brackets."""
    if isinstance(node, ast.Call):
        elements = [("", each) for each in node.args]
        elements += [(f"{each.arg}=", each.value) for each in node.keywords]
        return f"{_flat(node.func)}(", elements, ")", True
    if isinstance(node, ast.Subscript):
        is_tuple = isinstance(node.slice, ast.Tuple)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return f"{_flat(node.value)}[", [("", each) for each in parts], "]", is_tuple
    if isinstance(node, ast.Tuple | ast.List):
        opening, closing = "()" if isinstance(node, ast.Tuple) else "[]"
        return opening, [("", each) for each in node.elts], closing, True
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return "{", [(f"{_flat(key)}: ", value) for key, value in pairs if key], "}", True
    return None


def _split_text(text: str, indent: int) -> str:
    """Return a long string as several literals in parentheses."""
    size = WIDTH - indent - _STEP - 30
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    space = " " * (indent + _STEP)
    lines = "".join(f"{space}{quoted(piece)}\n" for piece in pieces)
    return f"(\n{lines}{' ' * indent})"


def _operands(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp):
        return [*_operands(node.left), *_operands(node.right)]
    return [node]


def _flat(node: ast.expr) -> str:
    """Return an expression on one line."""
    brackets = _brackets(node)
    if brackets is not None:
        opening, elements, closing, _ = brackets
        return opening + ", ".join(map(_flat_element, elements)) + closing
    match node:
        case ast.Constant(value=str(text)):
            return quoted(text)
        case ast.Constant(value=bytes(data)):
            return f"b{quoted(data.decode())}"
        case ast.BinOp():
            return " | ".join(map(_flat, _operands(node)))
        case ast.Lambda():
            return f"lambda: {_flat(node.body)}"
    return ast.unparse(node)
