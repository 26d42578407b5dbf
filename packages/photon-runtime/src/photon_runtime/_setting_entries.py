"""The settings one by one, with the source of each: what ``photon config show`` shows."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING

import attrs

from .redaction import MASK, is_secret_name, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ._toml import KeyPath

DEFAULT = "default"
"""The source of a setting that is not written anywhere."""

_VARIABLE = "a variable of the environment"
_ENTRY_PATH = ("",)


@attrs.frozen
class SettingEntry:
    """One setting.

    Attributes:
        path: Names of its section, of tables in it, and of its key.
        value: Its value, which may be a secret.
        source: Where it was written: ``photon.toml:3``, ``config/test.toml:1``, the name of a
            variable, or ``default``.
        is_secret: True if the value must not be shown.
        shown: The value as it may be shown: plain data, without passwords in URLs.
    """

    path: tuple[str, ...]
    value: object = attrs.field(repr=False)
    source: str
    is_secret: bool
    shown: object

    @property
    def name(self) -> str:
        """The path as it is written in messages, such as ``server.port``."""
        return ".".join(self.path)


def entries_of(
    instance: object, table: object, path: KeyPath, place: Callable[[KeyPath], str]
) -> Iterator[SettingEntry]:
    """Yield the settings of an instance of an attrs class.

    Args:
        instance: The instance.
        table: What the sources have at this path.
        path: Names of the section, and of tables in it.
        place: Returns where the value at a path was written.
    """
    written: Mapping[object, object] = table if isinstance(table, dict) else {}
    cls: type[attrs.AttrsInstance] = type(instance)  # type: ignore[assignment]
    for field in attrs.fields(cls):
        if not field.init:
            continue
        key = field.alias or field.name
        here, value = (*path, key), getattr(instance, field.name)
        if attrs.has(type(value)):
            yield from entries_of(value, written.get(key), here, place)
            continue
        source = place(here) if key in written else DEFAULT
        yield _entry(here, value, source, display=field.repr)


def overridden_entries(entries: Iterable[SettingEntry], instance: object) -> Iterator[SettingEntry]:
    """Yield entries with what a class reads from variables of its own, as of ``DATABASE_URL``.

    Args:
        entries: The entries of an instance.
        instance: The instance; its class may have a method ``with_environment``, which returns the
            instance that the package uses.
    """
    adapt = getattr(instance, "with_environment", None)
    used = adapt() if callable(adapt) else None
    written = {entry.path[1:]: entry for entry in entries}
    if used is not None:
        names = {field.alias for field in attrs.fields(type(used))}
        for each in entries_of(used, dict.fromkeys(names), _ENTRY_PATH, lambda _: _VARIABLE):
            before = written.get(each.path[1:])
            if before is not None and before.value != each.value:
                source = _variable_with(each.value)
                written[each.path[1:]] = attrs.evolve(each, path=before.path, source=source)
    yield from written.values()


def _variable_with(value: object) -> str:
    """Return the variable that has a value, as ``DATABASE_URL``; a class does not name it."""
    return next((name for name, text in os.environ.items() if text == value), _VARIABLE)


def raw_entries(
    table: object, path: KeyPath, place: Callable[[KeyPath], str]
) -> Iterator[SettingEntry]:
    """Yield the settings at a path that has no class, or one that does not accept them."""
    if not isinstance(table, dict):
        yield _entry(path, table, place(path), display=True)
        return
    for key, value in table.items():
        yield from raw_entries(value, (*path, key), place)


def _entry(
    path: KeyPath, value: object, source: str, *, display: bool | Callable[[object], str]
) -> SettingEntry:
    names = tuple(map(str, path))
    # A default is public, in the source, whatever the name of its key.
    is_marked = display is False or (source != DEFAULT and is_secret_name(names[-1]))
    is_secret = is_marked and value not in (None, "", (), []) and not isinstance(value, int | float)
    shown: object = MASK
    if not is_secret:
        is_own = callable(display) and isinstance(value, str)  # others lose their form by it
        shown = display(value).strip("'\"") if is_own else _plain(value)  # type: ignore[operator]
    return SettingEntry(names, value, source, is_secret, shown)


def _plain(value: object) -> object:
    """Return a value as plain data, without secrets in its texts and under names that mean one."""
    if isinstance(value, str | PurePath):
        return redact(str(value))
    if isinstance(value, dict):
        return {
            str(key): MASK if is_secret_name(str(key)) and item else _plain(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    cls = type(value)
    if attrs.has(cls):
        fields = attrs.fields(cls)
        return {field.name: _shown_field(field, value) for field in fields}
    return value if value is None or isinstance(value, bool | int | float) else redact(str(value))


def _shown_field(field: attrs.Attribute[object], owner: object) -> object:
    value = getattr(owner, field.name)
    is_secret = field.repr is False or is_secret_name(field.name)
    return MASK if is_secret and value else _plain(value)
