"""Generators of code: what a package describes, and the command line applies.

A package offers a generator in the entry-point group ``photon.generators``: a class with a method
``plan`` that returns *edits*, which are data. ``photon generate`` shows them, applies them all or
none, and ``photon destroy`` undoes them. So a generator reads the project and writes nothing, and
can be tested without a command line.

Edits are made to be repeated: what is there already is skipped, and what somebody has changed is a
conflict that is reported before anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Literal, Protocol, TypeAlias

import attrs

from .errors import GeneratorError as GeneratorError
from .project import Project

TomlValue: TypeAlias = "str | int | float | bool | Sequence[TomlValue] | Mapping[str, TomlValue]"


def _relative(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"`path` is a file below the project's folder, not {value!r}")


def _key(instance: object, attribute: attrs.Attribute[tuple[str, ...]], value: object) -> None:
    if not isinstance(value, tuple) or not value:
        raise ValueError(f'`key` is a tuple of names, as in ("project", "app"), not {value!r}')


@attrs.frozen
class CreateFile:
    """A new file. Undone, it is removed, unless it was changed.

    Attributes:
        path: The file, from the project's folder, with ``/``.
        content: Its text, which is written as UTF-8.
    """

    path: str = attrs.field(validator=_relative)
    content: str


@attrs.frozen
class InsertCode:
    """Lines in a file that exists or that an earlier edit creates; exactly one place is named.

    Attributes:
        path: The file, from the project's folder, with ``/``.
        code: The lines, with their indentation.
        after: The text of the line, without its indentation, that they follow.
        before: The text of the line, without its indentation, that follows them.
        place: ``imports``: below the imports at the head of a Python file, each line by itself,
            unless it is there; ``end``: at the end of the file.
    """

    path: str = attrs.field(validator=_relative)
    code: str
    after: str | None = attrs.field(default=None, kw_only=True)
    before: str | None = attrs.field(default=None, kw_only=True)
    place: Literal["imports", "end"] | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """See that there is one place, and something to insert."""
        if sum(each is not None for each in (self.after, self.before, self.place)) != 1:
            raise ValueError("name exactly one of `after`, `before` and `place`")
        if not self.code.strip():
            raise ValueError("`code` is empty")


@attrs.frozen
class SetToml:
    """A key of a TOML file, which is created if it does not exist. Comments and layout stay.

    Attributes:
        path: The file, from the project's folder, with ``/``.
        key: The way to the value, as in ``("project", "app")``.
        value: The value.
    """

    path: str = attrs.field(validator=_relative)
    key: tuple[str, ...] = attrs.field(validator=_key)
    value: TomlValue


@attrs.frozen
class UpdateFile:
    """A file that people edit and that is generated again.

    The generator reads the file and makes the new text from it, so that the text has the changes of
    people. Undone, the file is removed if it has the initial text, and is a conflict otherwise.

    Attributes:
        path: The file, from the project's folder, with ``/``.
        content: The new text.
        initial: The text of the file in a project that does not have it; by default ``content``.
        before: The text that ``content`` was made from; ``None`` for a file that did not exist.
            Another text in the file is a conflict.
        changed: Differences that the text does not have, and what people should do about them;
            each is reported, and nothing is prevented.
        conflicts: Reasons why the file cannot be updated; each is reported, and prevents all edits.
    """

    path: str = attrs.field(validator=_relative)
    content: str
    initial: str = attrs.field(kw_only=True)
    before: str | None = attrs.field(default=None, kw_only=True)
    changed: tuple[str, ...] = attrs.field(default=(), kw_only=True)
    conflicts: tuple[str, ...] = attrs.field(default=(), kw_only=True)

    @initial.default
    def _content(self) -> str:
        return self.content


Edit: TypeAlias = CreateFile | InsertCode | SetToml | UpdateFile


@attrs.frozen
class Option:
    """An option of a generator.

    Attributes:
        name: Its name, without dashes: ``html`` is ``--html`` on the command line.
        help: Its line in the help of the generator.
        default: Its value where the user does not write it; a boolean makes it a flag.
        choices: The values that it may have; empty for any.
    """

    name: str
    help: str
    default: bool | str | None = attrs.field(default=False, kw_only=True)
    choices: tuple[str, ...] = attrs.field(default=(), kw_only=True)


@attrs.frozen
class Arguments:
    """What the user wrote after the name of the generator.

    Attributes:
        name: The first word: what is to be generated is called so.
        words: All others, such as ``title:string``.
        options: The values of the generator's options, by name; all of them are there.
    """

    name: str
    words: tuple[str, ...] = ()
    options: Mapping[str, bool | str | None] = attrs.field(factory=dict, kw_only=True)


class Generator(Protocol):
    """What the entry-point group ``photon.generators`` names: a class, made without arguments.

    The first line of its docstring is its line in ``photon generate --help``. It may also have an
    attribute ``options``, a sequence of `Option`, a method ``next_steps`` with the arguments of
    `plan`, which returns the lines that the command shows at its end, and an attribute
    ``default_name``: what `Arguments.name` is where the user writes none.
    """

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Describe what is to be done, in this order; write nothing.

        The same arguments must give the same edits: ``photon destroy`` asks for them again.

        Raises:
            GeneratorError: The arguments are wrong; the message says what to write.
        """
        ...
