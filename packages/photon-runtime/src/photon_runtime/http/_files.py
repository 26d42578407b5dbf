"""The content of a file as the body of a response, sent by the operating system.

``sendfile`` moves the bytes from the file to the socket without bringing them into this process.
With TLS the bytes must be encrypted in this process, so the body is read in parts, like any other
iterable; other code that handles bodies may do the same. Small files are read, too: one ``send``
together with the head is cheaper.

Reading a file that is not in the operating system's cache blocks the scheduler until the disk
responds.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import BinaryIO, final

from .._task import Task
from ._wire import Wire

INLINE_LIMIT = 64 * 1024
"""Files up to this number of bytes are sent together with the head."""

_PART = 128 * 1024
_MAX_AT_ONCE = 1024 * 1024


@final
class FileBody:
    """A file, or a part of one, as the body of a `Response`; it is closed after sending.

    It determines the response's ``Content-Length``. If the file turns out to be shorter while it is
    sent, the connection is closed, so that the client notices.

    Args:
        file: A path, or a file opened for reading in binary mode; its position is ignored.
        offset: Number of bytes to skip at the beginning.
        length: Number of bytes to send; ``None`` for all from ``offset``.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It is not a regular file, or is too short for the requested part.

    Example:
        >>> from photon_runtime.http import FileBody, Response
        >>> import sys
        >>> Response(body=FileBody(sys.executable, offset=1, length=3)).body.length
        3
    """

    __slots__ = ("_file", "length", "offset")

    def __init__(
        self, file: str | os.PathLike[str] | BinaryIO, *, offset: int = 0, length: int | None = None
    ) -> None:
        """Open the file, if it is a path, and check its size."""
        self._file = open_file(file) if isinstance(file, str | os.PathLike) else file
        self.offset = offset
        try:
            self.length = _available(self._file, offset, length)
        except BaseException:
            self._file.close()
            raise

    def __repr__(self) -> str:
        """Show the file, the offset and the length."""
        return f"<FileBody {self._file.name!r} {self.offset}+{self.length}>"

    def __iter__(self) -> Iterator[bytes]:
        """Read the requested part in pieces; it ends early if the file does."""
        offset, left = self.offset, self.length
        while left:
            part = os.pread(self.fileno(), min(left, _PART), offset)
            if not part:
                return
            offset += len(part)
            left -= len(part)
            yield part

    def fileno(self) -> int:
        """Return the file's descriptor."""
        return self._file.fileno()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _available(file: BinaryIO, offset: int, length: int | None) -> int:
    """Return the number of bytes to send, after checking that the file has them."""
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(
            f"{file.name!r} is not a regular file; send its content as an iterable of bytes"
        )
    size = status.st_size - offset if length is None else length
    if offset < 0 or size < 0 or offset + size > status.st_size:
        raise ValueError(
            f"{file.name!r} has {status.st_size} bytes, not {size} from offset {offset}"
        )
    return size


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for `FileBody`."""
    return open(path, "rb", buffering=0)


class FileTooShort(ValueError):
    """A file is shorter than when its response was made."""


def send_file(wire: Wire, head: bytes, body: FileBody, task: Task[object]) -> None:
    """Send ``head``, and then the file by ``sendfile``.

    Raises:
        ValueError: The file is closed; nothing was sent.
        FileTooShort: It is shorter than its declared length; the response is incomplete.

    Blocks: the task.
    """
    target, source = wire.stream.fileno(), body.fileno()
    wire.send(head, task)
    offset, left = body.offset, body.length
    while left:
        try:
            sent = os.sendfile(target, source, offset, min(left, _MAX_AT_ONCE))
        except BlockingIOError:
            wire.wait_for_room(task)
            continue
        if not sent:
            raise FileTooShort(f"{body!r} has become shorter since the response was made")
        offset += sent
        left -= sent
        if left:
            task.hub.end_turn()  # a client that reads fast must not keep the others waiting
            task.yield_turn()
