"""Catalogs: the texts of each locale by key, from ``locales/<locale>.toml``.

::

    title = "My blog"

    [posts]
    by = "by {author}"

    [posts.count]
    one = "one post"
    other = "{count} posts"

The keys are ``title``, ``posts.by`` and ``posts.count``. A table whose keys are plural categories,
``other`` among them, is one text. ``{name}`` is replaced by a value, ``{{`` and ``}}`` are braces.
All errors of all files are found at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from photon_runtime.errors import SettingsError
from photon_runtime.toml_files import KeyPath, TomlFile, read_toml

from .._locale_settings import LOCALE
from ._negotiation import parents_of
from ._plurals import CATEGORIES, categories_of

_PLACEHOLDER: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
COUNT: Final = "count"


@attrs.frozen
class Text:
    """A text of one locale.

    Attributes:
        forms: The text of each plural category; of one without plural forms, ``other`` alone.
        place: Where it is, as ``file:line``.
    """

    forms: Mapping[str, str]
    place: str

    @property
    def is_plural(self) -> bool:
        """True if it has plural forms."""
        return len(self.forms) > 1

    def placeholders(self) -> frozenset[str]:
        """Return the names of its values; the count is optional in plural forms."""
        names = {name for form in self.forms.values() for name in names_in(form)}
        return frozenset(names | {COUNT} if self.is_plural else names)


Catalog = Mapping[str, Text]


def names_in(text: str) -> Iterator[str]:
    """Yield the names of the values in a text."""
    for match in _PLACEHOLDER.finditer(text):
        if match[1] is not None:
            yield match[1]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its values; one that is missing stays a placeholder."""

    def replace(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        name = match[1]
        return values[name] if name is not None and name in values else match[0]

    return _PLACEHOLDER.sub(replace, text)


def load_catalogs(
    folder: Path, shown: str, default: str
) -> tuple[dict[str, Catalog], list[str], list[str]]:
    """Return the catalogs of a folder by locale, with their errors and what they lack.

    Args:
        folder: The folder; if it does not exist, there are no catalogs.
        shown: The folder as messages show it.
        default: The default locale, which must have every text.

    Returns:
        The catalogs; the errors; and, for each locale, the texts that it takes from the default.

    Blocks: the calling thread, while files are read.
    """
    catalogs: dict[str, Catalog] = {}
    errors: list[str] = []
    for path in sorted(folder.glob("*.toml")):
        name = f"{shown}/{path.name}"
        if not LOCALE.fullmatch(path.stem):
            errors.append(f"{name}: the name of a catalog is a language tag, such as de-AT.toml")
            continue
        catalogs[path.stem] = {}
        try:
            file = read_toml(path, name=name)
        except SettingsError as error:
            errors.append(str(error))
            continue
        if file is not None:
            reader = _Reader(file, path.stem, errors)
            catalogs[path.stem] = dict(reader.texts((), file.values))
    if catalogs and default not in catalogs:
        errors.append(f"{shown}/{default}.toml: the catalog of the default locale does not exist")
    errors += _different_placeholders(catalogs, default)
    return catalogs, errors, _missing(catalogs, default)


@attrs.define
class _Reader:
    """Reads one file."""

    file: TomlFile
    locale: str
    errors: list[str]

    def texts(self, path: KeyPath, table: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
        for key, value in table.items():
            inner = (*path, key)
            if "." in key:
                self._add(inner, "a key has no dot: write a table")
            if isinstance(value, str):
                yield _dotted(inner), self._text(inner, {"other": value})
            elif isinstance(value, dict) and "other" in value and set(value) <= set(CATEGORIES):
                yield _dotted(inner), self._plural(inner, value)
            elif isinstance(value, dict):
                yield from self.texts(inner, value)
            else:
                self._add(inner, f"expected a text, got {type(value).__name__}")

    def _plural(self, path: KeyPath, forms: Mapping[str, Any]) -> Text:
        texts = {name: form for name, form in forms.items() if isinstance(form, str)}
        for name in forms.keys() - texts.keys():
            self._add((*path, name), "expected a text")
        needed = categories_of(self.locale)
        lacking = [name for name in needed if name not in forms]
        if lacking:
            self._add(path, f"the language also needs the plural form {' and '.join(lacking)}")
        return self._text(path, texts)

    def _text(self, path: KeyPath, forms: Mapping[str, str]) -> Text:
        for form in forms.values():
            for match in _PLACEHOLDER.finditer(form):
                if match[0] in "{}":
                    self._add(path, "a brace is written twice, or is part of a {name}")
                elif match[1] is not None and not _NAME.fullmatch(match[1]):
                    self._add(path, f"{match[0]} is not a placeholder: write {{name}}")
        return Text(forms, self.file.place(path))

    def _add(self, path: KeyPath, problem: str) -> None:
        self.errors.append(f"{self.file.place(path)}: {_dotted(path)}: {problem}")


def _different_placeholders(catalogs: Mapping[str, Catalog], default: str) -> Iterator[str]:
    original = catalogs.get(default, {})
    for locale, catalog in catalogs.items():
        for key, text in catalog.items():
            expected = original.get(key)
            if locale == default or expected is None:
                continue
            names, own = expected.placeholders(), text.placeholders()
            optional = {COUNT} if expected.is_plural or text.is_plural else set()
            if names - optional != own - optional:
                yield (
                    f"{text.place}: {key}: has the values {_listed(own)}, but in {default} "
                    f"{_listed(names)}"
                )


def _missing(catalogs: Mapping[str, Catalog], default: str) -> list[str]:
    """Return the texts that a locale lacks; regional ones take theirs from their language."""
    keys = {key for catalog in catalogs.values() for key in catalog}
    by_tag = {locale.lower(): catalog for locale, catalog in catalogs.items()}
    lines = []
    for locale in catalogs:
        inherited = [by_tag[tag] for tag in parents_of(locale) if tag in by_tag]
        lacking = sorted(key for key in keys if not any(key in each for each in inherited))
        if lacking:
            lines.append(f"{locale}: {', '.join(lacking)}")
    return lines


def _listed(names: frozenset[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names)) or "none"


def _dotted(path: KeyPath) -> str:
    return ".".join(map(str, path))
