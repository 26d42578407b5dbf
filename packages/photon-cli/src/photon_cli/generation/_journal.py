"""Changes of files that are complete or undone, whatever interrupts them.

A transaction has a folder, ``.photon/journal``. It first holds the new contents (``3.new``) and
what they replace (``3.old``), while no file of the project has changed. Then ``steps`` is renamed
to ``forward``: from this moment the transaction is decided, and what follows is renames. Removing
``forward`` ends it. `recover` finishes an interrupted transaction by what it finds:

=============  =================================================================================
``forward``    the remaining steps are made; each is recognised by what its file holds
``backward``   a step has failed: the steps that were made are taken back
neither        nothing has changed yet: new folders are removed
=============  =================================================================================

A file that holds neither its old nor its new content was changed after the interruption: it is left
alone and reported.

Several files cannot be replaced by one operation of the file system, so a process that is killed
between two renames leaves a part of them. For this reason a second process, the *guardian*, waits
on a pipe for the end of the first, and recovers at once; signals to the group of the first do not
reach it. It runs this file, which therefore imports nothing that is slow: paths are strings, and
the steps are lines of text. If the guardian is killed, too, or the machine stops, the next command
of the command line recovers.
"""

from __future__ import annotations

import errno
import os
import sys

JOURNAL = ".photon/journal"
FORWARD, BACKWARD = "forward", "backward"
_STEPS, _FOLDERS = "steps", "folders"
_ABSENT = "-"


class Step:
    """One file of a transaction.

    Attributes:
        path: The file, from the project's folder, symbolic links followed.
        old: The hash of what it held; ``-`` if it did not exist.
        new: The hash of what it will hold; ``-`` if it will not exist.
    """

    __slots__ = ("new", "old", "path")

    def __init__(self, path: str, old: str, new: str) -> None:
        """Name the file and what it holds."""
        self.path, self.old, self.new = path, old, new

    @classmethod
    def parse(cls, line: str) -> Step:
        """Read a step from its line."""
        old, new, path = line.split(" ")
        return cls(_decoded(path), old, new)

    def __str__(self) -> str:
        return f"{self.old} {self.new} {_encoded(self.path)}"


class Journal:
    """The journal of a project.

    Attributes:
        root: The folder of the project, without symbolic links.
        folder: The folder of the journal.
    """

    def __init__(self, root: str) -> None:
        """Name the journal of the project in a folder."""
        self.root = root
        self.folder = os.path.join(root, JOURNAL)

    def begin(self) -> None:
        """Make the folder of the journal, which must not exist."""
        parent = os.path.dirname(self.folder)
        try:
            if not os.path.isdir(parent):
                os.mkdir(parent)
            os.mkdir(self.folder)
        except BaseException:
            _remove_folder(parent)
            raise

    def new(self, number: int) -> str:
        """Return where the new content of the file of a step is."""
        return self._file(f"{number}.new")

    def old(self, number: int) -> str:
        """Return where the old file of a step is."""
        return self._file(f"{number}.old")

    def is_decided(self) -> bool:
        """Return whether files of the project may have changed."""
        return os.path.exists(self._file(FORWARD)) or os.path.exists(self._file(BACKWARD))

    def make_folders(self, folders: list[str]) -> None:
        """Make folders, outer ones first, so that they are removed if nothing else happens."""
        lines = "\n".join(map(_encoded, folders))
        write_durably(self._file("folders.new"), lines.encode())
        os.rename(self._file("folders.new"), self._file(_FOLDERS))
        for folder in folders:
            os.mkdir(os.path.join(self.root, folder))

    def decide(self, steps: list[Step]) -> None:
        """Make the transaction one that `recover` completes."""
        write_durably(self._file(_STEPS), "\n".join(map(str, steps)).encode())
        _sync_folder(self.folder)
        os.rename(self._file(_STEPS), self._file(FORWARD))
        _sync_folder(self.folder)

    def go_forward(self) -> list[str]:
        """Make the remaining steps; return the files that were changed by others."""
        steps, others = self._steps(FORWARD), []
        for number, step in enumerate(steps):
            path = os.path.join(self.root, step.path)
            current = _digest_of_file(path)
            if current == step.new:
                continue
            if current != step.old:
                others.append(step.path)
            elif step.new == _ABSENT:
                os.unlink(path)
            else:
                _move(self.new(number), path)
        if not others:
            for step in steps:
                if step.new == _ABSENT:
                    self._prune(os.path.dirname(os.path.join(self.root, step.path)))
        return others

    def go_backward(self) -> list[str]:
        """Take back the steps that were made; return the files that were changed by others."""
        if os.path.exists(self._file(FORWARD)):
            os.rename(self._file(FORWARD), self._file(BACKWARD))
        others = []
        for number, step in reversed(list(enumerate(self._steps(BACKWARD)))):
            path = os.path.join(self.root, step.path)
            current = _digest_of_file(path)
            if current == step.old:
                continue
            if current != step.new:
                others.append(step.path)
            elif step.old == _ABSENT:
                os.unlink(path)
            else:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                _move(self.old(number), path)
        return others

    def end(self) -> None:
        """End the transaction, and remove the journal with ``.photon`` if that is empty."""
        if not os.path.exists(self._file(FORWARD)):
            for folder in reversed(_lines(self._file(_FOLDERS))):
                _remove_folder(os.path.join(self.root, _decoded(folder)))
        for name in (_FOLDERS, FORWARD, BACKWARD):
            if os.path.exists(self._file(name)):
                os.unlink(self._file(name))
        for name in os.listdir(self.folder):
            os.unlink(self._file(name))
        os.rmdir(self.folder)
        _remove_folder(os.path.dirname(self.folder))

    def _prune(self, folder: str) -> None:
        """Remove folders that hold nothing but compiled code, up to the project's folder."""
        while folder != self.root and os.path.isdir(folder):
            if os.listdir(folder) == ["__pycache__"]:
                _remove_compiled(os.path.join(folder, "__pycache__"))
            if not _remove_folder(folder):
                return
            folder = os.path.dirname(folder)

    def _steps(self, marker: str) -> list[Step]:
        return [Step.parse(line) for line in _lines(self._file(marker))]

    def _file(self, name: str) -> str:
        return os.path.join(self.folder, name)


def recover(root: str) -> list[str]:
    """Finish an interrupted transaction.

    Args:
        root: The folder of the project; nothing else may be working on its journal.

    Returns:
        The files that were changed after the interruption, and left alone.

    Raises:
        OSError: A file cannot be moved; the journal stays.
        ValueError: The journal is damaged.
    """
    journal = Journal(os.path.realpath(root))
    if not os.path.isdir(journal.folder):
        _remove_folder(os.path.dirname(journal.folder))
        return []
    others: list[str] = []
    if os.path.exists(os.path.join(journal.folder, FORWARD)):
        others = journal.go_forward()
    elif os.path.exists(os.path.join(journal.folder, BACKWARD)):
        others = journal.go_backward()
    journal.end()
    return others


def digest_of(content: bytes | None) -> str:
    """Return the hash of a content; ``-`` for a file that does not exist."""
    if content is None:
        return _ABSENT
    import hashlib  # here, because the guardian seldom needs it

    return hashlib.sha256(content).hexdigest()


def write_durably(path: str, content: bytes) -> None:
    """Write a new file, and wait until the disk has it."""
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _digest_of_file(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return digest_of(file.read())
    except (FileNotFoundError, NotADirectoryError):
        return _ABSENT


def _sync_folder(path: str) -> None:
    """Wait until the disk has the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot
            raise
    finally:
        os.close(descriptor)


def _move(source: str, target: str) -> None:
    """Rename a file, to another file system if that is necessary."""
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        import shutil

        beside = os.path.join(os.path.dirname(target), f".{os.path.basename(target)}.photon")
        shutil.copy2(source, beside)
        os.replace(beside, target)


def _remove_folder(path: str) -> bool:
    """Remove a folder if it is empty; return whether it was."""
    try:
        os.rmdir(path)
    except OSError:
        return False
    return True


def _remove_compiled(folder: str) -> None:
    for name in os.listdir(folder):
        if name.endswith(".pyc"):
            os.unlink(os.path.join(folder, name))
    _remove_folder(folder)


def _lines(path: str) -> list[str]:
    """Return the lines of a file; none if it does not exist."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def _encoded(path: str) -> str:
    """Write a path without spaces and line ends."""
    return os.fsencode(path).hex()


def _decoded(text: str) -> str:
    return os.fsdecode(bytes.fromhex(text))


def _guard(root: str) -> None:
    """Wait for the end of the process at the other end of standard input, and recover."""
    while os.read(0, 1):
        pass
    recover(root)


if __name__ == "__main__":
    _guard(sys.argv[1])
