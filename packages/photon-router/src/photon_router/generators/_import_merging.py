"""Imports of a module that is generated again: new names are added, unused ones removed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Mapping, Sequence

import attrs

from ._module_code import import_statement, names_in, origins_of


@attrs.frozen
class _Import:
    """A statement at the head of a module that imports names, or a module."""

    module: str
    names: Sequence[str]
    start: int
    end: int
    has_comment: bool


def merged_imports(
    text: str, names: Collection[str], origins: Mapping[str, str], *, generated: Collection[str]
) -> str:
    """Return a module with the imports that its generated code needs.

    Args:
        text: The module.
        names: The names that generated code uses; those that the module does not use are ignored.
        origins: The modules of these names.
        generated: The names that were imported for generated code before; those that nothing uses
            any more are removed.
    """
    used = names_in([text])
    bound = _bound(ast.parse(text))
    unused = {name for name in generated if name not in used}
    text = _without(text, unused)
    missing = [name for name in names if name in used and name not in bound]
    for module, added in origins_of(missing, origins).items():
        text = _with(text, module, added)
    return text


def _bound(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(each.asname or each.name).partition(".")[0] for each in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            names |= {each.id for each in targets if isinstance(each, ast.Name)}
    return names


def _head(text: str) -> list[_Import]:
    lines = text.split("\n")
    head = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if not isinstance(node, ast.Import | ast.ImportFrom):
            break
        start, end = node.lineno - 1, node.end_lineno or node.lineno
        module = (
            "." * node.level + (node.module or "")
            if isinstance(node, ast.ImportFrom)
            else f"{node.names[0].name}."
        )
        names = [each.name + (f" as {each.asname}" if each.asname else "") for each in node.names]
        if isinstance(node, ast.Import):
            names = []
        has_comment = any("#" in line for line in lines[start:end])
        head.append(_Import(module, names, start, end, has_comment))
    return head


def _without(text: str, names: Collection[str]) -> str:
    lines = text.split("\n")
    for each in reversed(_head(text)):
        kept = [name for name in each.names if name not in names]
        is_unused_module = not each.names and each.module.rstrip(".") in names
        if each.has_comment or (len(kept) == len(each.names) and not is_unused_module):
            continue
        replacement = [] if not kept else import_statement(each.module, kept).split("\n")
        lines[each.start : each.end] = replacement
        if not kept:
            _close_gap(lines, each.start)
    return "\n".join(lines)


def _close_gap(lines: list[str], position: int) -> None:
    """Remove a blank line where a section of imports has become empty."""
    before = lines[position - 1] if position else ""
    if not before.strip() and position < len(lines) and not lines[position].strip():
        del lines[position]


def _with(text: str, module: str, names: Sequence[str]) -> str:
    lines, head = text.split("\n"), _head(text)
    same = next((e for e in head if e.module == module and e.names and not e.has_comment), None)
    if same is not None:
        statement = import_statement(module, [*same.names, *names])
        lines[same.start : same.end] = statement.split("\n")
        return "\n".join(lines)
    statement_lines = import_statement(module, names).split("\n")
    after = next((each for each in head if _sort_key(each.module) > _sort_key(module)), None)
    before = next((e for e in reversed(head) if _sort_key(e.module) <= _sort_key(module)), None)
    section = _sort_key(module)[0]
    if before is not None:
        gap = [] if _sort_key(before.module)[0] == section else [""]
        lines[before.end : before.end] = [*gap, *statement_lines]
    elif after is not None:
        gap = [] if _sort_key(after.module)[0] == section else [""]
        lines[after.start : after.start] = [*statement_lines, *gap]
    else:
        position = _end_of_docstring(text)
        gap = [""] if position else []
        lines[position:position] = [*gap, *statement_lines]
    return "\n".join(lines)


def _end_of_docstring(text: str) -> int:
    body = ast.parse(text).body
    is_docstring = (
        body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    )
    return (body[0].end_lineno or 0) if is_docstring else 0


def _sort_key(module: str) -> tuple[int, bool, str]:
    is_plain = module.endswith(".") and module.strip(".") != ""
    name = module.rstrip(".") if is_plain else module
    first = name.partition(".")[0]
    if name == "__future__":
        section = 0
    elif module.startswith("."):
        section = 3
    else:
        section = 1 if first in sys.stdlib_module_names else 2
    return section, not is_plain, name
