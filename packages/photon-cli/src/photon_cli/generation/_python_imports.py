"""Imports into and out of Python code, for `InsertCode` with ``place="imports"``.

A name that is imported already, relatively or not, is left alone; one that means something else in
the file is a conflict. A new name joins the ``from`` import of its module if that has one statement
on the top level; else it gets a line, at its place if the imports around are sorted, below the last
one if they are not. Imports for type checkers only, and those in ``try``, do not count.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ._bracketed_items import BracketedList, insert_item, remove_item
from ._conflict import Conflict
from ._import_order import ImportOrder, member_key, sorted_position
from ._python_code import PythonCode, insert_after, remove_statement
from ._source_text import insert_lines, remove_lines, split_lines

if TYPE_CHECKING:
    from typing import TypeAlias

    Import: TypeAlias = ast.Import | ast.ImportFrom


def insert_imports(text: str, code: str, order: ImportOrder, line_length: int) -> str:
    """Return the text with imported names; the same text if all are present.

    Args:
        text: The code.
        code: Import statements; each of their names is inserted by itself.
        order: The order of imports in the file.
        line_length: The number of columns of a line.

    Raises:
        Conflict: A name means something else in the file, or it is not Python.
    """
    for new in single_imports(code):
        text = _insert_name(text, new, order, line_length)
    return text


def remove_imports(text: str, code: str, order: ImportOrder) -> str:
    """Return the text without imported names; the same text if none is present.

    Raises:
        Conflict: A name is still used in the file, or a comment was added beside it.
    """
    for old in single_imports(code):
        text = _remove_name(text, old, order)
    return text


def single_imports(code: str) -> list[Import]:
    """Split the import statements of an edit into imports of one name each.

    Raises:
        ValueError: The code is something else.
    """
    try:
        statements = ast.parse(code.strip()).body
    except (SyntaxError, ValueError):
        statements = []
    imports = [each for each in statements if isinstance(each, ast.Import | ast.ImportFrom)]
    if not imports or len(imports) < len(statements):
        raise ValueError(f"code at the place `imports` is import statements, not {code!r}")
    return [single(each, alias) for each in imports for alias in each.names]


def single(statement: Import, alias: ast.alias) -> Import:
    """Return an import of one name of a statement."""
    if isinstance(statement, ast.Import):
        return ast.Import([alias])
    return ast.ImportFrom(statement.module, [alias], statement.level)


def _insert_name(text: str, new: Import, order: ImportOrder, line_length: int) -> str:
    code = PythonCode(text)
    if _find(code, new, order) is not None:
        return text
    _check_meaning(code, new)
    if isinstance(new, ast.ImportFrom):
        siblings = [
            each
            for each in code.tree.body
            if isinstance(each, ast.ImportFrom)
            and (each.level, each.module) == (new.level, new.module)
            and each.names[0].name != "*"
        ]
        if len(siblings) == 1:
            return _join(code, siblings[0], new.names[0], line_length)
    return _insert_statement(code, new, order)


def _find(code: PythonCode, new: Import, order: ImportOrder) -> tuple[Import, ast.alias] | None:
    """Find the import of the same thing by the same name on the top level."""
    for statement in code.tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                if _meaning(single(statement, alias), order) == _meaning(new, order):
                    return statement, alias
    return None


def _meaning(statement: Import, order: ImportOrder) -> tuple[str, str, str]:
    alias = statement.names[0]
    module = order.absolute(statement) if isinstance(statement, ast.ImportFrom) else ""
    return module, alias.name, alias.asname or alias.name


def _bound(alias: ast.alias, *, is_from: bool) -> str:
    return alias.asname or (alias.name if is_from else alias.name.partition(".")[0])


def _check_meaning(code: PythonCode, new: Import) -> None:
    """See that the name is free on the top level of the file."""
    is_from = isinstance(new, ast.ImportFrom)
    name = _bound(new.names[0], is_from=is_from)
    for statement in code.tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            names = {
                _bound(each, is_from=isinstance(statement, ast.ImportFrom))
                for each in statement.names
            }
            if not is_from and isinstance(statement, ast.Import):
                continue  # import a.b beside import a.c
        elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names = {statement.name}
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names = {n.id for each in targets for n in ast.walk(each) if isinstance(n, ast.Name)}
        else:
            continue
        if name in names:
            raise Conflict(
                f"`{name}` is something else in line {statement.lineno};"
                f" `{ast.unparse(new)}` would replace it"
            )


def _join(code: PythonCode, statement: ast.ImportFrom, alias: ast.alias, line_length: int) -> str:
    at = sorted_position(
        [member_key(each.name) for each in statement.names], member_key(alias.name)
    )
    return insert_item(_names(code, statement), ast.unparse(alias), at, line_length)


def _names(code: PythonCode, statement: Import) -> BracketedList:
    """Return the list of names of an import statement."""
    start, stop = code.span(statement)
    first, last = code.span(statement.names[0])[0], code.span(statement.names[-1])[1]
    opening = code.text.find("(", start, first)
    if opening >= 0:
        return BracketedList(code.text, opening + 1, stop - 1)
    return BracketedList(code.text, first, last, has_brackets=False)


def _insert_statement(code: PythonCode, new: Import, order: ImportOrder) -> str:
    line = ast.unparse(new)
    block = _block(code, new, order)
    if not block:
        return _insert_first(code, line, order.key(new).section == 0)
    keys = [order.key(each) for each in block]
    key = order.key(new)
    at = sorted_position(keys, key) if keys == sorted(keys) else len(keys)
    if key.section == 0 and keys[0].section:
        at = 0
    if at and (keys[at - 1].section == key.section or keys != sorted(keys)):
        return insert_after(code, block[at - 1], code.tree.body, [line])
    if at < len(keys) and keys[at].section == key.section:
        return insert_lines(code.text, block[at].lineno - 1, [line])
    if at:
        return insert_after(code, block[at - 1], code.tree.body, ["", line])
    return insert_lines(code.text, block[0].lineno - 1, [line, ""])


def _block(code: PythonCode, new: Import, order: ImportOrder) -> list[Import]:
    """Return the run of imports that a new one belongs to: with its section, else the first."""
    runs: list[list[Import]] = [[]]
    for statement in code.tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            if not runs[-1] or statement.lineno > (runs[-1][-1].end_lineno or 0):
                runs[-1].append(statement)
        elif runs[-1]:
            runs.append([])
    section = order.key(new).section
    return next((run for run in runs if any(order.key(x).section == section for x in run)), runs[0])


def _insert_first(code: PythonCode, line: str, is_future: bool) -> str:
    """Insert the first import of a file: below its docstring, or at its head comments' end."""
    body = code.tree.body
    if body and _is_docstring(body[0]):
        last = body[0].end_lineno or 1
        rest = code.lines[last : last + 1]
        lines = ["", line] if not rest or not rest[0].strip() else ["", line, ""]
        return insert_lines(code.text, last, lines)
    at = 0
    while at < len(code.lines) and code.lines[at].startswith("#"):
        at += 1
    if at and at < len(code.lines) and not code.lines[at].strip():
        at += 1
    elif at:
        at = 1 if code.lines[0].startswith("#!") else 0
        at += "coding" in "".join(code.lines[at : at + 1])
    is_last = at >= len(code.lines) or not code.lines[at].strip()
    return insert_lines(code.text, at, [line] if is_last else [line, ""])


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _remove_name(text: str, old: Import, order: ImportOrder) -> str:
    code = PythonCode(text)
    match = _find(code, old, order)
    if match is None:
        return text
    statement, alias = match
    is_from = isinstance(old, ast.ImportFrom)
    name = _bound(alias, is_from=is_from)
    if alias.asname != alias.name and _is_used(code.tree, name):
        raise Conflict(f"`{ast.unparse(old)}` is still used")
    if len(statement.names) == 1:
        return _remove_whole(code, statement)
    return remove_item(_names(code, statement), statement.names.index(alias))


def _is_used(tree: ast.Module, name: str) -> bool:
    """Return whether code uses a name, or ``__all__`` exports it."""
    exported = [
        each.value
        for each in tree.body
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "__all__"
    ]
    constants = (node for value in exported for node in ast.walk(value))
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree)) or any(
        isinstance(node, ast.Constant) and node.value == name for node in constants
    )


def _remove_whole(code: PythonCode, statement: ast.stmt) -> str:
    """Remove an import with its lines, and one of the two blank lines that would meet."""
    if code.comments_in(statement):
        raise Conflict(f"a comment was added beside `{ast.unparse(statement)}`")
    text = remove_statement(code, statement, code.tree.body)
    if not code.has_own_lines(statement, code.tree.body):
        return text
    lines = split_lines(text)
    at = statement.lineno - 1
    before = at == 0 or not lines[at - 1].strip()
    after = at < len(lines) and not lines[at].strip()
    if (before and after) or (before and at and at == len(lines)):
        return remove_lines(text, at, at + 1) if after else remove_lines(text, at - 1, at)
    return text
