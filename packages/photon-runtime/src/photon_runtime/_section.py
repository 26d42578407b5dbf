"""One section of the settings: a table of plain values to an instance of its attrs class.

msgspec converts the single values. The walk over attrs classes is done here, for three reasons:
msgspec stops at the first error, it cannot take one value strictly and its neighbour, which came
out of the environment, leniently, and it knows no nearest name for a key that is not there.
"""

from __future__ import annotations

import difflib
import tomllib
import types
import typing
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import msgspec

from ._msgspec_messages import conversion_message, text_message, wrong_type
from ._table_members import is_table, members_of_table
from ._table_members import require_table as require_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from ._toml import KeyPath

_FAULTY = object()
"""Stands for a value that was complained about already."""


def read_section(
    value: object,
    cls: type,
    *,
    path: KeyPath,
    place: Callable[[KeyPath], str],
    texts: AbstractSet[KeyPath],
) -> tuple[object, list[str]]:
    """Convert a table to an instance of a class.

    Args:
        value: The table as it was read.
        cls: What to make of it.
        path: The way to the table.
        place: Says where the value at a path was written.
        texts: Paths of values that were only ever text, and are therefore read leniently.

    Returns:
        The instance, and everything that is wrong. The instance counts only if nothing is.
    """
    reader = _Reader(place, texts)
    return reader.convert(value, cls, path), reader.problems


def nearest(name: str, valid: Iterable[str], *, kind: str) -> str:
    """Suggest the name that was probably meant, or list all that there are."""
    names = list(valid)
    close = difflib.get_close_matches(name, names, 1)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"the {kind} are: {', '.join(names)}" if names else f"there are no {kind}"


@attrs.define
class _Reader:
    place: Callable[[KeyPath], str]
    texts: AbstractSet[KeyPath]
    problems: list[str] = attrs.Factory(list)

    def convert(self, value: object, kind: object, path: KeyPath) -> object:
        """Convert a value; complain and return ``_FAULTY`` when it does not fit."""
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            kind = _table_of(arguments, value) or kind
        if is_table(kind):
            return self._table(value, kind, path)
        if origin is list and isinstance(value, list) and is_table(arguments[0]):
            return [self.convert(item, arguments[0], (*path, n)) for n, item in enumerate(value)]
        if origin is dict and isinstance(value, dict) and is_table(arguments[1]):
            return {k: self.convert(item, arguments[1], (*path, k)) for k, item in value.items()}
        return self._single(value, kind, path)

    def _table(self, value: object, cls: type, path: KeyPath) -> object:
        if not isinstance(value, dict):
            return self._complain(path, f"{_title(path)} must be a table of keys and values")
        known = {member.key: member for member in members_of_table(cls)}
        kinds = typing.get_type_hints(cls, include_extras=True)
        before = len(self.problems)
        arguments: dict[str, object] = {}
        written: dict[str, KeyPath] = {}
        for name, item in value.items():
            here = (*path, name)
            key = self._key(name, here, known.keys() - value.keys())
            member = known.get(key)
            if member is None:
                hint = nearest(key, known, kind="keys")
                self._complain(here, f"{_title(path)} has no key `{key}`; {hint}")
                continue
            written[key] = here
            arguments[member.argument] = (
                item if member.is_converted else self.convert(item, kinds[member.name], here)
            )
        for key, member in known.items():
            if key not in written and member.is_required:
                self._complain(path, f"{_title(path)} needs the key `{key}`, which is not there")
        if len(self.problems) > before:
            return _FAULTY
        return self._build(cls, arguments, path, written)

    def _key(self, name: str, here: KeyPath, absent: Iterable[str]) -> str:
        """Return the key that a name means: those of variables do not distinguish capitals."""
        if not self._came_as_text(here):
            return name
        return next((key for key in absent if key.lower() == name.lower()), name)

    def _build(
        self,
        cls: type,
        arguments: dict[str, object],
        path: KeyPath,
        written: Mapping[str, KeyPath],
    ) -> object:
        """Make the instance, then run the validators one by one to hear all of them."""
        try:
            with attrs.validators.disabled():
                instance = cls(**arguments)
        except (TypeError, ValueError) as error:
            # The message of a converter mostly has the value in it, and does not name the key.
            is_secret = any(
                member.may_tell and not member.is_shown and member.argument in arguments
                for member in members_of_table(cls)
            )
            reason = "a value is not allowed" if is_secret else str(error)
            return self._complain(path, f"{_title(path)}: {reason}")
        for field in attrs.fields(cls) if attrs.has(cls) else ():
            if field.validator is None:
                continue
            try:
                field.validator(instance, field, getattr(instance, field.name))
            except (TypeError, ValueError) as error:
                # attrs puts the attribute, the value and so on behind the message.
                reason = error.args[0] if error.args and field.repr else "this value is not allowed"
                key = field.alias or field.name
                here = written.get(key, (*path, key))
                self._complain(here, f"`{_dotted((*path, key))}`: {reason}")
        return instance

    def _single(self, value: object, kind: object, path: KeyPath) -> object:
        is_text = self._came_as_text(path)
        try:
            return _convert(value, kind, strict=not is_text)
        except msgspec.ValidationError as error:
            if path in self.texts and isinstance(value, str):
                if (inner := _toml_value(value)) is not None:
                    return self._single_of_text(inner, kind, path)
                return self._complain(path, f"`{_dotted(path)}`: {text_message(error)}")
            return self._complain(path, f"`{_dotted(path)}`: {conversion_message(error)}")

    def _single_of_text(self, value: object, kind: object, path: KeyPath) -> object:
        """Convert an array or a table that was written as TOML in an environment variable."""
        try:
            return _convert(value, kind, strict=False)
        except msgspec.ValidationError as error:
            return self._complain(path, f"`{_dotted(path)}`: {conversion_message(error)}")

    def _came_as_text(self, path: KeyPath) -> bool:
        return any(text[: len(path)] == path for text in self.texts)

    def _complain(self, path: KeyPath, what: str) -> object:
        self.problems.append(f"{self.place(path)}: {what}")
        return _FAULTY


def _convert(value: object, kind: object, *, strict: bool) -> object:
    converted: object = msgspec.convert(value, kind, strict=strict, dec_hook=_hook)
    return converted


def _hook(kind: type, value: object) -> object:
    """Convert what msgspec does not know itself."""
    if issubclass(kind, Path) and isinstance(value, str):
        return kind(value)
    raise msgspec.ValidationError(wrong_type(kind, value))


def _table_of(members: tuple[object, ...], value: object) -> type | None:
    """The member of a union such as ``TLSSettings | None`` that a table is meant for."""
    if not isinstance(value, dict):
        return None
    return next((member for member in members if is_table(member)), None)


def _toml_value(text: str) -> object:
    """Read a text such as ``["a", "b"]`` as TOML; ``None`` if it is not an array or a table."""
    if not text.lstrip().startswith(("[", "{")):
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return None


def _title(path: KeyPath) -> str:
    return f"[{_dotted(path)}]"


def _dotted(path: KeyPath) -> str:
    return ".".join(str(part) for part in path)
