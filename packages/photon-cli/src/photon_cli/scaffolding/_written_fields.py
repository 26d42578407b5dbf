"""The field that a column of a model was generated from.

A migration that drops or renames a column needs the type of it for the way back. The statement of
the column is compared with that of each field of the grammar, so that the user need not repeat the
type, and cannot give another one. A column that was written differently is not recognised.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final

from photon_runtime.generators import GeneratorError

from ._field_types import ELEMENTS, simple_type_names
from ._fields import Field, parse_fields
from ._layout import WrittenModel
from ._names import ModelName

_SUFFIXES: Final = ("", "?", "^", "?^")


def field_of_column(
    model: ModelName, written: WrittenModel, name: str, tables: Mapping[str, str]
) -> Field | None:
    """Return the field that a column was generated from.

    Args:
        model: The model.
        written: The same, as it is in its file.
        name: Name of the column, or of the reference.
        tables: Tables of the models by their classes.

    Returns:
        ``None`` for a column that is not as a field of the grammar, and for one that does not
        exist.
    """
    tree = ast.parse(written.path.read_bytes())
    columns = _columns(tree, written.class_name)
    column = next((each for each in (f"{name}_id", name) if each in columns), None)
    if column is None:
        return None
    statement = ast.unparse(columns[column])
    for word in _candidates(tree, column, statement):
        for suffix in _SUFFIXES:
            try:
                (field,) = parse_fields(model, [word + suffix], tables=tables, has_timestamps=False)
            except GeneratorError:
                continue
            if ast.unparse(ast.parse(field.model_lines[0])) == statement:
                return field
    return None


def _columns(tree: ast.Module, class_name: str) -> dict[str, ast.stmt]:
    return {
        statement.target.id: statement
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == class_name
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }


def _candidates(tree: ast.Module, column: str, statement: str) -> Iterator[str]:
    if match := re.search(r"ForeignKey\('(\w+)\.id'", statement):
        yield f"{column.removesuffix('_id')}:references:{match[1]}"
        yield f"{column.removesuffix('_id')}:references:self"
        return
    if match := re.search(r"enum_type\((\w+)", statement):
        yield f"{column}:enum:{','.join(_values(tree, match[1]))}"
        return
    yield from (f"{column}:{each}" for each in simple_type_names())
    yield from (f"{column}:array:{each}" for each in ELEMENTS)
    if match := re.search(r"Numeric\((\d+), (\d+)\)", statement):
        yield f"{column}:decimal_len:{match[1]}:{match[2]}"
    if match := re.search(r"LargeBinary\((\d+)\)", statement):
        yield f"{column}:var_binary:{match[1]}"


def _values(tree: ast.Module, class_name: str) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            for statement in node.body:
                match statement:
                    case ast.Assign(value=ast.Constant(value=str(value))):
                        yield value
