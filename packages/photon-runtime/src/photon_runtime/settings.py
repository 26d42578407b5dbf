"""Settings: ``photon.toml``, the environment's own file, and environment variables.

Theory of operation
-------------------
Three sources, of which later ones take precedence; tables merge key by key, all other values are
replaced whole:

1. ``photon.toml``
2. ``config/<environment>.toml``
3. ``PHOTON__SECTION__KEY``, and ``PHOTON__SECTION__SUB__KEY`` for a table in a section

Then ``${NAME}`` and ``${NAME:-default}`` in the resulting strings are replaced from the
environment; overridden strings are not, so a test does not need a variable that only production
uses. ``$${`` is the escape of a plain ``${``. As in a shell, ``:-`` also covers a variable that is
set but empty. Values of ``PHOTON__`` variables are used unchanged.

Values are not typed at this point. Each package describes its section by one attrs class, which
``@section("name")`` binds to it, and ``Settings.read`` makes the instance, once. The decorator is
the only place that names both; ``Settings.section`` is for sections without such a class, as an
application has. A value from a file has its TOML type and must match exactly (``port = "8000"`` is
an error); a value from the environment is always text and is converted to the type of the field.
The source of every value is recorded, so every error can name the file and line, or the variable.
All errors are collected before one exception is raised: five typing errors must not cost five
starts of the server.

The section ``[app]`` belongs to the application; it is checked only if the application does so.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import attrs

from ._section import nearest, read_section
from ._section import require_table as require_table
from ._section_binding import SectionBinding
from ._section_binding import binding_of as binding_of
from ._section_binding import section as section
from ._setting_entries import SettingEntry as SettingEntry
from ._setting_entries import entries_of, overridden_entries, raw_entries
from ._toml import KeyPath, TomlFile, read_toml
from .errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

T = TypeVar("T")

_PREFIX = "PHOTON__"
_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_APPLICATION_SECTION = "app"


class _Source(Protocol):
    """Where values come from: a file, or one variable of the environment."""

    def place(self, path: KeyPath) -> str:
        """Return the place where the value at a path was written."""
        ...


@attrs.frozen
class _Variable:
    """One variable of the environment."""

    name: str

    def place(self, path: KeyPath) -> str:
        """Return the name of the variable, for any path."""
        return self.name


@attrs.frozen(repr=False, eq=False)
class Settings:
    """The merged settings of a project, not yet typed.

    Its ``repr`` names the sections and shows no values, since values may be secrets.

    Attributes:
        root: The folder of ``photon.toml``.
        environment: The name of the environment, such as ``production``.
    """

    root: Path
    environment: str
    _values: dict[str, object] = attrs.field(alias="values")
    _sources: dict[KeyPath, _Source] = attrs.field(alias="sources")
    _texts: frozenset[KeyPath] = attrs.field(alias="texts")
    _typed: dict[tuple[type, str | None], object] = attrs.field(factory=dict, init=False)

    def __repr__(self) -> str:
        return (
            f"<Settings of {str(self.root)!r} for {self.environment!r}: "
            f"sections {', '.join(self._values) or 'none'}>"
        )

    def read(self, cls: type[T]) -> T:
        """Return the section that a class is bound to; see `section`.

        It is converted once, and the same instance is returned from then on.

        Args:
            cls: An attrs class decorated by ``@section("name")``.

        Raises:
            SettingsError: A key is unknown, missing or not of its type; all problems are listed,
                each with its file and line.
            TypeError: The class is not bound to a section.
        """
        binding = _bound(cls)
        value, problems = self._read_bound(cls, binding, None)
        if problems:
            raise SettingsError(_summary(problems))
        return cast("T", value)

    def read_named(self, cls: type[T]) -> dict[str, T]:
        """Return the further sections of a class, by name: ``reports`` for ``[database.reports]``.

        Args:
            cls: An attrs class decorated by ``@section("name", named=True)``.

        Raises:
            SettingsError: As `read`, for all of them at once.
            TypeError: The class is not bound to a section with further sections.
        """
        binding = _bound(cls)
        if not binding.named:
            raise TypeError(
                f"{cls.__qualname__} has one section, [{binding.name}];"
                f' for further ones write @section("{binding.name}", named=True)'
            )
        values: dict[str, T] = {}
        problems: list[str] = []
        for name in self._split(cls, binding)[1]:
            value, faults = self._read_bound(cls, binding, name)
            values[name] = cast("T", value)
            problems += faults
        if problems:
            raise SettingsError(_summary(problems))
        return values

    def section(self, name: str, cls: type[T]) -> T:
        """Read one section of a class that is not bound to it, such as ``[app]``.

        Args:
            name: The section, without brackets.
            cls: An attrs class, a dataclass or a `msgspec.Struct`, whose fields are the keys; its
                defaults are used for missing keys and its validators run. A field with
                ``repr=False`` holds a secret: its value does not appear in messages. Any other type
                that msgspec converts is accepted too.

        Returns:
            An instance, also when the section does not exist and every key has a default.

        Raises:
            SettingsError: A key is unknown, missing or not of its type; all problems are listed,
                each with its file and line.
        """
        value, problems = self._read(name, cls)
        if problems:
            raise SettingsError(_summary(problems))
        return cast("T", value)

    def check(self, known: Mapping[str, type]) -> None:
        """Check all sections at once.

        Args:
            known: Class of each section that a package reads.

        Raises:
            SettingsError: A section is unknown, or a known one does not match its class; all errors
                of all sections are listed.
        """
        problems = []
        for name, value in self._values.items():
            if name in known:
                continue
            if not isinstance(value, dict):
                problems.append(
                    f"{self._place((name,))}: `{name}` is outside of all sections;"
                    " put it below a line such as [server]"
                )
            elif name != _APPLICATION_SECTION:
                problems.append(
                    f"{self._place((name,))}: no package reads the section [{name}]; "
                    + nearest(name, [*known, _APPLICATION_SECTION], kind="sections")
                )
        for name, cls in known.items():
            binding = binding_of(cls)
            if binding is None or binding.name != name:
                problems += self._read(name, cls)[1]
            else:
                problems += self._check_bound(cls, binding)
        if problems:
            raise SettingsError(_summary(problems))

    def entries(self, known: Mapping[str, type]) -> list[SettingEntry]:
        """Return all settings one by one with their sources, defaults included.

        A section that is invalid, or that has no class, is listed as it is written.

        Args:
            known: Class of each section that a package reads.
        """
        found: list[SettingEntry] = []
        for name in dict.fromkeys([*known, *self._values]):
            cls = known.get(name)
            if cls is None or not attrs.has(cls):
                found += raw_entries(self._values.get(name, {}), (name,), self._place)
            else:
                found += self._typed_entries(name, cls)
        return found

    def _typed_entries(self, section_name: str, cls: type) -> Iterator[SettingEntry]:
        binding = binding_of(cls) or SectionBinding(section_name)
        own, further = self._split(cls, binding)
        is_alone = bool(further) and not own
        names = list(further) if is_alone else [None, *further]
        for name in names:
            table = own if name is None else further[name]
            path = (section_name,) if name is None else (section_name, name)
            value, problems = read_section(
                table, cls, path=path, place=self._place, texts=self._texts
            )
            if problems:
                yield from raw_entries(table, path, self._place)
            else:
                yield from overridden_entries(
                    entries_of(value, table, path, self._place), value if name is None else None
                )

    def _check_bound(self, cls: type, binding: SectionBinding) -> list[str]:
        if not binding.named:
            return self._read_bound(cls, binding, None)[1]
        own, further = self._split(cls, binding)
        names = [None] if own else []  # its keys may be required while only further sections exist
        problems = []
        for name in (*names, *further):
            problems += self._read_bound(cls, binding, name)[1]
        return problems

    def _read_bound(
        self, cls: type, binding: SectionBinding, name: str | None
    ) -> tuple[object, list[str]]:
        """Read the section of a class, or one of its further sections; remember the instance."""
        key = (cls, name)
        if key in self._typed:
            return self._typed[key], []
        own, further = self._split(cls, binding)
        table, path = own, (binding.name,)  # type: tuple[object, KeyPath]
        if name is not None:
            table, path = further[name], (*path, name)
        value, problems = read_section(table, cls, path=path, place=self._place, texts=self._texts)
        if not problems:
            self._typed[key] = value
        return value, problems

    def _split(self, cls: type, binding: SectionBinding) -> tuple[object, dict[str, object]]:
        """Separate the keys of a section from its further sections."""
        table = self._values.get(binding.name, {})
        if not binding.named or not isinstance(table, dict):
            return table, {}
        keys = {field.alias for field in attrs.fields(cls) if field.init}
        further: dict[str, object] = {
            key: value
            for key, value in table.items()
            if isinstance(value, dict) and key not in keys
        }
        own: object = {key: value for key, value in table.items() if key not in further}
        return own, further

    def _read(self, name: str, cls: type) -> tuple[object, list[str]]:
        return read_section(
            self._values.get(name, {}), cls, path=(name,), place=self._place, texts=self._texts
        )

    def _place(self, path: KeyPath) -> str:
        length = len(path)
        while length and path[:length] not in self._sources:
            length -= 1
        return self._sources[path[:length]].place(path) if length else "photon.toml"


def load_settings(
    root: Path, *, environment: str, environ: Mapping[str, str] = os.environ
) -> Settings:
    """Read the settings of a project.

    Args:
        root: The folder of ``photon.toml``. Neither that file nor ``config/<environment>.toml`` has
            to exist.
        environment: The name of the environment: letters, digits, ``-`` and ``_``.
        environ: The variables for ``PHOTON__SECTION__KEY`` and ``${NAME}``.

    Returns:
        The settings. Sections are checked when they are read, or all at once by
        ``Settings.check``.

    Raises:
        SettingsError: A file is not TOML, a ``${NAME}`` has no value, or a ``PHOTON__`` variable
            names no key; all problems are listed with file and line.

    Example:
        >>> from pathlib import Path
        >>> load_settings(Path("."), environment="test", environ={"PHOTON__SERVER__PORT": "80"})
        <Settings of '.' for 'test': sections server>
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", environment):
        raise SettingsError(
            f"the environment {environment!r} is not a name: use letters, digits, - and _, "
            "as in production"
        )
    layers = _Layers(environ)
    for name in ("photon.toml", f"config/{environment}.toml"):
        layers.add_file(root / name, name=name)
    layers.add_environment()
    values = layers.expanded()
    if layers.problems:
        raise SettingsError(_summary(layers.problems))
    return Settings(root, environment, values, layers.sources, frozenset(layers.texts))


@attrs.define
class _Layers:
    """The merge in progress.

    Attributes:
        values: Merged values of the sources so far.
        sources: Source of the value at each path.
        texts: Paths whose values are text from the environment.
        problems: Errors so far.
    """

    environ: Mapping[str, str]
    values: dict[str, object] = attrs.Factory(dict)
    sources: dict[KeyPath, _Source] = attrs.Factory(dict)
    texts: set[KeyPath] = attrs.Factory(set)
    problems: list[str] = attrs.Factory(list)

    def add_file(self, path: Path, *, name: str) -> None:
        """Merge a file, if it is there, over what is known."""
        try:
            file = read_toml(path, name=name)
        except SettingsError as error:
            self.problems.append(str(error))
            return
        if file is not None:
            self._merge(self.values, file.values, (), file)

    def _merge(
        self, below: dict[str, object], above: dict[str, object], path: KeyPath, file: TomlFile
    ) -> None:
        for key, value in above.items():
            here = (*path, key)
            self.sources[here] = file
            if not isinstance(value, dict):
                below[key] = value
                continue
            table = below.get(key)
            if not isinstance(table, dict):
                table = below[key] = {}
            self._merge(table, value, here, file)

    def add_environment(self) -> None:
        """Merge the ``PHOTON__`` variables over what is known."""
        for name in sorted(self.environ):
            if name.startswith(_PREFIX):
                self._add_variable(name, self.environ[name])

    def _add_variable(self, name: str, text: str) -> None:
        parts = name.removeprefix(_PREFIX).split("__")
        if len(parts) == 1 or not all(parts):
            self.problems.append(
                f"{name}: this names no key; write PHOTON__SECTION__KEY, as in PHOTON__SERVER__PORT"
            )
            return
        table, path = self.values, ()  # type: tuple[dict[str, object], KeyPath]
        for part in parts[:-1]:
            key = _spelling(part, table)
            path = (*path, key)
            self.sources.setdefault(path, _Variable(name))
            inner = table.setdefault(key, {})
            if not isinstance(inner, dict):
                self.problems.append(
                    f"{name}: `{_dotted(path)}` is a value ({self.sources[path].place(path)}),"
                    " not a table that could hold a key"
                )
                return
            table = inner
        key = _spelling(parts[-1], table)
        path = (*path, key)
        if isinstance(table.get(key), dict):
            self.problems.append(
                f"{name}: `{_dotted(path)}` is a table; name a key in it: {name}__KEY"
            )
            return
        table[key] = text
        self.sources[path] = _Variable(name)
        self.texts.add(path)

    def expanded(self) -> dict[str, object]:
        """Replace the references in all strings that came out of a file."""
        return {key: self._expand(value, (key,)) for key, value in self.values.items()}

    def _expand(self, value: object, path: KeyPath) -> object:
        if isinstance(value, dict):
            return {key: self._expand(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._expand(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, str) and path not in self.texts and "${" in value:
            return self._replace(value, path)
        return value

    def _replace(self, text: str, path: KeyPath) -> str:
        pieces = []
        end = 0
        for found in _REFERENCE.finditer(text):
            pieces.append(text[end : found.start()])
            end = found.end()
            if found[1] is None:
                pieces.append("${")
                continue
            self.texts.add(path)
            pieces.append(self._reference(found[1], path, is_closed=bool(found[2])))
        return "".join([*pieces, text[end:]])

    def _reference(self, inside: str, path: KeyPath, *, is_closed: bool) -> str:
        parts = _NAME.fullmatch(inside)
        if parts is None or not is_closed:
            self._complain(
                path, "a ${ begins no ${NAME} or ${NAME:-default}; write $${ for a plain ${"
            )
            return ""
        name, default = parts.groups()
        value = self.environ.get(name)
        if default is not None:
            return value or default
        if value is None:
            self._complain(
                path,
                f"the environment variable {name} is not set;"
                f" set it, or give a default: ${{{name}:-default}}",
            )
        return value or ""

    def _complain(self, path: KeyPath, what: str) -> None:
        length = len(path)
        while path[:length] not in self.sources:
            length -= 1
        place = self.sources[path[:length]].place(path)
        self.problems.append(f"{place}: `{_dotted(path)}`: {what}")


def _bound(cls: type) -> SectionBinding:
    binding = binding_of(cls)
    if binding is None:
        raise TypeError(
            f"{cls.__qualname__} is not bound to a section of the settings;"
            ' write @section("name") above the class, or use Settings.section(name, cls)'
        )
    return binding


def _spelling(part: str, table: Mapping[str, object]) -> str:
    """The key that a part of a variable's name means: the one a file has, else in lower case."""
    return next((key for key in table if key.lower() == part.lower()), part.lower())


def _dotted(path: KeyPath) -> str:
    return ".".join(str(part) for part in path)


def _summary(problems: list[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    return "\n".join([f"{len(problems)} problems in the settings:", *_indented(problems)])


def _indented(problems: list[str]) -> Iterator[str]:
    for problem in problems:
        yield f"  {problem}"
