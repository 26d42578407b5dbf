"""Waiting for child processes, and for the pipes to them.

Theory of operation. A child is waited for by its pidfd where the kernel supports it, and otherwise
by polling at growing intervals; in both cases the exit status is collected by the standard call
with ``WNOHANG``. Reads and writes of pipes first wait until the descriptor is ready. The descriptor
itself stays in blocking mode, since a pipe is shared with other processes, which may not expect a
non-blocking one. A blocking pipe that is ready takes ``PIPE_BUF`` bytes without waiting, so more
than that is written in parts.

`os.fork` does not need a replacement: a hook gives the child a new hub.
"""

from __future__ import annotations

import fcntl
import io
import os
import select
import stat
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .._offload import offload
from . import _saved
from ._descriptors import Patience, wait_readable, wait_writable
from ._running import hub_of, running_task

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_PIPE_BUF = getattr(select, "PIPE_BUF", 512)
_real_system = os.system
_real_wait4 = getattr(os, "wait4", None)


def waitpid(pid: int, options: int, /) -> tuple[int, int]:
    """Wait for a child; see `os.waitpid`. Blocks: the calling task."""
    if running_task() is None or options & os.WNOHANG:
        return _saved.waitpid(pid, options)
    look = lambda: _saved.waitpid(pid, options | os.WNOHANG)  # noqa: E731
    ended: tuple[int, int] = _until_ended(look, lambda it: it[0] != 0, 0 if options else pid)
    return ended


def wait() -> tuple[int, int]:
    """Wait for any child; see `os.wait`. Blocks: the calling task."""
    return waitpid(-1, 0)


def wait3(options: int) -> Any:
    """Wait for any child; see `os.wait3`. Blocks: the calling task."""
    return wait4(-1, options)


def wait4(pid: int, options: int) -> Any:
    """Wait for a child; see `os.wait4`. Blocks: the calling task."""
    real: Callable[[int, int], Any] = os.wait4 if _real_wait4 is None else _real_wait4
    if running_task() is None or options & os.WNOHANG:
        return real(pid, options)
    look = lambda: real(pid, options | os.WNOHANG)  # noqa: E731
    return _until_ended(look, lambda it: it[0] != 0, 0 if options else pid)


def waitid(idtype: int, id_: int, options: int, /) -> Any:
    """Wait for a child; see `os.waitid`. Blocks: the calling task."""
    real: Callable[..., Any] = os.waitid if _saved.waitid is None else _saved.waitid
    if running_task() is None or options & os.WNOHANG:
        return real(idtype, id_, options)
    by_pid = idtype == os.P_PID and options & ~os.WNOWAIT == os.WEXITED
    look = lambda: real(idtype, id_, options | os.WNOHANG)  # noqa: E731
    return _until_ended(look, lambda found: found is not None, id_ if by_pid else 0)


def system(command: Any) -> int:
    """Run a command in a shell; see `os.system`. Blocks: the calling task."""
    if running_task() is None:
        return _real_system(command)
    return offload(_real_system, command)


def _until_ended(look: Callable[[], Any], is_found: Callable[[Any], bool], pid: int) -> Any:
    """Call ``look`` until it reports the end of a child; ``pid`` is 0 for any child."""
    found = look()
    if is_found(found):
        return found
    descriptor = _pidfd(pid)
    patience = Patience()
    try:
        while not is_found(found):
            if descriptor is None:
                patience.pause()
            else:
                wait_readable(descriptor)
            found = look()
    finally:
        if descriptor is not None:
            os.close(descriptor)
    return found


def _pidfd(pid: int) -> int | None:
    if pid <= 0 or not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def read(fd: int, length: int, /) -> bytes:
    """Read from a descriptor; see `os.read`. Blocks: the calling task."""
    if running_task() is not None and type(fd) is int and _may_wait(fd, os.O_WRONLY):
        wait_readable(fd)
    return _saved.read(fd, length)


def write(fd: int, data: ReadableBuffer, /) -> int:
    """Write to a descriptor; see `os.write`. Blocks: the calling task."""
    if running_task() is None or type(fd) is not int or not _is_waiting_pipe(fd):
        return _saved.write(fd, data)
    sent = 0
    with memoryview(data) as view, view.cast("B") as rest:
        while True:
            wait_writable(fd)
            sent += _saved.write(fd, rest[sent : sent + _PIPE_BUF])
            if sent >= len(rest):
                return sent


def _may_wait(fd: int, useless: int) -> bool:
    """Return whether a call on ``fd`` may wait: it is blocking and open in that direction."""
    try:
        flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    except (OSError, ValueError):
        return False  # the call itself raises the error
    return not flags & os.O_NONBLOCK and flags & os.O_ACCMODE != useless


def _is_waiting_pipe(fd: int) -> bool:
    return _may_wait(fd, os.O_RDONLY) and stat.S_ISFIFO(os.fstat(fd).st_mode)


class PipeFile(io.FileIO):
    """The raw file of a pipe, whose reads and writes pause only the calling task."""

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        """Wait for data and read it."""
        self._wait(wait_readable)
        return super().readinto(buffer)

    def read(self, size: int | None = -1, /) -> bytes | None:  # type: ignore[override]  # None at EAGAIN
        """Wait for data and read at most ``size`` bytes; everything where it is negative."""
        if size is None or size < 0:
            return self.readall()
        self._wait(wait_readable)
        return super().read(size)

    def readall(self) -> bytes:
        """Read until the end."""
        parts = []
        while part := self.read(io.DEFAULT_BUFFER_SIZE):
            parts.append(part)
        return b"".join(parts)

    def write(self, data: ReadableBuffer) -> int | None:  # type: ignore[override]  # None at EAGAIN
        """Wait for space and write as much as fits without waiting again."""
        if running_task() is None:
            return super().write(data)
        self._wait(wait_writable)
        with memoryview(data) as view, view.cast("B") as rest, rest[:_PIPE_BUF] as part:
            return super().write(part)

    def _wait(self, wait: Callable[[int], None]) -> None:
        fd = self.fileno()
        if os.get_blocking(fd):
            wait(fd)


def open_pipe(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **kwargs: Any) -> Any:
    """Open the parent's end of a pipe, as `subprocess` does by ``io.open``."""
    if not isinstance(file, int) or mode not in ("rb", "wb") or args or kwargs:
        return open(file, mode, buffering, *args, **kwargs)
    raw = PipeFile(file, mode)
    if buffering == 0:
        return raw
    if buffering == 1:
        warnings.warn(
            "line buffering (buffering=1) isn't supported in binary mode, "
            "the default buffer size will be used",
            RuntimeWarning,
            stacklevel=2,
        )
    size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
    return io.BufferedReader(raw, size) if mode == "rb" else io.BufferedWriter(raw, size)


def io_for_pipes() -> ModuleType:
    """Return the module `io` with another ``open``, for `subprocess`."""
    module = ModuleType("io", io.__doc__)
    module.__dict__.update(io.__dict__)
    module.open = open_pipe  # type: ignore[attr-defined]  # every module may have more names
    return module


def after_fork_in_child() -> None:
    """Give the child of a fork a hub of its own. Does nothing outside of tasks."""
    task = running_task()
    if task is not None:
        hub_of(task).continue_after_fork(task)
