"""Generators of code: what a package describes, and the command line applies.

A package offers a generator in the entry-point group ``photon.generators``: a class with a method
``plan`` that returns *edits*, which are data. ``photon generate`` shows them, applies them all or
none, and records them in ``.photon/generated.toml``; ``photon destroy`` undoes what is recorded. So
a generator reads the project and writes nothing, and can be tested without a command line.

Edits are made to be repeated: existing code is skipped, and code that was changed by hand is a
conflict that is reported before anything is written.

==================  ===========================================================================
`CreateFile`        a file with this content
`RenderFile`        a file from a template of the package, which projects can override
`InsertCode`        lines beside another line or at the end of a file, or imports
`InsertCall`        ``app.include(posts.router)``, whatever the application's variable is called
`InsertArgument`    ``spec=...`` in the call that creates the application
`InsertItem`        an element of a list, tuple, set or dictionary in Python code
`InsertAttribute`   an attribute of a class in Python code
`RemoveAttribute`   the removal of one
`SetToml`           a key of a TOML file
`UpdateFile`        a file that people edit and that is generated again
==================  ===========================================================================
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


def _template(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
        raise ValueError(
            f'`template` is a folder and a file, as in "model/model.py.jinja": {value!r}'
        )


def _is_text(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not value.strip():
        raise ValueError(f"`{attribute.name}` is empty")


@attrs.frozen
class CreateFile:
    """A new file. Undone, it is removed, unless it was changed.

    Attributes:
        path: The file, from the project's folder, with ``/``.
        content: Its text, which is written as UTF-8.
        once: Do not compare its content in further runs of the same generation, for content that
            depends on the time or on other files, such as a migration.
    """

    path: str = attrs.field(validator=_relative)
    content: str
    once: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class RenderFile:
    """A new file from a template. Undone, it is removed, unless it was changed.

    Templates are in the folder ``blueprints`` of a package, one folder for each generator. A
    project overrides one by a file of the same name in ``.photon/templates``, which ``photon
    generate override`` makes. A file whose name ends in ``.jinja`` is rendered by Jinja2 with the
    delimiters ``[[ value ]]``, ``[% statement %]`` and ``[# comment #]``, so that generated HTML
    can contain templates itself; a name that `context` does not have is an error. Any other file is
    copied.

    Attributes:
        path: The file, from the project's folder, with ``/``.
        template: The template, from ``blueprints``, as in ``model/model.py.jinja``.
        context: The values that the template uses.
        package: The package whose folder ``blueprints`` has the template, as it is imported.
        once: As for `CreateFile`.
    """

    path: str = attrs.field(validator=_relative)
    template: str = attrs.field(validator=_template)
    context: Mapping[str, object] = attrs.field(factory=dict)
    package: str = attrs.field(kw_only=True, validator=_is_text)
    once: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class InsertCode:
    """Lines in a file that exists or that an earlier edit creates; exactly one place is named.

    Code that begins without indentation takes the indentation of the line beside it.

    Attributes:
        path: The file, from the project's folder, with ``/``.
        code: The lines, with their indentation.
        after: The text of the line, without its indentation, that they follow.
        before: The text of the line, without its indentation, that follows them.
        place: ``imports``: among the imports at the head of a Python file, each name by itself,
            unless it is there: sorted if the others are sorted, and in the list of names if the
            module is imported from already; ``end``: at the end of the file.
        optional: Without a place, or without the file, the lines are shown and the edit is skipped;
            by default, that is a conflict.
    """

    path: str = attrs.field(validator=_relative)
    code: str = attrs.field(validator=_is_text)
    after: str | None = attrs.field(default=None, kw_only=True)
    before: str | None = attrs.field(default=None, kw_only=True)
    place: Literal["imports", "end"] | None = attrs.field(default=None, kw_only=True)
    optional: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """See that there is one place."""
        if sum(each is not None for each in (self.after, self.before, self.place)) != 1:
            raise ValueError("name exactly one of `after`, `before` and `place`")


@attrs.frozen
class InsertCall:
    """A call of a method of an object that Python code creates, as a statement.

    ``InsertCall("blog/app.py", "include(posts.router)", on="Photon")`` finds ``app = Photon(...)``,
    on the top level or in a function, and inserts ``app.include(posts.router)`` below the last call
    of the same method, or else of any method, or else below the assignment.

    Attributes:
        path: The Python file, from the project's folder, with ``/``.
        call: The call without its object.
        on: The class of the object; imports under another name are followed.
        variable: The variable, or the function that creates the object, where several exist.
        optional: As for `InsertCode`.
    """

    path: str = attrs.field(validator=_relative)
    call: str = attrs.field(validator=_is_text)
    on: str = attrs.field(kw_only=True, validator=_is_text)
    variable: str | None = attrs.field(default=None, kw_only=True)
    optional: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class InsertArgument:
    """A keyword argument of the call that creates an object in Python code.

    ``InsertArgument("blog/app.py", 'spec="openapi.yaml"', on="Photon")`` finds ``app =
    Photon(...)``, as `InsertCall` does, and inserts the argument before the other keyword
    arguments. The same argument with another value is a conflict.

    Attributes:
        path: The Python file, from the project's folder, with ``/``.
        argument: The argument as code, with its name.
        on: The class of the object; imports under another name are followed.
        variable: The variable, or the function that creates the object, where several exist.
        optional: As for `InsertCode`.
    """

    path: str = attrs.field(validator=_relative)
    argument: str = attrs.field(validator=_is_text)
    on: str = attrs.field(kw_only=True, validator=_is_text)
    variable: str | None = attrs.field(default=None, kw_only=True)
    optional: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class InsertItem:
    """An element of a list, tuple, set or dictionary that is written out in Python code.

    The layout stays: one element in each line, or all in one line while it is short enough. Where
    the others are sorted, it is sorted.

    Attributes:
        path: The Python file, from the project's folder, with ``/``.
        item: The element as code: ``"Post"`` with its quotes, or ``"key": value``.
        to: The variable, such as ``__all__``, or ``Class.attribute``.
        optional: As for `InsertCode`.
    """

    path: str = attrs.field(validator=_relative)
    item: str = attrs.field(validator=_is_text)
    to: str = attrs.field(kw_only=True, validator=_is_text)
    optional: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class InsertAttribute:
    """An attribute of a class in Python code, below the last one.

    Attributes:
        path: The Python file, from the project's folder, with ``/``.
        code: The statement, without indentation; it may have several lines.
        of: The class.
        optional: As for `InsertCode`.
    """

    path: str = attrs.field(validator=_relative)
    code: str = attrs.field(validator=_is_text)
    of: str = attrs.field(kw_only=True, validator=_is_text)
    optional: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class RemoveAttribute:
    """The removal of an attribute of a class in Python code, whatever its value is.

    Undone, the attribute is inserted below the last one.

    Attributes:
        path: The Python file, from the project's folder, with ``/``.
        code: The statement that the attribute is made by when this is undone; it names the
            attribute.
        of: The class.
        imports: Import statements of that code; names that are not used any more are removed.
    """

    path: str = attrs.field(validator=_relative)
    code: str = attrs.field(validator=_is_text)
    of: str = attrs.field(kw_only=True, validator=_is_text)
    imports: str = attrs.field(default="", kw_only=True)


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


Insertion: TypeAlias = InsertCode | InsertCall | InsertArgument | InsertItem | InsertAttribute
Edit: TypeAlias = CreateFile | RenderFile | Insertion | RemoveAttribute | SetToml | UpdateFile


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
class Generation:
    """An earlier run of the same generator for the same name, as it is recorded in the project.

    Attributes:
        words: The further words of that run.
        options: The values of its options.
        files: The files that it wrote, from the project's folder.
    """

    words: tuple[str, ...]
    options: Mapping[str, bool | str | None]
    files: tuple[str, ...]


@attrs.frozen
class Arguments:
    """What the user wrote after the name of the generator.

    Attributes:
        name: The first word: what is to be generated is called so.
        words: All others, such as ``title:string``.
        options: The values of the generator's options, by name; none is missing.
        earlier: The run of the same generator for the same name that is recorded in the project. A
            generator whose files are named after the time or a number takes their names from it, so
            that running again changes nothing.
    """

    name: str
    words: tuple[str, ...] = ()
    options: Mapping[str, bool | str | None] = attrs.field(factory=dict, kw_only=True)
    earlier: Generation | None = attrs.field(default=None, kw_only=True)

    @property
    def is_repeated(self) -> bool:
        """Whether the earlier run had the same words and options."""
        earlier = self.earlier
        if earlier is None or earlier.words != self.words:
            return False
        return _chosen(earlier.options) == _chosen(self.options)


def _chosen(options: Mapping[str, bool | str | None]) -> dict[str, bool | str | None]:
    """Return the options that are set: a later version of a generator may have others."""
    return {name: value for name, value in options.items() if value}


class Generator(Protocol):
    """What the entry-point group ``photon.generators`` names: a class, made without arguments.

    The first line of its docstring is its line in ``photon generate --help``. It may also have

    - an attribute ``options``, a sequence of `Option`;
    - an attribute ``default_name``: what `Arguments.name` is where the user writes none;
    - a method ``next_steps`` with the arguments of `plan`, which returns the lines that the command
      shows at its end;
    - a method ``blockers`` with the arguments of `plan`, which returns the reasons why what was
      generated cannot be destroyed now, such as a migration that is applied;
    - a method ``repairs`` with the arguments of `plan`, which returns edits that the rest of the
      project needs when the code is destroyed, such as another place for the next migration. They
      are applied together with the removal, and are not recorded.
    """

    def plan(self, project: Project, arguments: Arguments) -> Sequence[Edit]:
        """Describe what is to be done, in this order; write nothing.

        The same arguments must give the same edits, but for files that are written `once`.

        Raises:
            GeneratorError: The arguments are wrong; the message says what to write.
        """
        ...
