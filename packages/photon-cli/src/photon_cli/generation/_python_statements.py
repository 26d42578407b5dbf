"""Calls, attributes and elements into and out of Python code.

Code is recognised by its syntax tree: what was laid out anew or moved is still the code that
was inserted; code with a comment on its lines was changed by hand.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ._bracketed_items import BracketedList, insert_item, remove_item
from ._conflict import Conflict, PlaceNotFound
from ._import_order import member_key, sorted_position
from ._python_code import (
    PythonCode,
    blocks,
    first_line,
    insert_after,
    parse_statement,
    remove_statement,
    same,
)
from ._source_text import (
    indentation,
    indented,
    insert_lines,
    line_end,
    remove_lines,
    split_lines,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from photon_runtime.generators import (
        InsertAttribute,
        InsertCall,
        InsertItem,
        RemoveAttribute,
    )

    Block = list[ast.stmt]


def insert_call(text: str, edit: InsertCall) -> str:
    """Return the text with the call; the same text if it is present already.

    Raises:
        PlaceNotFound: The class is not called, or several times, to make a variable.
    """
    code = PythonCode(text)
    variable, block, at = find_creation(code, edit.on, edit.variable)
    new = parse_statement(f"{variable}.{edit.call}")
    if any(same(new, each) for _, inner in blocks(code.tree) for each in inner):
        return text
    method = _called(new, variable)
    anchor = at
    for wanted in (method, None):
        matches = [each for each in block if _calls(each, variable, wanted)]
        if matches:
            anchor = matches[-1]
            break
    prefix = _prefix(code, anchor, block)
    if prefix is None:
        raise PlaceNotFound(
            f"line {anchor.lineno} has more than one statement", f"below line {anchor.lineno}"
        )
    return insert_after(code, anchor, block, indented(f"{variable}.{edit.call}", prefix))


def remove_call(text: str, edit: InsertCall) -> str:
    """Return the text without the call, of whatever variable; the same if it is not there.

    Raises:
        Conflict: It occurs more than once, or a comment was added beside it.
    """
    code = PythonCode(text)
    matches = []
    for _, block in blocks(code.tree):
        for statement in block:
            variable = _receiver_of(statement)
            if variable and same(statement, parse_statement(f"{variable}.{edit.call}")):
                matches.append((statement, block))
    return _without(code, matches, edit.call)


def insert_attribute(text: str, edit: InsertAttribute) -> str:
    """Return the text with the attribute; the same text if it is present already.

    Raises:
        PlaceNotFound: The class does not exist, or more than once.
        Conflict: The class has another attribute of this name.
    """
    code = PythonCode(text)
    new = parse_statement(edit.code)
    body = _class(code, edit.of).body
    if any(same(new, each) for each in body):
        return text
    names = _targets(new)
    for each in body:
        if names & _targets(each):
            name = ", ".join(sorted(names & _targets(each)))
            raise Conflict(f"`{edit.of}` has another `{name}` in line {each.lineno}")
    fields = [each for each in body if isinstance(each, ast.Assign | ast.AnnAssign)]
    anchor = fields[-1] if fields else body[0]
    is_empty = len(body) == 1 and (isinstance(anchor, ast.Pass) or _is_ellipsis(anchor))
    prefix = _prefix(code, anchor, body)
    if prefix is None and not (is_empty and "\n" not in edit.code.strip()):
        raise PlaceNotFound(f"the class `{edit.of}` is in one line", f"in the class `{edit.of}`")
    lines = indented(edit.code, prefix or "")
    if is_empty:
        start, stop = code.span(anchor)
        return text[:start] + line_end(text).join(lines).lstrip() + text[stop:]
    if fields:
        return insert_after(code, anchor, body, lines)
    if isinstance(anchor, ast.Expr):
        return insert_after(code, anchor, body, ["", *lines])
    return insert_lines(text, first_line(anchor) - 1, [*lines, ""])


def remove_attribute(text: str, edit: InsertAttribute) -> str:
    """Return the text without the attribute; the same text if it is absent.

    Raises:
        Conflict: A comment was added beside it.
    """
    code = PythonCode(text)
    new = parse_statement(edit.code)
    matches = [
        (statement, node.body)
        for node in ast.walk(code.tree)
        if isinstance(node, ast.ClassDef) and node.name == edit.of
        for statement in node.body
        if same(statement, new)
    ]
    changed = _without(code, matches, edit.code)
    if changed == text:
        return text
    lines, at = split_lines(changed), first_line(matches[0][0]) - 1
    is_surrounded = at == len(lines) or not lines[at].strip()
    if at and not lines[at - 1].strip() and is_surrounded:
        changed = remove_lines(changed, at - 1, at)  # one of two blank lines that meet
    return changed


def drop_attribute(text: str, edit: RemoveAttribute) -> str:
    """Return the text without the attribute, whatever its value is; the same if it is not there.

    Raises:
        PlaceNotFound: The class does not exist, or more than once.
        Conflict: A comment is beside it.
    """
    code = PythonCode(text)
    names = _targets(parse_statement(edit.code))
    body = _class(code, edit.of).body
    matches = [(each, body) for each in body if names & _targets(each)]
    return _without(code, matches, ", ".join(sorted(names)))


def insert_element(text: str, edit: InsertItem, line_length: int) -> str:
    """Return the text with the element; the same text if it is present already.

    Raises:
        PlaceNotFound: The variable is not a list, tuple, set or dictionary, or does not exist.
    """
    items, elements = _display(PythonCode(text), edit)
    if _index(elements, edit) is not None:
        return text
    names = [each.value for each in elements if isinstance(each, ast.Constant)]
    at = len(elements)
    new = _parsed_item(edit)
    if isinstance(new, ast.Constant) and elements and len(names) == len(elements):
        for key in (str, member_key):
            keys = [key(str(name)) for name in names]
            if keys == sorted(keys):
                at = sorted_position(keys, key(str(new.value)))
                break
    return insert_item(items, edit.item.strip(), at, line_length)


def remove_element(text: str, edit: InsertItem) -> str:
    """Return the text without the element; the same text if it is absent.

    Raises:
        Conflict: A comment was added beside it.
    """
    code = PythonCode(text)
    try:
        items, elements = _display(code, edit)
    except PlaceNotFound:
        return text
    at = _index(elements, edit)
    return text if at is None else remove_item(items, at)


def _without(code: PythonCode, matches: list[tuple[ast.stmt, Block]], shown: str) -> str:
    if not matches:
        return code.text
    if len(matches) > 1:
        raise Conflict(f"`{shown}` is there {len(matches)} times")
    [(statement, block)] = matches
    if code.comments_in(statement):
        raise Conflict(f"a comment was added beside `{shown}`")
    return remove_statement(code, statement, block)


def find_creation(code: PythonCode, on: str, variable: str | None) -> tuple[str, Block, ast.stmt]:
    """Find an object: its variable, the statements among which it is created, and where.

    Args:
        code: The code.
        on: The class of the object.
        variable: The variable, or the function that creates it, where several exist.

    Raises:
        PlaceNotFound: It does not exist, or is not the only one.
    """
    matches = [
        (name, block, statement, function)
        for name, block, statement, function in _creations(code, on)
        if variable in {None, name, function}
    ]
    if len(matches) != 1:
        lines = " and ".join(str(each[2].lineno) for each in matches)
        times = f"are created in lines {lines}" if matches else "is not created there"
        noun = f"objects of `{on}`" if matches else f"an object of `{on}`"
        raise PlaceNotFound(f"{noun} {times}", f"below the creation of the `{on}`")
    name, block, statement, _ = matches[0]
    return name, block, statement


def _creations(code: PythonCode, name: str) -> Iterator[tuple[str, Block, ast.stmt, str]]:
    aliases = _imported_names(code.tree)
    for node, block in blocks(code.tree):
        function = ""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node.name
        for statement in block:
            if not isinstance(statement, ast.Assign | ast.AnnAssign):
                continue
            if not isinstance(statement.value, ast.Call):
                continue
            dotted = ast.unparse(statement.value.func).split("[")[0]
            first, _, rest = dotted.partition(".")
            full = aliases.get(first, first) + ("." + rest if rest else "")
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            is_variable = isinstance(targets[0], ast.Name | ast.Attribute)
            if full.rpartition(".")[2] == name and is_variable:
                yield ast.unparse(targets[0]), block, statement, function


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """Return the imported names of a file with what they mean."""
    return {
        alias.asname or alias.name: (
            f"{node.module or ''}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


def _calls(statement: ast.stmt, variable: str, method: str | None) -> bool:
    """Return whether a statement, or one in its blocks, calls a method of a variable."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    return any(
        isinstance(node, ast.Expr)
        and (called := _called(node, variable))
        and method in {None, called}
        for node in ast.walk(statement)
    )


def _called(statement: ast.stmt, variable: str) -> str | None:
    """Return the method of a variable that a statement calls."""
    if _receiver_of(statement) != variable:
        return None
    call = statement.value  # type: ignore[attr-defined]  # see _receiver_of
    name: str = call.func.attr
    return name


def _receiver_of(statement: ast.stmt) -> str | None:
    """Return the variable whose method a statement calls."""
    match statement:
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(value=ast.Name() | ast.Attribute() as owner))
        ):
            return ast.unparse(owner)
    return None


def _prefix(code: PythonCode, statement: ast.stmt, block: Block) -> str | None:
    """Return the indentation of a statement; ``None`` if its block is on the line of its head."""
    line = first_line(statement)
    first = next(each for each in block if (each.end_lineno or 0) >= line)
    while first is not block[0] and first.lineno == block[block.index(first) - 1].end_lineno:
        first = block[block.index(first) - 1]  # a; b
    line = first_line(first)
    prefix = indentation(code.lines[line - 1])
    is_first = code.offset(line, 0) + len(prefix) == code.offset(line, _column(first))
    return prefix if is_first else None


def _column(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return decorators[0].col_offset - 1 if decorators else statement.col_offset


def _class(code: PythonCode, name: str) -> ast.ClassDef:
    matches = [n for n in ast.walk(code.tree) if isinstance(n, ast.ClassDef) and n.name == name]
    if len(matches) != 1:
        times = f"is there {len(matches)} times" if matches else "is not there"
        raise PlaceNotFound(f"the class `{name}` {times}", f"in the class `{name}`")
    return matches[0]


def _targets(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Assign):
        return {each.id for each in statement.targets if isinstance(each, ast.Name)}
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return {statement.target.id}
    return set()


def _is_ellipsis(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and statement.value.value is ...
    )


def _display(code: PythonCode, edit: InsertItem) -> tuple[BracketedList, list[ast.expr]]:
    """Find the list, and its elements; the keys of a dictionary."""
    owner, _, name = edit.to.rpartition(".")
    body = _class(code, owner).body if owner else code.tree.body
    values = [
        each.value
        for each in body
        if isinstance(each, ast.Assign | ast.AnnAssign) and name in _targets(each) and each.value
    ]
    where = f"in `{edit.to}`"
    if len(values) != 1:
        times = f"is there {len(values)} times" if values else "is not there"
        raise PlaceNotFound(f"the variable `{edit.to}` {times}", where)
    [value] = values
    start, stop = code.span(value)
    elements: list[ast.expr]
    if isinstance(value, ast.Dict):
        elements = [key or value for key in value.keys]
    elif isinstance(value, ast.List | ast.Set | ast.Tuple):
        elements = value.elts
    else:
        raise PlaceNotFound(f"`{edit.to}` is not a list, tuple, set or dictionary", where)
    if isinstance(value, ast.Tuple):
        brackets = BracketedList(code.text, start + 1, stop - 1, is_tuple=True)
        is_closed = code.text[start] == "(" and code.text[stop - 1] == ")"
        if is_closed and len(brackets.elements) == len(elements):
            return brackets, elements
        return BracketedList(code.text, start, stop, has_brackets=False, is_tuple=True), elements
    return BracketedList(code.text, start + 1, stop - 1), elements


def _parsed_item(edit: InsertItem) -> ast.expr:
    try:
        value = ast.parse(edit.item.strip(), mode="eval").body
    except SyntaxError:
        value = ast.parse("{" + edit.item.strip() + "}", mode="eval").body
    return value.keys[0] or value if isinstance(value, ast.Dict) and value.keys else value


def _index(elements: list[ast.expr], edit: InsertItem) -> int | None:
    new = _parsed_item(edit)
    return next((at for at, each in enumerate(elements) if same(new, each)), None)
