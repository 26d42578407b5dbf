"""Insertion and removal of keys in a TOML text that keeps comments and layout, for `SetToml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AbstractTable
from tomlkit.toml_document import TOMLDocument

from ._conflict import Conflict

if TYPE_CHECKING:
    from photon_runtime.generators import SetToml

_MISSING = object()


def set_key(text: str, edit: SetToml) -> str:
    """Return the text with the key in it; the same text if the key has the value already.

    Raises:
        Conflict: The key has another value, or what should be a table is a value.
    """
    document = _parse(text)
    table: TOMLDocument | AbstractTable = document
    for number, part in enumerate(edit.key[:-1], start=1):
        if part not in table:
            table[part] = tomlkit.table(is_super_table=number < len(edit.key) - 1)
        table = _table(table[part], edit.key[:number])
    name = edit.key[-1]
    current = _plain(table.get(name, _MISSING))
    if current == edit.value and type(current) is type(edit.value):
        return text
    table[name] = edit.value
    changed = tomlkit.dumps(document)
    if current is not _MISSING:
        raise Conflict(f"`{'.'.join(edit.key)}` is {current!r} already", forced=changed.encode())
    return changed


def remove_key(text: str, edit: SetToml) -> str:
    """Return the text without the key, and without tables that are empty then.

    Raises:
        Conflict: The key has another value than the edit gave it.
    """
    document = _parse(text)
    tables: list[TOMLDocument | AbstractTable] = [document]
    for part in edit.key[:-1]:
        inner = tables[-1].get(part)
        if not isinstance(inner, AbstractTable):
            return text
        tables.append(inner)
    current = _plain(tables[-1].get(edit.key[-1], _MISSING))
    if current is _MISSING:
        return text
    for table, part in zip(reversed(tables), reversed(edit.key), strict=True):
        del table[part]
        if table is document or table.as_string().strip():
            break
    changed = tomlkit.dumps(document)
    if changed.endswith("\n\n") and not text.endswith("\n\n"):  # it was before the table
        changed = changed.rstrip("\n") + "\n"
    if current != edit.value:
        raise Conflict(f"`{'.'.join(edit.key)}` is {current!r} now", forced=changed.encode())
    return changed


def _parse(text: str) -> TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise Conflict(f"it is not TOML: {error}") from None


def _table(item: object, key: tuple[str, ...]) -> AbstractTable:
    if not isinstance(item, AbstractTable):
        raise Conflict(f"`{'.'.join(key)}` is not a table")
    return item


def _plain(value: object) -> object:
    unwrap = getattr(value, "unwrap", None)
    return unwrap() if callable(unwrap) else value
