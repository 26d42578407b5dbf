"""Opening a FIFO, which waits for the other side.

Theory of operation. A writer is able to try without waiting, again and again. The operating system
offers readers no such call, so a real thread opens for them. A reader that leaves wakes its thread
by opening the other side for a moment.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Any

from . import _saved
from ._descriptors import Patience
from ._own_thread import call_on_own_thread
from ._running import running_task

_real_open = os.open
_PAUSE = 0.01


def open_descriptor(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    """Open a file; see `os.open`. Blocks: the calling task, for the other side of a FIFO."""
    if running_task() is None or not _opens_fifo(path, flags, dir_fd):
        return _real_open(path, flags, mode, dir_fd=dir_fd)
    if flags & os.O_ACCMODE == os.O_WRONLY:
        return _open_writer(path, flags, mode, dir_fd)
    return _open_reader(path, flags, mode, dir_fd)


def _opens_fifo(path: Any, flags: int, dir_fd: int | None) -> bool:
    if flags & (os.O_NONBLOCK | os.O_DIRECTORY | getattr(os, "O_PATH", 0) | os.O_RDWR):
        return False
    try:
        status = os.stat(path, dir_fd=dir_fd, follow_symlinks=not flags & os.O_NOFOLLOW)
    except (OSError, ValueError, TypeError, NotImplementedError):
        return False  # the call itself raises the error
    return stat.S_ISFIFO(status.st_mode)


def _open_writer(path: Any, flags: int, mode: int, dir_fd: int | None) -> int:
    patience = Patience()
    while True:
        try:
            fd = _real_open(path, flags | os.O_NONBLOCK, mode, dir_fd=dir_fd)
        except OSError as error:
            if error.errno != errno.ENXIO:  # no reader yet
                raise
        else:
            os.set_blocking(fd, True)
            return fd
        patience.pause()


def _open_reader(path: Any, flags: int, mode: int, dir_fd: int | None) -> int:
    ended: list[bool] = []

    def open_in_c() -> int:
        try:
            return _real_open(path, flags, mode, dir_fd=dir_fd)
        finally:
            ended.append(True)

    def wake() -> None:
        while not ended:  # the thread may not yet be where it waits
            try:
                os.close(_real_open(path, os.O_WRONLY | os.O_NONBLOCK, dir_fd=dir_fd))
            except OSError as error:
                if error.errno != errno.ENXIO:
                    return
            _saved.sleep(_PAUSE)

    fd = call_on_own_thread(
        open_in_c, leave=lambda: _saved.start_new_thread(wake, ()), drop=os.close
    )
    if fd is None:
        raise RuntimeError("a wait without a time limit has ended without a result")
    return fd
