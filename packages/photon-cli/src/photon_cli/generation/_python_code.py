"""Python code as text with its syntax tree: from nodes to offsets, and statements into the text."""

from __future__ import annotations

import ast
import itertools
import re
from typing import TYPE_CHECKING

from ._conflict import Conflict
from ._source_text import insert_lines, remove_lines, split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    Located: TypeAlias = ast.expr | ast.stmt | ast.alias

_CONTINUED = re.compile(r"[^#]*\\(\r\n|\r|\n)")


class PythonCode:
    """Python code and its syntax tree.

    Attributes:
        text: The code.
        lines: Its lines with their ends, as the tree numbers them from 1.
        tree: The syntax tree.
    """

    def __init__(self, text: str) -> None:
        """Parse the code.

        Raises:
            Conflict: It is not Python.
        """
        self.text = text
        self.lines = split_lines(text)
        try:
            self.tree = ast.parse(text)
        except (SyntaxError, ValueError) as error:
            raise Conflict(f"it is not Python: {error}") from None
        self._starts = [0, *itertools.accumulate(map(len, self.lines))]

    def offset(self, line: int, column: int) -> int:
        """Return the offset in the text of a position in the tree."""
        if line > len(self.lines):
            return len(self.text)
        before = self.lines[line - 1].encode()[:column].decode()
        return self._starts[line - 1] + len(before)

    def span(self, node: Located) -> tuple[int, int]:
        """Return the offsets of a node."""
        return (
            self.offset(node.lineno, node.col_offset),
            self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0),
        )

    def has_own_lines(self, statement: ast.stmt, siblings: Sequence[ast.stmt]) -> bool:
        """Return whether the lines of a statement hold nothing else but a comment."""
        start, stop = self.span(statement)
        before = self.text[self._starts[first_line(statement) - 1] : start]
        after = self.text[stop : self._starts[statement.end_lineno or statement.lineno]]
        if isinstance(statement, ast.ClassDef | ast.FunctionDef) and statement.decorator_list:
            before = ""
        return not before.strip() and not after.split("#")[0].strip()

    def comments_in(self, statement: ast.stmt) -> bool:
        """Return whether a comment is on the lines of a statement."""
        lines = self.lines[statement.lineno - 1 : statement.end_lineno]
        import io
        import tokenize

        try:
            tokens = tokenize.generate_tokens(io.StringIO("".join(lines).lstrip(" \t")).readline)
            return any(token.type == tokenize.COMMENT for token in tokens)
        except (tokenize.TokenError, IndentationError, SyntaxError):
            return True


def first_line(statement: ast.stmt) -> int:
    """Return the number of the first line of a statement, decorators included."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(each.lineno for each in decorators)])


def blocks(tree: ast.Module) -> Iterator[tuple[ast.AST, list[ast.stmt]]]:
    """Yield the nodes that contain statements, with each list of them; outer ones first."""
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                yield node, value


def same(one: ast.AST, other: ast.AST) -> bool:
    """Return whether two pieces of code differ in layout only."""
    return ast.dump(one) == ast.dump(other)


def parse_statement(code: str) -> ast.stmt:
    """Parse one statement of an edit.

    Raises:
        ValueError: The code is not one statement.
    """
    import textwrap

    try:
        [statement] = ast.parse(textwrap.dedent(code).strip()).body
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"the code of an edit is one statement of Python: {code!r}") from error
    return statement


def remove_statement(code: PythonCode, statement: ast.stmt, siblings: list[ast.stmt]) -> str:
    """Return the text without a statement; ``pass`` replaces the only statement of a block."""
    start, stop = code.span(statement)
    if len(siblings) == 1 and siblings is not code.tree.body:
        return code.text[:start] + "pass" + code.text[stop:]
    if code.has_own_lines(statement, siblings):
        return remove_lines(code.text, first_line(statement) - 1, statement.end_lineno or 0)
    index = siblings.index(statement)
    if index + 1 < len(siblings) and siblings[index + 1].lineno == statement.end_lineno:
        stop = code.span(siblings[index + 1])[0]  # a; b: with its semicolon
    elif index:
        start = code.span(siblings[index - 1])[1]
    return code.text[:start] + code.text[stop:]


def insert_after(
    code: PythonCode, statement: ast.stmt, siblings: Sequence[ast.stmt], lines: Sequence[str]
) -> str:
    """Return the text with lines below a statement and those that end on the same line."""
    last = statement.end_lineno or statement.lineno
    for other in siblings:
        if other.lineno == last and (other.end_lineno or 0) > last:
            last = other.end_lineno or last
    while _CONTINUED.fullmatch(code.lines[last - 1]):
        last += 1
    return insert_lines(code.text, last, lines)
