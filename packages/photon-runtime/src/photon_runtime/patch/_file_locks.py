"""Locks of files that a task waits for: `fcntl.flock`, `fcntl.lockf`, ``F_SETLKW``, `os.lockf`.

Theory of operation. The operating system does not report that a lock became free, so a task tries
without waiting, at growing intervals of 20 milliseconds at the most. Between two attempts it can be
cancelled, and then holds no lock. Outside of tasks the calls wait in C, as ever.

The operating system finds out that processes wait for each other's locks (``EDEADLK``) only if they
wait in C. Tasks that do so wait until their deadlines.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from ._descriptors import Patience
from ._running import running_task

T = TypeVar("T")

_real_flock = fcntl.flock
_real_lockf = fcntl.lockf
_real_fcntl = fcntl.fcntl
_real_os_lockf = getattr(os, "lockf", None)
_IS_LOCKED = (errno.EAGAIN, errno.EACCES)
# Of locks that belong to the open file, not to the process; Linux alone has them.
_OFD_SETLK, _OFD_SETLKW = (37, 38) if sys.platform == "linux" else (-1, -1)
_WITHOUT_WAITING = {fcntl.F_SETLKW: fcntl.F_SETLK, _OFD_SETLKW: _OFD_SETLK}


def flock(fd: Any, operation: int, /) -> None:
    """Lock a file; see `fcntl.flock`. Blocks: the calling task."""
    if not _waits(operation):
        _real_flock(fd, operation)
        return
    _until_locked(lambda: _real_flock(fd, operation | fcntl.LOCK_NB))


def lockf(fd: Any, cmd: int, len: int = 0, start: int = 0, whence: int = 0, /) -> Any:
    """Lock a part of a file; see `fcntl.lockf`. Blocks: the calling task."""
    if not _waits(cmd):
        return _real_lockf(fd, cmd, len, start, whence)
    return _until_locked(lambda: _real_lockf(fd, cmd | fcntl.LOCK_NB, len, start, whence))


def fcntl_(fd: Any, cmd: int, arg: Any = 0, /) -> Any:
    """Operate on a descriptor; see `fcntl.fcntl`. Blocks: the calling task, to lock a file."""
    try_to_lock = _WITHOUT_WAITING.get(cmd) if isinstance(cmd, int) else None
    if try_to_lock is None or running_task() is None:
        return _real_fcntl(fd, cmd, arg)
    return _until_locked(lambda: _real_fcntl(fd, try_to_lock, arg))


def os_lockf(fd: int, command: int, length: int, /) -> None:
    """Lock a part of a file; see `os.lockf`. Blocks: the calling task."""
    real: Callable[[int, int, int], None] = os.lockf if _real_os_lockf is None else _real_os_lockf
    if command != os.F_LOCK or running_task() is None:
        real(fd, command, length)
        return
    _until_locked(lambda: real(fd, os.F_TLOCK, length))


def _waits(operation: Any) -> bool:
    return (
        isinstance(operation, int)
        and bool(operation & (fcntl.LOCK_EX | fcntl.LOCK_SH))
        and not operation & fcntl.LOCK_NB
        and running_task() is not None
    )


def _until_locked(attempt: Callable[[], T]) -> T:
    patience = Patience()
    while True:
        try:
            return attempt()
        except OSError as error:
            if error.errno not in _IS_LOCKED:
                raise
        patience.pause()
