"""File objects of pipes, FIFOs, terminals and other descriptors that wait in C.

Theory of operation. `open` and `io.FileIO` make files as ever, except where the descriptor may
wait. There the raw file waits in the hub before each read and write, and tasks use the buffer in
turns; see `_buffers`.
"""

from __future__ import annotations

import io
import os
import stat
import warnings
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

from ._buffers import PipeReader, PipeWriter
from ._descriptors import wait_readable
from ._fifos import open_descriptor
from ._running import running_task
from ._transfers import waits_to_write, write_all

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_MEMORY_DEVICES = 1  # the major number of /dev/null and the like, which never wait
_real_open = io.open
_RealFileIO = io.FileIO

Opener = Callable[[str, int], int]


def may_wait(file: Any) -> bool:
    """Return whether a file may wait: its path or descriptor is that of a pipe or the like."""
    try:
        status = os.stat(file)
    except (OSError, ValueError, TypeError, OverflowError):
        return False  # the call itself raises the error
    mode = status.st_mode
    if stat.S_ISCHR(mode):
        return os.major(status.st_rdev) != _MEMORY_DEVICES
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


# -- raw files --------------------------------------------------------------------------------


def readinto(raw: io.FileIO, buffer: WriteableBuffer, /) -> int | None:
    """Wait for data and read it into ``buffer``. Blocks: the calling task."""
    _wait_to_read(raw)
    count: int | None = _RealFileIO.readinto(raw, buffer)
    return count


def read(raw: io.FileIO, size: int | None = -1, /) -> bytes | None:
    """Wait for data and read ``size`` bytes at the most, all if negative. Blocks: the task."""
    if size is None or size < 0:
        return readall(raw)
    _wait_to_read(raw)
    return _RealFileIO.read(raw, size)


def readall(raw: io.FileIO, /) -> bytes | None:
    """Read until the end. Blocks: the calling task."""
    if running_task() is None:
        return _RealFileIO.readall(raw)
    parts: list[bytes] = []
    while part := read(raw, io.DEFAULT_BUFFER_SIZE):
        parts.append(part)
    return None if part is None and not parts else b"".join(parts)


def write(raw: io.FileIO, data: ReadableBuffer, /) -> int | None:
    """Wait for room and write all of ``data``. Blocks: the calling task."""
    if running_task() is None or not raw.writable() or not waits_to_write(raw.fileno()):
        count: int | None = _RealFileIO.write(raw, data)
        return count
    return write_all(raw.fileno(), data)


def _wait_to_read(raw: io.FileIO) -> None:
    if running_task() is not None and raw.readable() and os.get_blocking(raw.fileno()):
        wait_readable(raw.fileno())


class _LikeFileIO(type):
    """The type of `FileIO`: all raw files are its instances, those of plain files too."""

    def __instancecheck__(cls, instance: object) -> bool:
        kind = _RealFileIO if cls is FileIO else cls
        return type.__instancecheck__(kind, instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        kind = _RealFileIO if cls is FileIO else cls
        return type.__subclasscheck__(kind, subclass)


class FileIO(_RealFileIO, metaclass=_LikeFileIO):  # type: ignore[metaclass]  # typeshed: of ABCMeta
    """The replacement of `io.FileIO`, and the raw file of every pipe."""

    __module__ = "_io"

    def __init__(
        self, file: Any, mode: str = "r", closefd: bool = True, opener: Opener | None = None
    ) -> None:
        """Open a file; see `io.FileIO`. Blocks: the task, for the other side of a FIFO."""
        self._waits = may_wait(file)
        if self._waits and opener is None and not isinstance(file, int):
            opener = open_descriptor
        super().__init__(file, mode, closefd, opener)

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        """Wait for data and read it into ``buffer``."""
        return readinto(self, buffer) if self._waits else super().readinto(buffer)

    def read(self, size: int | None = -1, /) -> bytes | None:  # type: ignore[override]  # None at EAGAIN
        """Wait for data and read at most ``size`` bytes; everything where it is negative."""
        return read(self, size) if self._waits else super().read(size)

    def readall(self) -> bytes | None:  # type: ignore[override]  # None at EAGAIN
        """Read until the end."""
        return readall(self) if self._waits else super().readall()

    def write(self, data: ReadableBuffer, /) -> int | None:  # type: ignore[override]  # None at EAGAIN
        """Wait for room and write all of ``data``."""
        return write(self, data) if self._waits else super().write(data)


# -- open -------------------------------------------------------------------------------------


class Open:
    """The replacement of `open`. Not a function, so that a class may have it as an attribute."""

    __slots__ = ()
    __name__ = __qualname__ = "open"
    __module__ = "io"
    __doc__ = _real_open.__doc__

    def __call__(  # noqa: PLR0917 - the parameters of `open`
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Opener | None = None,
    ) -> IO[Any]:
        """Open a file; see `open`. Blocks: the calling task, for the other side of a FIFO."""
        is_text = isinstance(mode, str) and "b" not in mode
        if not may_wait(file) or not _is_valid(mode, (encoding, errors, newline), buffering):
            return _real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = FileIO(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        if buffering == 0:
            if is_text:
                raw.close()
                raise ValueError("can't have unbuffered text I/O")
            return raw
        if buffering == 1 and not is_text:
            warnings.warn(
                "line buffering (buffering=1) isn't supported in binary mode, "
                "the default buffer size will be used",
                RuntimeWarning,
                stacklevel=2,
            )
        try:
            is_line_buffered = buffering == 1 or (buffering < 0 and raw.isatty())
            opened: Any = _buffered(raw, buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE)
            if is_text:
                opened = io.TextIOWrapper(opened, encoding, errors, newline, is_line_buffered)
                opened.mode = mode
        except BaseException:
            raw.close()
            raise
        file_object: IO[Any] = opened
        return file_object

    def __repr__(self) -> str:
        """Show the name."""
        return "<function open>"

    def __reduce__(self) -> str:
        """Pickle by name."""
        return "open"


def _is_valid(mode: Any, text_arguments: tuple[object, ...], buffering: Any) -> bool:
    """Return whether the arguments of `open` are valid; it raises the error of those that are not.

    It raises it before it opens the file.
    """
    letters = sorted(mode) if isinstance(mode, str) else []
    is_binary = "b" in letters
    return (
        len(set(letters)) == len(letters) > 0
        and set(letters) <= set("rwxabt+")
        and sum(letter in "rwxa" for letter in letters) == 1
        and not (is_binary and ("t" in letters or any(it is not None for it in text_arguments)))
        and isinstance(buffering, int)
    )


def _buffered(raw: FileIO, size: int) -> IO[Any]:
    if raw.readable() and raw.writable():
        return io.BufferedRandom(raw, size)  # it refuses, because pipes cannot seek
    file: IO[Any] = (PipeReader if raw.readable() else PipeWriter)(raw, size)
    return file
