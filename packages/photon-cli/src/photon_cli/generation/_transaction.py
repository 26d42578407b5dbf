"""Changes of files to the disk: all of them or none; see `_journal`.

Everything that may well fail comes first and touches no file of the project: making folders, and
writing the new contents and what they replace into the journal. Then the files are looked at once
more, for an editor may have saved one meanwhile. What follows is renames only. If one of them
fails, those that were made are taken back.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from photon_runtime.generators import GeneratorError

from . import _journal
from ._journal import Journal, Step, digest_of, write_durably
from ._project_lock import project_lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ._file_changes import FileChange


def write_changes(root: Path, changes: Sequence[FileChange], *, lock: int | None = None) -> None:
    """Write what changes, or nothing. Folders that are empty afterwards are removed.

    Args:
        root: The folder of the project, which stays.
        changes: The files that change.
        lock: What `project_lock` yields, if it is held already.

    Raises:
        GeneratorError: A file cannot be written, or was changed meanwhile; the project is as it
            was.

    Blocks: the calling thread, until the disk has the files.
    """
    if not changes:
        return
    with contextlib.ExitStack() as stack:
        if lock is None:
            lock = stack.enter_context(project_lock(root))
        root = root.resolve()
        _check_writable(changes)
        stack.enter_context(_guardian(root, lock))
        _write(Journal(str(root)), changes)


def _write(journal: Journal, changes: Sequence[FileChange]) -> None:
    try:
        journal.begin()
    except OSError as error:
        raise GeneratorError(f"nothing was changed: {error}") from error
    try:
        steps = _prepare(journal, changes)
        _check_unchanged(changes)
        journal.decide(steps)
        _refuse_changed(journal.go_forward())
    except BaseException as error:
        _take_back(journal, error)
        if isinstance(error, OSError):
            raise GeneratorError(f"nothing was changed: {error}") from error
        raise
    with contextlib.suppress(OSError):  # the next command removes what remains of the journal
        journal.end()


def _prepare(journal: Journal, changes: Sequence[FileChange]) -> list[Step]:
    """Write the journal; return the steps."""
    journal.make_folders(_missing_folders(journal.root, changes))
    steps = []
    for number, change in enumerate(changes):
        old, new = change.before, change.after
        if new is not None:
            write_durably(journal.new(number), new)
        if old is not None:
            try:
                os.link(change.path, journal.old(number))
            except OSError:  # another file system, or one without links
                shutil.copy2(change.path, journal.old(number))
        if old is not None and new is not None:
            _copy_mode(change.path, journal.new(number))
        steps.append(
            Step(str(change.path.relative_to(journal.root)), digest_of(old), digest_of(new))
        )
    return steps


def _take_back(journal: Journal, cause: BaseException) -> None:
    """Make the project as it was."""
    try:
        if journal.is_decided():
            journal.go_backward()
        journal.end()
    except OSError as error:
        raise GeneratorError(
            f"{cause}; taking back what was changed failed, too: {error}. The next `photon` command"
            " tries again"
        ) from cause


def _missing_folders(root: str, changes: Sequence[FileChange]) -> list[str]:
    """Return the folders to make, outer ones first."""
    folders = {
        folder
        for change in changes
        if change.after is not None
        for folder in change.path.parents
        if folder.is_relative_to(root) and not folder.exists()
    }
    by_depth = sorted(folders, key=lambda folder: len(folder.parts))
    return [str(folder.relative_to(root)) for folder in by_depth]


def _check_unchanged(changes: Sequence[FileChange]) -> None:
    changed = []
    for change in changes:
        try:
            current = change.path.read_bytes()
        except FileNotFoundError:
            current = None
        if current != change.before:
            changed.append(change.name)
    _refuse_changed(changed)


def _refuse_changed(names: list[str]) -> None:
    if names:
        raise GeneratorError(f"nothing was changed: {', '.join(names)} was changed meanwhile")


def _check_writable(changes: Sequence[FileChange]) -> None:
    """See that no file and no folder is read-only; renames would replace files that are."""
    names = []
    for change in changes:
        folder = next(each for each in change.path.parents if each.exists())
        if (change.before is not None and _is_read_only(change.path)) or _is_read_only(folder):
            names.append(change.name)
    if names:
        raise GeneratorError(
            f"nothing was changed: {', '.join(names)} cannot be written: read-only"
        )


def _is_read_only(path: Path) -> bool:
    try:
        has_permission = bool(stat.S_IMODE(path.stat().st_mode) & 0o222)  # for root, too
    except FileNotFoundError:
        return False
    return not (has_permission and os.access(path, os.W_OK))


def _copy_mode(source: Path, target: str) -> None:
    status = source.stat()
    os.chmod(target, stat.S_IMODE(status.st_mode))
    with contextlib.suppress(OSError):
        os.chown(target, status.st_uid, status.st_gid)


@contextlib.contextmanager
def _guardian(root: Path, lock: int) -> Iterator[None]:
    """Run the process that recovers if this one is killed; it holds the lock, too."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", _journal.__file__, str(root)],
            stdin=subprocess.PIPE,
            pass_fds=[lock],
            start_new_session=True,
        )
    except OSError:  # no process can be started: the next command recovers
        yield
        return
    with process:
        yield
