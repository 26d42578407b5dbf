"""Changes of files to the disk: all of them or none.

Everything that may well fail comes first and touches no file of the project: making folders,
writing each new text to a temporary file beside its place, and copying what will be replaced. Then
the files are looked at once more, for an editor may have saved one meanwhile. What follows is
renames and removals only. If one of them fails, those that were made are taken back from the
copies. An error of the disk in this last part, or a process that is killed there, can leave some
files changed and some not.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from typing import TYPE_CHECKING

import attrs

from photon_runtime.generators import GeneratorError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ._file_changes import FileChange


def write_changes(root: Path, changes: Sequence[FileChange]) -> None:
    """Write what changes, or nothing. Folders that are empty afterwards are removed.

    Args:
        root: The folder of the project, which stays.
        changes: The files that change.

    Raises:
        GeneratorError: A file cannot be written, or was changed meanwhile; the project is as it
            was.
    """
    transaction = _Transaction()
    try:
        transaction.prepare(changes)
        transaction.commit()
    except BaseException as error:
        transaction.roll_back()
        if isinstance(error, OSError):
            raise GeneratorError(f"nothing was changed: {error}") from error
        raise
    finally:
        transaction.clean_up()
    for change in changes:
        if change.after is None:
            _remove_empty_folders(change.path.parent, root.resolve())


@attrs.define
class _Step:
    """One file of the transaction.

    Attributes:
        new: The temporary file with what it will hold; ``None`` if it is removed.
        copy: The copy of what it held; ``None`` if it did not exist.
    """

    change: FileChange
    new: Path | None = None
    copy: Path | None = None


@attrs.define
class _Transaction:
    """The steps, and their progress.

    Attributes:
        folders: The folders that were made, outer ones first.
        committed: The steps that were made.
    """

    steps: list[_Step] = attrs.Factory(list)
    folders: list[Path] = attrs.Factory(list)
    committed: list[_Step] = attrs.Factory(list)

    def prepare(self, changes: Sequence[FileChange]) -> None:
        """Write temporary files and copies; check that the files are unchanged."""
        for change in changes:
            step = _Step(change)
            self.steps.append(step)
            self._make_folder(change.path.parent)
            if change.before is not None:
                step.copy = _beside(change.path)
                shutil.copy2(change.path, step.copy)
            if change.after is not None:
                step.new = _beside(change.path)
                with step.new.open("xb") as file:
                    file.write(change.after)
                if step.copy is not None:
                    shutil.copymode(change.path, step.new)
        for change in changes:
            if _content(change.path) != change.before:
                raise GeneratorError(f"nothing was changed: {change.name} was changed meanwhile")

    def commit(self) -> None:
        """Move all temporary files to their places."""
        for step in self.steps:
            self.committed.append(step)
            if step.new is None:
                step.change.path.unlink()
            else:
                os.replace(step.new, step.change.path)

    def roll_back(self) -> None:
        """Restore the files that were replaced."""
        for step in reversed(self.committed):
            if step.copy is not None:
                os.replace(step.copy, step.change.path)
            elif step.new is not None and not step.new.exists():  # it was moved to its place
                step.change.path.unlink()
        self.clean_up()
        for folder in reversed(self.folders):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def clean_up(self) -> None:
        """Remove temporary files and copies."""
        for step in self.steps:
            for path in (step.new, step.copy):
                if path is not None:
                    path.unlink(missing_ok=True)

    def _make_folder(self, folder: Path) -> None:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir()
            self.folders.append(each)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def _remove_empty_folders(folder: Path, root: Path) -> None:
    while folder != root and folder.is_relative_to(root):
        try:
            folder.rmdir()
        except OSError:  # it is not empty
            return
        folder = folder.parent
