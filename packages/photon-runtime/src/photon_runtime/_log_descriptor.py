"""Writing to the descriptor of a log without ever waiting for what reads it.

Theory of operation. A pipe that is not read fills up, and the next write waits: with one scheduler
for all requests the whole server would stand still, because of its log. But the descriptor is
shared with the parent, the other workers and every child, so it must not be made non-blocking:
that would be so for all of them, and `print` would fail. Each kind of file has its own way out.

- A regular file does not wait.
- A pipe or a terminal is opened anew by its name in ``/proc``, which gives this process a
  description of its own, and this one is non-blocking.
- Where that is impossible (another user's pipe, a socket such as that of the journal, another
  operating system), the descriptor is polled before each write, and a write has at most
  ``PIPE_BUF`` bytes, for which a writable pipe or socket has room. Of several workers that find
  the last room of a pipe at the same moment, one may wait; the others, and the other ways, do not.

Up to ``PIPE_BUF`` bytes enter a pipe in one piece or not at all, so that lines of several workers
do not mix.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import posix
import select
import stat
import time
import weakref
from collections.abc import Callable
from typing import Final, TextIO

import attrs

# The originals: of `posix`, which is not patched, and of what is taken before any patch.
_write = posix.write
_poll = getattr(select, "poll", None)
pause = time.sleep

PIPE_BUF: Final = getattr(select, "PIPE_BUF", 512)
_WHOLE: Final = 1 << 20
_OPEN_ANEW: Final = os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND | os.O_NOCTTY | os.O_CLOEXEC


@attrs.frozen(eq=False, weakref_slot=True)
class Outlet:
    """A descriptor that is written to without waiting.

    Attributes:
        descriptor: Descriptor of the stream.
        limit: Largest number of bytes that `write` should get, if a line is not longer.
        write: Writes bytes and returns the number of those that fitted; raises
            ``BlockingIOError`` when none do, and another ``OSError`` when the file is gone.
    """

    descriptor: int
    limit: int
    write: Callable[[bytes], int]
    _file: tuple[int, int]

    @property
    def is_current(self) -> bool:
        """Whether the descriptor still refers to the file that it was opened for."""
        try:
            return _file_of(os.fstat(self.descriptor)) == self._file
        except OSError:
            return False


def descriptor_of(stream: TextIO) -> int | None:
    """Return the descriptor that bytes can be written to in place of ``stream``.

    ``None`` for a stream that does more than encode text as UTF-8, such as one in memory, one that
    compresses, or one that a library has wrapped.
    """
    if type(stream) is not io.TextIOWrapper:
        return None
    raw = getattr(stream.buffer, "raw", stream.buffer)
    if type(raw) is not io.FileIO or codecs.lookup(stream.encoding).name != "utf-8":
        return None
    with contextlib.suppress(OSError, ValueError):  # it is closed
        return raw.fileno()
    return None


def open_outlet(descriptor: int) -> Outlet:
    """Return the way to write to a descriptor without waiting.

    Raises:
        OSError: The descriptor is not open.
    """
    state = os.fstat(descriptor)
    file, kind = _file_of(state), stat.S_IFMT(state.st_mode)
    if kind == stat.S_IFREG:
        return Outlet(descriptor, _WHOLE, lambda data: _write(descriptor, data), file)
    if kind in (stat.S_IFIFO, stat.S_IFCHR):
        with contextlib.suppress(OSError):
            own = os.open(f"/proc/self/fd/{descriptor}", _OPEN_ANEW)
            outlet = Outlet(descriptor, PIPE_BUF, lambda data: _write(own, data), file)
            weakref.finalize(outlet, os.close, own).atexit = False
            return outlet
    return Outlet(descriptor, PIPE_BUF, lambda data: _write_when_ready(descriptor, data), file)


def _write_when_ready(descriptor: int, data: bytes) -> int:
    if _poll is not None:
        poll = _poll()
        poll.register(descriptor, select.POLLOUT)
        if not poll.poll(0):
            raise BlockingIOError
    return _write(descriptor, data[:PIPE_BUF])


def _file_of(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino
