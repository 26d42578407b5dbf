"""Opens files below a folder only.

Theory of operation. A path is not opened as a whole: between the check of its target and opening
it, another process could put a link there. A `Walk` opens name by name, each relative to the
descriptor of the folder before (``openat``) and without following a link (``O_NOFOLLOW``). An open
descriptor cannot be exchanged, so a race is impossible.

Links are refused, or followed by the walk itself if that is enabled: the target is read and walked
like any other path. ``..`` returns to the previous folder of the walk, never to the folder's
current parent, and is refused at the top; an absolute target is followed if it begins with the path
of the folder. So a link can lead to anything inside of the folder, and to nothing outside.

A walk on the hub's own thread takes two or three microseconds per name while the operating system
has the folder in memory, less than a switch to another thread and back; a slow disk blocks the
scheduler, as it does when the file is sent (`photon_runtime.http.FileBody`).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from types import TracebackType
from typing import Final

from ..files import OPEN_FLAGS, OpenFile, is_absence, wrap_regular

# O_PATH does not need permission to list the folder; systems without it open it for reading.
_FOLDER: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_FILE: Final = OPEN_FLAGS | os.O_NOFOLLOW
_MAX_LINKS = 40


class Walk:
    """A walk from a folder down to a folder below it; use it in ``with``.

    Args:
        root: The absolute path of the folder at the top; links in this path are followed.
        follow_symlinks: True to follow links to targets inside of the folder.

    Raises:
        OSError: The folder does not exist.
    """

    __slots__ = ("_folders", "_links_left", "_root")

    def __init__(self, root: str, *, follow_symlinks: bool) -> None:
        """Open the folder at the top."""
        self._root = root
        self._links_left = _MAX_LINKS if follow_symlinks else 0
        self._folders = [os.open(root, _FOLDER)]

    def __enter__(self) -> Walk:
        """Return the walk, which is open already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close all folders."""
        self._leave(len(self._folders))

    def enter(self, names: Iterable[str]) -> None:
        """Enter the named folders, one after the other.

        Raises:
            OSError: A name does not exist, or is not a folder.
        """
        for name in names:
            if name == "..":
                self._leave_one()
                continue
            try:
                folder = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self._folders[-1])
            except OSError as error:
                self.enter(self._target(name, error))
            else:
                self._folders.append(folder)

    def open(self, name: str) -> OpenFile | None:
        """Open a file in the current folder of the walk; ``None`` if ``name`` is a folder.

        Raises:
            OSError: The file does not exist, or is neither a file nor a folder.
        """
        return self._wrap(self._open(name), name)

    def status(self, name: str) -> os.stat_result | None:
        """Return the status of a file without opening it, ``None`` if it does not exist.

        It may be the status of the target of a link, which may be outside of the folder.
        """
        # Usually the file does not exist, and an exception would cost three times as much.
        if not os.access(name, os.F_OK, dir_fd=self._folders[-1]):
            return None
        try:
            links = self._links_left > 0
            return os.stat(name, dir_fd=self._folders[-1], follow_symlinks=links)
        except OSError as error:
            if is_absence(error):
                return None
            raise

    def _open(self, name: str) -> int:
        if name == "..":
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        try:
            return os.open(name, _FILE, dir_fd=self._folders[-1])
        except OSError as error:
            with self._copy() as walk:
                *folders, last = walk._target(name, error)
                walk.enter(folders)
                return walk._open(last)

    def _wrap(self, descriptor: int, name: str) -> OpenFile | None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        opened = wrap_regular(descriptor, os.path.join(self._root, name))
        if opened is None and not is_folder:
            raise FileNotFoundError(errno.ENOENT, "neither a file nor a folder", name)
        return opened

    def _target(self, name: str, error: OSError) -> list[str]:
        """Return the target of a link, relative to the walk's new folder; else raise ``error``."""
        # Without O_PATH the error for a link is ELOOP, with O_PATH it is ENOTDIR.
        if error.errno not in (errno.ELOOP, errno.ENOTDIR) or not self._links_left:
            raise error
        try:
            target = os.readlink(name, dir_fd=self._folders[-1])
        except OSError:
            raise error from None  # not a link
        self._links_left -= 1
        if target.startswith("/"):
            target = self._below_root(target, error)
            self._leave(len(self._folders) - 1)
        parts = [part for part in target.split("/") if part not in ("", ".")]
        if not parts:
            raise error
        return parts

    def _below_root(self, target: str, error: OSError) -> str:
        for root in (self._root, os.path.realpath(self._root)):
            if target.startswith(root.rstrip("/") + "/"):
                return target[len(root.rstrip("/")) + 1 :]
        raise error

    def _leave_one(self) -> None:
        if len(self._folders) == 1:
            raise FileNotFoundError(errno.ENOENT, "a link leads out of the folder", self._root)
        self._leave(1)

    def _leave(self, count: int) -> None:
        for _ in range(count):
            os.close(self._folders.pop())

    def _copy(self) -> Walk:
        walk = Walk.__new__(Walk)
        walk._root = self._root
        walk._links_left = self._links_left
        walk._folders = [os.dup(folder) for folder in self._folders]
        return walk
