"""One insertion into the text of a file, or out of it, whatever its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from photon_runtime.generators import (
    InsertAttribute,
    InsertCall,
    InsertCode,
    InsertItem,
    SetToml,
)

from ._code_lines import insert_code, remove_code
from ._import_order import ImportOrder
from ._line_length import line_length
from ._python_imports import insert_import, remove_import
from ._python_statements import (
    insert_attribute,
    insert_call,
    insert_element,
    remove_attribute,
    remove_call,
    remove_element,
)
from ._toml_keys import remove_key, set_key

if TYPE_CHECKING:
    from pathlib import Path

TextEdit: TypeAlias = InsertCode | InsertCall | InsertItem | InsertAttribute | SetToml


def text_with(text: str, edit: TextEdit, root: Path) -> str:
    """Return the text with an insertion; the same text if it is there already.

    Raises:
        Conflict: It cannot be made.
    """
    match edit:
        case InsertCode(place="imports"):
            order = ImportOrder(root, edit.path)
            for line in edit.code.strip().splitlines():
                text = insert_import(text, line, order, line_length(root))
            return text
        case InsertCode():
            return insert_code(text, edit)
        case InsertCall():
            return insert_call(text, edit)
        case InsertItem():
            return insert_element(text, edit, line_length(root))
        case InsertAttribute():
            return insert_attribute(text, edit)
        case SetToml():
            return set_key(text, edit)


def text_without(text: str, edit: TextEdit, root: Path) -> str:
    """Return the text without an insertion; the same text if it is not there.

    Raises:
        Conflict: What was inserted was changed, or is still used.
    """
    match edit:
        case InsertCode(place="imports"):
            order = ImportOrder(root, edit.path)
            for line in edit.code.strip().splitlines():
                text = remove_import(text, line, order)
            return text
        case InsertCode():
            return remove_code(text, edit.code)
        case InsertCall():
            return remove_call(text, edit)
        case InsertItem():
            return remove_element(text, edit)
        case InsertAttribute():
            return remove_attribute(text, edit)
        case SetToml():
            return remove_key(text, edit)
