"""What was generated: ``.photon/generated.toml``.

Each run of a generator for a name is one record: its words and options, the version of its package,
each file with a hash of what was written, and each insertion as it was described. The file belongs
into version control. It is sorted, so that two branches that generate different things seldom meet
in it. Line ends do not count in hashes, because version control may change them.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from typing import TYPE_CHECKING, Any

import attrs

from photon_runtime.generators import CreateFile, Generation, GeneratorError

from ._recorded_edits import edit_from_table, table_from_edit
from ._toml_text import toml_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ._insertions import TextEdit

LEDGER = ".photon/generated.toml"
_FORMAT = 1
_HEAD = """\
# What `photon generate` wrote, so that `photon destroy` removes no more than that.
# It belongs in version control; do not edit it.
"""
_MARKER = re.compile(r"^(<{7}|={7}|>{7}|\|{7})( |$)")


def _inside(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    CreateFile(value, "")


@attrs.frozen
class RecordedFile:
    """A generated file.

    Attributes:
        path: The file, from the project's folder.
        digest: The hash of what was written.
        template: Its template, as ``package:folder/file``; empty without one.
        template_digest: The hash of the template then.
    """

    path: str = attrs.field(validator=_inside)
    digest: str
    template: str = ""
    template_digest: str = ""


@attrs.frozen
class Record:
    """One run of a generator.

    Attributes:
        generator: The generator.
        name: The name that it generated for.
        words: The further words.
        options: The values of its options.
        package: The distribution that has the generator.
        version: The version of the distribution.
        files: The files that it wrote.
        insertions: The insertions that it made.
    """

    generator: str
    name: str
    words: tuple[str, ...] = ()
    options: Mapping[str, bool | str] = attrs.field(factory=dict)
    package: str = ""
    version: str = ""
    files: tuple[RecordedFile, ...] = ()
    insertions: tuple[TextEdit, ...] = ()

    @property
    def title(self) -> str:
        """The generator and the name, as they are written on the command line."""
        return f"{self.generator} {self.name}"

    @property
    def command(self) -> str:
        """The words of the command line."""
        options = [
            f"--{name}" if value is True else f"--{name}={value}"
            for name, value in self.options.items()
            if value
        ]
        return " ".join([self.title, *self.words, *options])

    @property
    def generation(self) -> Generation:
        """The run, as generators see it."""
        return Generation(self.words, dict(self.options), tuple(each.path for each in self.files))

    def file(self, path: str) -> RecordedFile | None:
        """Return the record of a file."""
        return next((each for each in self.files if each.path == path), None)


@attrs.frozen
class RecordedOverride:
    """A template of a package that was copied into the project.

    Attributes:
        template: The template, as ``package:folder/file``.
        version: The version of the package's distribution.
        digest: The hash of the package's template then.
    """

    template: str
    version: str
    digest: str


@attrs.define
class Ledger:
    """What was generated in a project.

    Attributes:
        records: The runs of generators.
        overrides: The templates that were copied.
    """

    records: list[Record] = attrs.Factory(list)
    overrides: list[RecordedOverride] = attrs.Factory(list)

    @classmethod
    def read(cls, root: Path) -> Ledger:
        """Read the ledger of a project; an empty one if it does not exist.

        Raises:
            GeneratorError: It cannot be read; the message says what to do.
        """
        try:
            text = (root / LEDGER).read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError) as error:
            raise GeneratorError(f"{LEDGER} cannot be read: {error}. {_REMEDY}") from None
        for number, line in enumerate(text.splitlines(), start=1):
            if _MARKER.match(line):
                raise GeneratorError(
                    f"{LEDGER}:{number}: it has the conflict markers of a merge; keep the tables of"
                    " both sides, and remove the markers"
                )
        try:
            return cls._parse(tomllib.loads(text))
        except (tomllib.TOMLDecodeError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise GeneratorError(f"{LEDGER} is damaged: {error}. {_REMEDY}") from None

    @classmethod
    def _parse(cls, table: dict[str, Any]) -> Ledger:
        version = table.get("version")
        if not isinstance(version, int):
            raise ValueError("`version` is missing")  # noqa: TRY004  # damaged, as any other
        if version > _FORMAT:
            raise GeneratorError(
                f"{LEDGER} was written by a newer version of photon-cli (format {version}, not"
                f" {_FORMAT}); install that version"
            )
        return cls(
            [_record(each) for each in table.get("generation", [])],
            [RecordedOverride(**each) for each in table.get("override", [])],
        )

    def content(self) -> bytes | None:
        """Return the file; ``None`` if the ledger is empty."""
        if not self.records and not self.overrides:
            return None
        parts = [_HEAD, f"version = {_FORMAT}\n"]
        for record in sorted(self.records, key=lambda each: (each.generator, each.name)):
            parts.append(f"\n[[generation]]\n{_record_text(record)}")
        for override in sorted(self.overrides, key=lambda each: each.template):
            parts.append(f"\n[[override]]\n{_lines(attrs.asdict(override))}")
        return "".join(parts).encode()

    def find(self, generator: str, name: str) -> Record | None:
        """Return the record of a generator and a name, however the name is written."""
        matches = [each for each in self.records if each.generator == generator]
        exact = next((each for each in matches if each.name == name), None)
        return exact or next((each for each in matches if _plain(each.name) == _plain(name)), None)

    def replace(self, old: Record | None, new: Record | None) -> None:
        """Put a record in the place of another."""
        if old is not None:
            self.records.remove(old)
        if new is not None:
            self.records.append(new)

    def others(self, record: Record | None) -> Iterator[Record]:
        """Yield all other records."""
        return (each for each in self.records if each is not record)

    def owner_of_file(self, path: str, *, besides: Record | None) -> Record | None:
        """Return another record that has the file."""
        return next((each for each in self.others(besides) if each.file(path)), None)

    def owner_of_insertion(self, edit: TextEdit, *, besides: Record | None) -> Record | None:
        """Return another record that has the insertion."""
        return next((each for each in self.others(besides) if edit in each.insertions), None)


_REMEDY = (
    "Restore it from version control, or remove it: `photon generate` with the same words records"
    " files again that are unchanged"
)


def digest(content: bytes) -> str:
    """Return the hash of a file, without regard to its line ends."""
    plain = content.replace(b"\r\n", b"\n").removeprefix(b"\xef\xbb\xbf")
    return hashlib.sha256(plain).hexdigest()


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).casefold()


def _record(table: dict[str, Any]) -> Record:
    return Record(
        generator=_string(table["generator"]),
        name=_string(table["name"]),
        words=tuple(map(_string, table.get("words", []))),
        options=dict(table.get("options", {})),
        package=_string(table.get("package", "")),
        version=_string(table.get("version", "")),
        files=tuple(RecordedFile(**each) for each in table.get("files", [])),
        insertions=tuple(edit_from_table(each) for each in table.get("insertions", [])),
    )


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a string")  # noqa: TRY004  # damaged, as any other
    return value


def _record_text(record: Record) -> str:
    table = attrs.asdict(record, recurse=False)
    table["files"] = [_without_empty(attrs.asdict(each)) for each in record.files]
    table["insertions"] = [table_from_edit(each) for each in record.insertions]
    return _lines(_without_empty(table))


def _without_empty(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value or value == 0}


def _lines(table: dict[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def _value(value: object) -> str:
    """Write a value; each table of a list has its line."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + "".join(f"    {toml_text(each)},\n" for each in value) + "]"
    return toml_text(value)
