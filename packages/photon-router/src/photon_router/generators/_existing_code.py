"""Existing modules: their definitions, and digests that formatting does not change."""

from __future__ import annotations

import ast
import hashlib
import io
import textwrap
import tokenize
from collections.abc import Iterator
from typing import Final

import attrs

_LAYOUT: Final = (
    *(tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
)
_PUNCTUATION: Final = ("(", ")", ",")


def digest(source: str) -> str:
    """Return the digest of code; line breaks, parentheses and commas do not change it."""
    tokens = tokenize.generate_tokens(io.StringIO(textwrap.dedent(source)).readline)
    words = [
        token.string
        for token in tokens
        if token.type not in _LAYOUT and token.string not in _PUNCTUATION
    ]
    return hashlib.sha256("\x1f".join(words).encode()).hexdigest()[:16]


@attrs.frozen
class ExistingDefinition:
    """A definition, or a statement, of a module.

    Attributes:
        key: The key by which records have it; see `photon_router.generators._module_code`.
        node: Its syntax tree.
        source: Its code, decorators included.
        start: The index of its first line.
        end: The index of the line after it.
    """

    key: str
    node: ast.stmt
    source: str
    start: int
    end: int

    @property
    def arguments(self) -> dict[str, str]:
        """The annotations of a function's arguments, as code."""
        if not isinstance(self.node, ast.FunctionDef):
            return {}
        own = self.node.args
        return {
            each.arg: ast.unparse(each.annotation)
            for each in (*own.posonlyargs, *own.args, *own.kwonlyargs)
            if each.annotation is not None
        }

    @property
    def result(self) -> str:
        """The return annotation of a function, as code."""
        if isinstance(self.node, ast.FunctionDef) and self.node.returns is not None:
            return ast.unparse(self.node.returns)
        return ""


@attrs.frozen
class ExistingModule:
    """A module as it is in the project.

    Attributes:
        lines: Its lines.
        tree: Its syntax tree.
        definitions: Its definitions by their keys.
    """

    lines: list[str]
    tree: ast.Module
    definitions: dict[str, ExistingDefinition]

    @classmethod
    def parse(cls, text: str) -> ExistingModule:
        """Read a module.

        Raises:
            SyntaxError: It is not Python.
            ValueError: It cannot be parsed.
        """
        tree = ast.parse(text)
        lines = text.split("\n")
        found = {each.key: each for each in _definitions(tree, lines)}
        return cls(lines, tree, found)

    @property
    def bound_names(self) -> set[str]:
        """The names that the module defines or imports."""
        names = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names |= {(each.asname or each.name).partition(".")[0] for each in node.names}
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
        return names

    def has_comment_above(self, definition: ExistingDefinition) -> bool:
        """Return true if a comment is directly above a definition."""
        above = self.lines[definition.start - 1].strip() if definition.start else ""
        return above.startswith("#")


def _definitions(tree: ast.Module, lines: list[str]) -> Iterator[ExistingDefinition]:
    for node in tree.body:
        key = _key(node)
        if key is not None:
            decorators = getattr(node, "decorator_list", [])
            start = min([node.lineno, *(each.lineno for each in decorators)]) - 1
            end = node.end_lineno or node.lineno
            yield ExistingDefinition(key, node, "\n".join(lines[start:end]), start, end)


def _key(node: ast.stmt) -> str | None:
    if isinstance(node, ast.FunctionDef):
        operation = next(filter(None, map(_operation, node.decorator_list)), None)
        return node.name if operation is None else f"operation {operation}"
    match node:
        case ast.ClassDef(name=name):
            return name
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case ast.For():
            return f"for {ast.unparse(node.target).strip('()')} in {ast.unparse(node.iter)}:"
        case ast.Expr() if not isinstance(node.value, ast.Constant):
            return ast.unparse(node)
    return None


def _operation(decorator: ast.expr) -> str | None:
    """Return the operation that a decorator names: ``@router.operation("getPet")``."""
    if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute)):
        return None
    if decorator.func.attr != "operation" or not decorator.args:
        return None
    name = decorator.args[0]
    is_text = isinstance(name, ast.Constant) and isinstance(name.value, str)
    return name.value if is_text else None  # type: ignore[attr-defined]
