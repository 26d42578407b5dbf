"""One insertion into the text of a file, or out of it, whatever its kind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from photon_runtime.generators import (
    InsertArgument,
    InsertAttribute,
    InsertCall,
    InsertCode,
    InsertItem,
    RemoveAttribute,
    SetToml,
)

from ._call_arguments import insert_argument, remove_argument
from ._code_lines import insert_code, remove_code
from ._conflict import Conflict
from ._import_order import ImportOrder
from ._line_length import line_length
from ._python_imports import insert_imports, remove_imports
from ._python_statements import (
    drop_attribute,
    insert_attribute,
    insert_call,
    insert_element,
    remove_attribute,
    remove_call,
    remove_element,
)

if TYPE_CHECKING:
    from pathlib import Path

TextEdit: TypeAlias = (
    InsertCode
    | InsertCall
    | InsertArgument
    | InsertItem
    | InsertAttribute
    | RemoveAttribute
    | SetToml
)


def _set_key(text: str, edit: SetToml) -> str:
    from ._toml_keys import set_key  # here, because tomlkit is slow to import

    return set_key(text, edit)


def _remove_key(text: str, edit: SetToml) -> str:
    from ._toml_keys import remove_key

    return remove_key(text, edit)


_WITH: Final[Mapping[type, Callable[[str, Any], str]]] = {
    InsertCode: insert_code,
    InsertCall: insert_call,
    InsertAttribute: insert_attribute,
    SetToml: _set_key,
}
_WITHOUT: Final[Mapping[type, Callable[[str, Any], str]]] = {
    InsertCall: remove_call,
    InsertArgument: remove_argument,
    InsertItem: remove_element,
    InsertAttribute: remove_attribute,
    SetToml: _remove_key,
}


def text_with(text: str, edit: TextEdit, root: Path) -> str:
    """Return the text with an insertion; the same text if it is present already.

    Raises:
        Conflict: It cannot be made.
    """
    match edit:
        case InsertCode(place="imports"):
            order = ImportOrder(root, edit.path)
            return insert_imports(text, edit.code, order, line_length(root))
        case InsertItem():
            return insert_element(text, edit, line_length(root))
        case RemoveAttribute():
            return _without_imports(drop_attribute(text, edit), edit, root)
        case InsertArgument():
            return insert_argument(text, edit, line_length(root))
        case _:
            return _WITH[type(edit)](text, edit)


def text_without(text: str, edit: TextEdit, root: Path) -> str:
    """Return the text without an insertion; the same text if it is absent.

    Raises:
        Conflict: What was inserted was changed, or is still used.
    """
    match edit:
        case InsertCode(place="imports"):
            order = ImportOrder(root, edit.path)
            return remove_imports(text, edit.code, order)
        case InsertCode():
            return remove_code(text, edit.code)
        case RemoveAttribute():
            for each in _edits_of(edit):
                text = text_with(text, each, root)
            return text
        case _:
            return _WITHOUT[type(edit)](text, edit)


def _without_imports(text: str, edit: RemoveAttribute, root: Path) -> str:
    """Return the text without those imports that nothing uses any more."""
    order = ImportOrder(root, edit.path)
    for line in edit.imports.splitlines():
        with contextlib.suppress(Conflict):
            text = remove_imports(text, line, order)
    return text


def _edits_of(edit: RemoveAttribute) -> list[InsertCode | InsertAttribute]:
    """Return the insertions that undo a removal."""
    attribute = InsertAttribute(edit.path, edit.code, of=edit.of)
    if not edit.imports.strip():
        return [attribute]
    return [InsertCode(edit.path, edit.imports, place="imports"), attribute]
