"""From edits to changes of files, in memory.

Edits are applied one after the other to the texts of the files, so several may meet in one file,
and an edit finds what an earlier one made. Nothing is written: the plan lists what would happen to
each file, conflicts included, and `write_changes` takes it from there. To undo, the edits are taken
back in the reverse order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from photon_runtime.generators import CreateFile, Edit, GeneratorError, InsertCode, UpdateFile

from ._conflict import Conflict
from ._insertion import insert_code, remove_code
from ._toml_keys import remove_key, set_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Change = Callable[[str | None, Edit], str | None]

Verb = Literal["added", "injected", "updated", "changed", "removed", "skipped", "conflict"]


@attrs.frozen
class EditResult:
    """The effect of one edit on a file.

    Attributes:
        verb: In one word.
        path: The file, as the edit names it.
        reason: Why it is skipped, or what conflicts.
    """

    verb: Verb
    path: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.verb}: {self.path}" + (f" ({self.reason})" if self.reason else "")


@attrs.define
class FileChange:
    """One file, before and after the edits.

    Attributes:
        name: The file, as edits name it.
        path: Where it is, symbolic links followed.
        before: What it holds on the disk; ``None`` if it does not exist.
        text: What it will hold; ``None`` if it will not exist.
        problem: Why it cannot be edited at all.
    """

    name: str
    path: Path
    before: bytes | None
    text: str | None
    problem: str = ""

    @classmethod
    def read(cls, root: Path, name: str) -> FileChange:
        """Read the file.

        Raises:
            GeneratorError: Symbolic links lead out of the project.
        """
        path = (root / name).resolve()
        if not path.is_relative_to(root.resolve()):
            raise GeneratorError(f"{name} is outside of the project: it is {path}")
        try:
            before = path.read_bytes()
        except FileNotFoundError:
            return cls(name, path, None, None)
        except OSError as error:
            return cls(name, path, None, None, f"it cannot be read: {error.strerror}")
        try:
            return cls(name, path, before, before.decode())
        except UnicodeDecodeError:
            return cls(name, path, before, None, "it is not UTF-8 text")

    def editable(self) -> str | None:
        """Return the text.

        Raises:
            Conflict: There is something that is not a text.
        """
        if self.problem:
            raise Conflict(self.problem)
        return self.text

    @property
    def after(self) -> bytes | None:
        """The new content of the file, as bytes."""
        return None if self.text is None else self.text.encode()


@attrs.define
class Plan:
    """The effect of a generator on a project.

    Attributes:
        results: One for each edit.
        files: The files that edits name.
    """

    root: Path
    force: bool = False
    results: list[EditResult] = attrs.Factory(list)
    files: dict[Path, FileChange] = attrs.Factory(dict)

    @property
    def changes(self) -> list[FileChange]:
        """The files whose content changes."""
        return [
            file for file in self.files.values() if not file.problem and file.after != file.before
        ]

    @property
    def conflicts(self) -> list[EditResult]:
        """The edits that cannot be applied."""
        return [result for result in self.results if result.verb == "conflict"]

    def edit(
        self, edit: Edit, change: Callable[[str | None, Edit], str | None], verb: Verb
    ) -> None:
        """Let one edit change its file, and record the result."""
        read = FileChange.read(self.root, edit.path)
        file = self.files.setdefault(read.path, read)
        try:
            text = change(file.editable(), edit)
        except Conflict as conflict:
            if not self.force or not conflict.is_forcible:
                self.results.append(EditResult("conflict", edit.path, str(conflict)))
                return
            text = conflict.forced
        if text == file.text:
            self.results.append(EditResult("skipped", edit.path))
        else:
            self.results.append(EditResult(verb, edit.path))
            file.text = text


def apply_edits(root: Path, edits: Sequence[Edit], *, force: bool = False) -> Plan:
    """Plan the effect of edits on a project.

    Args:
        root: The folder of the project.
        edits: The edits, in their order.
        force: Overwrite files and keys that have another content, where that is the conflict.

    Raises:
        GeneratorError: A path leads out of the project.
    """
    plan = Plan(root, force)
    for edit in edits:
        plan.edit(edit, _applied, _verb(edit))
        if isinstance(edit, UpdateFile):
            plan.results += [EditResult("changed", edit.path, each) for each in edit.changed]
            plan.results += [EditResult("conflict", edit.path, each) for each in edit.conflicts]
    return plan


def undo_edits(root: Path, edits: Sequence[Edit], *, force: bool = False) -> Plan:
    """Plan the undoing of edits.

    Args:
        root: The folder of the project.
        edits: The edits, in the order in which they were applied.
        force: Remove files and keys that were changed since.

    Raises:
        GeneratorError: A path leads out of the project.
    """
    plan = Plan(root, force)
    for edit in reversed(edits):
        plan.edit(edit, _undone, "removed")
    return plan


def _verb(edit: Edit) -> Verb:
    """Return the word for an edit that changes its file."""
    if isinstance(edit, UpdateFile):
        return "added" if edit.before is None else "updated"
    return "added" if isinstance(edit, CreateFile) else "injected"


def _applied(text: str | None, edit: Edit) -> str | None:
    """Return the text of the file after the edit."""
    if isinstance(edit, UpdateFile):
        if text not in (edit.before, edit.content):
            raise Conflict("it was changed while its new text was made; run the command again")
        return text if edit.conflicts else edit.content
    if isinstance(edit, CreateFile):
        if text is not None and text != edit.content:
            raise Conflict("it exists and has another content", forced=edit.content)
        return edit.content
    if isinstance(edit, InsertCode):
        if text is None:
            raise Conflict("it does not exist")
        return insert_code(text, edit)
    return set_key(text or "", edit)


def _undone(text: str | None, edit: Edit) -> str | None:
    """Return the text of the file without the edit."""
    if text is None:
        return None
    if isinstance(edit, CreateFile | UpdateFile):
        if text != (edit.content if isinstance(edit, CreateFile) else edit.initial):
            raise Conflict("it was changed since", forced=None)
        return None
    if isinstance(edit, InsertCode):
        return remove_code(text, edit)
    return remove_key(text, edit)
