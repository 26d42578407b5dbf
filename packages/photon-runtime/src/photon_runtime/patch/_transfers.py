"""Reads and writes of descriptors: `os.read`, `os.write` and their relatives.

Theory of operation. A read first waits until the descriptor is ready. The descriptor itself stays
in blocking mode, since a pipe is shared with other processes, which may not expect a non-blocking
one. A blocking pipe that is ready takes ``PIPE_BUF`` bytes without waiting, so more than that is
written in parts. A blocking socket is written to with ``MSG_DONTWAIT``. Regular files never wait.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import Cancelled
from . import _saved
from ._descriptors import wait_readable, wait_writable
from ._running import running_task

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_PIPE_BUF = getattr(select, "PIPE_BUF", 512)
_real_readv = getattr(os, "readv", None)
_real_writev = getattr(os, "writev", None)
_real_sendfile = getattr(os, "sendfile", None)
_real_splice = getattr(os, "splice", None)
_real_eventfd_read = getattr(os, "eventfd_read", None)
_real_eventfd_write = getattr(os, "eventfd_write", None)
_RealSocket: Any = socket.socket.__base__


def read(fd: int, length: int, /) -> bytes:
    """Read from a descriptor; see `os.read`. Blocks: the calling task."""
    _wait_to_read(fd)
    return _saved.read(fd, length)


def readv(fd: int, buffers: Sequence[WriteableBuffer], /) -> int:
    """Read from a descriptor; see `os.readv`. Blocks: the calling task."""
    _wait_to_read(fd)
    return int(_original(_real_readv)(fd, buffers))


def eventfd_read(fd: int) -> int:
    """Read a counter; see `os.eventfd_read`. Blocks: the calling task."""
    _wait_to_read(fd)
    return int(_original(_real_eventfd_read)(fd))


def eventfd_write(fd: int, value: int) -> None:
    """Add to a counter; see `os.eventfd_write`. Blocks: the calling task."""
    if running_task() is not None and type(fd) is int and _may_wait(fd, os.O_RDONLY):
        wait_writable(fd)
    _original(_real_eventfd_write)(fd, value)


def write(fd: int, data: ReadableBuffer, /) -> int:
    """Write to a descriptor; see `os.write`. Blocks: the calling task."""
    if running_task() is None or type(fd) is not int or not waits_to_write(fd):
        return _saved.write(fd, data)
    return write_all(fd, data)


def writev(fd: int, buffers: Sequence[ReadableBuffer], /) -> int:
    """Write to a descriptor; see `os.writev`. Blocks: the calling task."""
    if running_task() is None or type(fd) is not int or not waits_to_write(fd):
        return int(_original(_real_writev)(fd, buffers))
    return write(fd, b"".join(memoryview(buffer).cast("B") for buffer in buffers))


def sendfile(
    out_fd: int, in_fd: int, offset: int | None, count: int, *args: Any, **kwargs: Any
) -> int:
    """Copy from a file to a descriptor; see `os.sendfile`. Blocks: the calling task."""
    if running_task() is not None and type(out_fd) is int and waits_to_write(out_fd):
        wait_writable(out_fd)
        count = min(count, _PIPE_BUF)
    return int(_original(_real_sendfile)(out_fd, in_fd, offset, count, *args, **kwargs))


def splice(  # noqa: PLR0917 - the parameters of `os.splice`
    src: int,
    dst: int,
    count: int,
    offset_src: int | None = None,
    offset_dst: int | None = None,
    flags: int = 0,
) -> int:
    """Move bytes between a pipe and a descriptor; see `os.splice`. Blocks: the calling task."""
    real = _original(_real_splice)
    if running_task() is None or flags & os.SPLICE_F_NONBLOCK:
        return int(real(src, dst, count, offset_src, offset_dst, flags))
    while True:
        _wait_to_read(src)
        if waits_to_write(dst):
            wait_writable(dst)
        with contextlib.suppress(BlockingIOError):
            more = flags | os.SPLICE_F_NONBLOCK
            return int(real(src, dst, count, offset_src, offset_dst, more))


def write_some(fd: int, data: memoryview) -> int:
    """Write what fits into a pipe or socket that is ready, without waiting; may write nothing."""
    if running_task() is None or not waits_to_write(fd):
        return _saved.write(fd, data)
    if stat.S_ISFIFO(os.fstat(fd).st_mode):
        return _saved.write(fd, data[:_PIPE_BUF])
    with _socket_of(fd) as borrowed, contextlib.suppress(BlockingIOError):
        return int(borrowed.send(data, socket.MSG_DONTWAIT))
    return 0


def write_all(fd: int, data: ReadableBuffer) -> int:
    """Write all of ``data`` to a blocking pipe or socket, in parts.

    Returns:
        Number of bytes; less than all if the task was cancelled when some were written.

    Raises:
        Cancelled: A scope around the task was cancelled; nothing was written.

    Blocks: the calling task.
    """
    sent = 0
    with memoryview(data) as view, view.cast("B") as rest:
        while True:
            try:
                wait_writable(fd)
            except Cancelled:
                if not sent:
                    raise
                return sent
            sent += write_some(fd, rest[sent:])
            if sent >= len(rest):
                return sent


@contextlib.contextmanager
def _socket_of(fd: int) -> Iterator[Any]:
    """Lend a socket object for a descriptor, for its flags."""
    # The family and type are not looked up, and nothing depends on them here.
    borrowed = _RealSocket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=fd)
    try:
        yield borrowed
    finally:
        borrowed.detach()


def _wait_to_read(fd: Any) -> None:
    if running_task() is not None and type(fd) is int and _may_wait(fd, os.O_WRONLY):
        wait_readable(fd)


def _may_wait(fd: int, useless: int) -> bool:
    """Return whether a call on ``fd`` may wait: it is blocking and open in that direction."""
    try:
        flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    except (OSError, ValueError):
        return False  # the call itself raises the error
    return not flags & os.O_NONBLOCK and flags & os.O_ACCMODE != useless


def waits_to_write(fd: int) -> bool:
    """Return whether writing to ``fd`` may wait: it is a blocking pipe or socket."""
    if not _may_wait(fd, os.O_RDONLY):
        return False
    kind = os.fstat(fd).st_mode
    return stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)


def _original(function: Callable[..., Any] | None) -> Callable[..., Any]:
    if function is None:
        raise NotImplementedError("this operating system has no such call")
    return function
