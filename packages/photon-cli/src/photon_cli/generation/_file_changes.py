"""From edits to changes of files, in memory.

Edits are applied one after the other to the contents of the files, so several may meet in one file,
and an edit finds what an earlier one made. Nothing is written: the plan lists what would happen to
each file, conflicts included, and `write_changes` takes it from there.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Literal

import attrs

from photon_runtime.generators import GeneratorError

from ._conflict import Conflict, PlaceNotFound
from ._source_text import SourceText

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from photon_runtime.generators import Edit, UpdateFile

    from ._insertions import TextEdit

Verb = Literal["added", "injected", "updated", "changed", "removed", "kept", "skipped", "conflict"]


@attrs.frozen
class EditResult:
    """The effect of one edit on a file.

    Attributes:
        verb: In one word.
        path: The file, as the edit names it.
        reason: Why it is skipped, or what conflicts.
        by_hand: The lines to add by hand, where their place does not exist.
        is_missing: Whether the generated code is incomplete without the edit.
    """

    verb: Verb
    path: str
    reason: str = ""
    by_hand: str = ""
    is_missing: bool = False

    def __str__(self) -> str:
        line = f"{self.verb}: {self.path}" + (f" ({self.reason})" if self.reason else "")
        return "\n    ".join([line, *self.by_hand.strip("\r\n").splitlines()])


@attrs.define
class FileChange:
    """One file, before and after the edits.

    Attributes:
        name: The file, as edits name it.
        path: Where it is, symbolic links followed.
        before: What it holds on the disk; ``None`` if it does not exist.
        after: What it will hold; ``None`` if it will not exist.
        problem: Why it cannot be edited at all.
    """

    name: str
    path: Path
    before: bytes | None
    after: bytes | None
    problem: str = ""

    @classmethod
    def read(cls, root: Path, name: str) -> FileChange:
        """Read the file.

        Raises:
            GeneratorError: Symbolic links lead out of the project.
        """
        try:
            path = (root / name).resolve()
        except (OSError, RuntimeError) as error:  # links that lead in a circle
            raise GeneratorError(f"{name} cannot be found: {error}") from None
        if not path.is_relative_to(root.resolve()):
            raise GeneratorError(f"{name} is outside of the project: it is {path}")
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                return cls(name, path, None, None, "it is not a regular file")
            before = path.read_bytes()
        except FileNotFoundError:
            return cls(name, path, None, None)
        except OSError as error:
            return cls(name, path, None, None, f"it cannot be read: {error.strerror}")
        return cls(name, path, before, before)

    @property
    def text(self) -> str | None:
        """The new content as text, for people."""
        return None if self.after is None else self.after.decode(errors="replace")

    def create(self, content: bytes) -> None:
        """Give a new file its content.

        Raises:
            Conflict: It exists with another content, or it is a folder.
        """
        if self.problem:
            raise Conflict(self.problem)
        if self.after is not None and self.after != content:
            raise Conflict("it exists and has another content", forced=content)
        self.after = content

    def update(self, update: UpdateFile) -> None:
        """Give the file the text that was made from its present one, unless it has conflicts.

        Raises:
            Conflict: The file has another text than the one that the new text was made from.
        """
        if self.problem:
            raise Conflict(self.problem)
        content = update.content.encode()
        before = None if update.before is None else update.before.encode()
        if self.after not in (before, content):
            raise Conflict("it was changed while its new text was made; run the command again")
        if not update.conflicts:
            self.after = content

    def edit(self, change: Callable[[str], str], *, is_new: bool = False) -> None:
        """Change the text.

        Args:
            change: From the text to the new one.
            is_new: Begin with an empty text if the file does not exist.

        Raises:
            Conflict: The file does not exist or is not text, or the change does not fit.
        """
        if self.problem:
            raise Conflict(self.problem)
        if self.after is None and not is_new:
            raise PlaceNotFound("it does not exist", "in that file")
        source = SourceText.decode(self.after or b"", is_python=self.name.endswith((".py", ".pyi")))
        text = change(source.text)
        if text != source.text or self.after is None:
            self.after = attrs.evolve(source, text=text).encode()


@attrs.frozen
class AppliedEdit:
    """An edit and its effect.

    Attributes:
        edit: The edit.
        result: Its effect.
        parts: What an insertion consists of, and whether each part was inserted.
    """

    edit: Edit
    result: EditResult
    parts: Sequence[tuple[TextEdit, bool]]


@attrs.define
class Plan:
    """The effect of a generator on a project.

    Attributes:
        root: The folder of the project.
        results: What is shown: one for each edit.
        applied: The edits with their effects.
        files: The files that edits name.
    """

    root: Path
    results: list[EditResult] = attrs.Factory(list)
    applied: list[AppliedEdit] = attrs.Factory(list)
    files: dict[Path, FileChange] = attrs.Factory(dict)

    @property
    def changes(self) -> list[FileChange]:
        """The files whose content changes."""
        return [file for file in self.files.values() if file.after != file.before]

    @property
    def conflicts(self) -> list[EditResult]:
        """The edits that cannot be applied."""
        return [result for result in self.results if result.verb == "conflict"]

    @property
    def missing(self) -> list[EditResult]:
        """What was left out, and has to be done by hand or by force."""
        return [
            result
            for result in self.results
            if result.verb == "kept" or (result.verb == "skipped" and result.is_missing)
        ]

    def file(self, name: str) -> FileChange:
        """Return a file as the edits so far leave it.

        Raises:
            GeneratorError: It is outside of the project.
        """
        read = FileChange.read(self.root, name)
        return self.files.setdefault(read.path, read)
