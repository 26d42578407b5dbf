"""Insertions as tables of the ledger, and back."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import attrs

from photon_runtime.generators import (
    InsertArgument,
    InsertAttribute,
    InsertCall,
    InsertCode,
    InsertItem,
    RemoveAttribute,
    SetToml,
)

from ._python_imports import single_imports

if TYPE_CHECKING:
    from ._insertions import TextEdit

_KINDS: dict[str, type[TextEdit]] = {
    "code": InsertCode,
    "call": InsertCall,
    "argument": InsertArgument,
    "item": InsertItem,
    "attribute": InsertAttribute,
    "removal": RemoveAttribute,
    "toml": SetToml,
}


def table_from_edit(edit: TextEdit) -> dict[str, Any]:
    """Return an insertion as a table."""
    kind = next(name for name, cls in _KINDS.items() if isinstance(edit, cls))
    members = attrs.asdict(edit, recurse=False)
    return {"kind": kind} | {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in members.items()
        if value is not None and not (key == "optional" and value is False)
    }


def edit_from_table(table: dict[str, Any]) -> TextEdit:
    """Return the insertion of a table.

    Raises:
        ValueError: The table does not describe one.
        TypeError: Likewise.
    """
    members = dict(table)
    kind = members.pop("kind", None)
    if kind not in _KINDS:
        raise ValueError(f"{kind!r} is not a kind of insertion")
    if "key" in members:
        members["key"] = tuple(members["key"])
    return _KINDS[kind](**members)


def parts_of(edit: TextEdit) -> list[TextEdit]:
    """Split an insertion into those that can be there or missing by themselves: imported names."""
    if isinstance(edit, InsertCode) and edit.place == "imports":
        return [attrs.evolve(edit, code=ast.unparse(each)) for each in single_imports(edit.code)]
    return [edit]
