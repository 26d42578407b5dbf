"""A pair of connected streams in memory that behave like two connected sockets.

Theory of operation. Each direction is a `Pipe`: a bounded buffer, with a queue of waiting tasks.
Every change of the pipe wakes all of them; they check the buffer again, as with a socket. The
special cases of sockets are the same: short writes, ``b""`` after the end of the peer, ``EPIPE``
when writing to a closed peer, ``ECONNRESET`` when the peer closed without having read all data,
``EBADF`` for tasks that wait on a stream when it is closed.
"""

from __future__ import annotations

import errno
import io
import os
import socket
from collections.abc import Callable
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar

from ._pooled_greenlet import current_task
from ._sync import WaitQueue
from ._watcher import Waiter

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

T = TypeVar("T")
_TURNED_AWAY = (errno.EPIPE, "the other end reads no more")


class Pipe:
    """The bytes on their way in one direction."""

    __slots__ = ("buffer", "capacity", "changed", "error", "is_ended", "is_refused", "waiters")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.buffer = bytearray()
        self.changed = WaitQueue()
        self.waiters: list[Waiter] = []  # those without a task, each for one change
        self.is_ended = False  # nothing more will be written
        self.is_refused = False  # nothing more will be read
        self.error: int | None = None

    def write(self, data: memoryview) -> int | None:
        """Write as much of ``data`` as fits into the buffer; return ``None`` if it is full."""
        if self.is_ended or self.is_refused:
            raise BrokenPipeError(*_TURNED_AWAY)
        room = self.capacity - len(self.buffer)
        if not room and data:
            return None
        self.buffer += data[:room]
        self.note_change()
        return min(room, len(data))

    def read(self, size: int) -> bytes | None:
        """Read at most ``size`` bytes; return ``None`` if there are none yet."""
        if self.buffer and not self.is_refused:
            data = bytes(self.buffer[:size])
            del self.buffer[:size]
            self.note_change()
            return data
        if self.error is not None:
            number, self.error = self.error, None
            raise ConnectionResetError(number, os.strerror(number))
        return b"" if self.is_ended or self.is_refused or not size else None

    def note_change(self) -> None:
        """Wake everything that waits for a change."""
        self.changed.wake_all()
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            waiter.unpark()

    def end(self) -> None:
        """Mark the end of the data."""
        self.is_ended = True
        self.note_change()

    def refuse(self) -> None:
        """Refuse further data."""
        self.is_refused = True
        self.note_change()


class MemoryStream:
    """One end of a connection in memory; made by `memory_pair`.

    It has the methods of a connected stream socket, with the meaning of `socket.socket`. It has no
    descriptor: ``fileno()`` is -1, and ``select()`` cannot wait for it.

    Attributes:
        incoming: The bytes from the other end.
        outgoing: The bytes to it.
    """

    def __init__(self, incoming: Pipe, outgoing: Pipe, name: str) -> None:
        """Connect the two directions."""
        self.incoming = incoming
        self.outgoing = outgoing
        self._name = name
        self._limit: float | None = None
        self._closed = False
        self._files = 0

    def __repr__(self) -> str:
        """Show the state and the number of bytes in both directions."""
        state = "closed" if self._closed else "open"
        fill = f"{len(self.incoming.buffer)} to read, {len(self.outgoing.buffer)} unread by peer"
        return f"<MemoryStream {self._name} {state}, {fill}>"

    def __enter__(self) -> Self:
        """Return the stream."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Close the stream."""
        self.close()

    # -- without waiting ----------------------------------------------------------------------

    def fileno(self) -> int:
        """Return -1: there is no descriptor."""
        return -1

    def getsockname(self) -> str:
        """Return the name of this end."""
        return self._name

    def getpeername(self) -> str:
        """Return the name of the other end."""
        return "right" if self._name == "left" else "left"

    def setsockopt(self, *args: object) -> None:
        """Do nothing: a stream in memory has no options."""

    def settimeout(self, value: float | None) -> None:
        """Limit each waiting call to ``value`` seconds; ``None`` for no limit, 0 for no wait."""
        if value is not None and not value >= 0:
            raise ValueError(f"a timeout must be zero or more seconds, not {value!r}")
        self._limit = value

    def gettimeout(self) -> float | None:
        """Return the timeout in seconds, ``None`` without one."""
        return self._limit

    def setblocking(self, flag: bool) -> None:
        """Let calls wait without limit, or not at all."""
        self._limit = None if flag else 0.0

    def shutdown(self, how: int) -> None:
        """End reading (``SHUT_RD``), writing (``SHUT_WR``) or both (``SHUT_RDWR``).

        Raises:
            OSError: The stream is closed.
        """
        self._check_open()
        if how in (socket.SHUT_RD, socket.SHUT_RDWR):
            self.incoming.refuse()
        if how in (socket.SHUT_WR, socket.SHUT_RDWR):
            self.outgoing.end()

    def close(self) -> None:
        """Close this end, once the files of `makefile` are closed too. Twice is harmless."""
        if not self._closed:
            self._closed = True
            self._close_if_unused()

    # -- with waiting -------------------------------------------------------------------------

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Wait for data and return at most ``bufsize`` bytes, ``b""`` at the end.

        Raises:
            ValueError: ``bufsize`` is negative.
            TimeoutError: No data arrived within the timeout.
            BlockingIOError: There is no data, and the timeout is zero.
            ConnectionResetError: The peer closed without reading all data sent to it.
            OSError: The stream is closed.
            Cancelled: A scope around the task was cancelled; no data was consumed.

        Blocks: the calling task, while there is no data.
        """
        if bufsize < 0:
            raise ValueError(f"recv() needs a size of zero or more bytes, not {bufsize}")
        return self._retry(self.incoming, lambda: self.incoming.read(bufsize))

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        """Wait for data and write it into ``buffer``; return the number of bytes, as `recv`."""
        view = memoryview(buffer).cast("B")
        if nbytes > len(view):
            raise ValueError(f"the buffer has {len(view)} bytes, too few for {nbytes}")
        data = self.recv(nbytes or len(view))
        view[: len(data)] = data
        return len(data)

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """Wait for room and send; return the number of bytes sent.

        Raises:
            TimeoutError: There was no room within the timeout.
            BlockingIOError: There is no room, and the timeout is zero.
            BrokenPipeError: The peer is closed or no longer reads.
            OSError: The stream is closed.
            Cancelled: A scope around the task was cancelled; nothing was sent.

        Blocks: the calling task, while there is no room.
        """
        view = memoryview(data).cast("B")
        return self._retry(self.outgoing, lambda: self.outgoing.write(view))

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        """Send all of ``data``, waiting for room as needed; errors as for `send`."""
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self.send(rest) :]

    def makefile(self, mode: str = "r", buffering: int = -1, **text: str) -> IO[Any]:
        """Return a file for the stream; arguments as for `socket.socket.makefile`.

        Args:
            mode: Combination of ``r``, ``w`` and ``b``.
            buffering: Buffer size in bytes, 0 for no buffer; by default as for `open`.
            text: ``encoding``, ``errors`` and ``newline`` of text files.

        Raises:
            ValueError: The mode is invalid, or a text file is requested without a buffer.
        """
        if not mode or not set(mode) <= set("rwb"):
            raise ValueError(f"the mode of a stream's file consists of r, w and b, not {mode!r}")
        if not buffering and "b" not in mode:
            raise ValueError("a text file needs a buffer: use a binary mode or another buffering")
        raw = _File(self, "r" in mode, "w" in mode)
        if not buffering:
            return raw  # type: ignore[return-value]  # typeshed: RawIOBase is no IO[bytes]
        return _buffered(raw, mode, io.DEFAULT_BUFFER_SIZE if buffering < 0 else buffering, text)

    # -- mechanism ----------------------------------------------------------------------------

    def _retry(self, pipe: Pipe, call: Callable[[], T | None]) -> T:
        clock = None
        left = self._limit
        while True:
            self._check_open()
            result = call()
            if result is not None:
                return result
            if self._limit == 0:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            task = current_task()
            if self._limit is not None:
                now = task.hub.time()
                clock = now + self._limit if clock is None else clock
                left = clock - now
            if (left is not None and left <= 0) or not pipe.changed.wait(task, left):
                raise TimeoutError("timed out")

    def _check_open(self) -> None:
        if self._closed and not self._files:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def _close_if_unused(self) -> None:
        if self._closed and not self._files:
            if self.incoming.buffer:
                self.outgoing.error = errno.ECONNRESET
            self.incoming.refuse()
            self.outgoing.end()

    def _file_closed(self) -> None:
        self._files -= 1
        self._close_if_unused()


class _File(io.RawIOBase):
    """The unbuffered file of `MemoryStream.makefile`."""

    def __init__(self, stream: MemoryStream, reads: bool, writes: bool) -> None:
        super().__init__()
        self._stream = stream
        self._reads = reads
        self._writes = writes
        stream._check_open()
        stream._files += 1

    def readable(self) -> bool:
        return self._reads

    def writable(self) -> bool:
        return self._writes

    def readinto(self, buffer: WriteableBuffer) -> int:
        return self._stream.recv_into(buffer)

    def write(self, data: ReadableBuffer) -> int:
        return self._stream.send(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._stream._file_closed()


def _buffered(raw: _File, mode: str, size: int, text: dict[str, str]) -> IO[Any]:
    file: io.BufferedRWPair | io.BufferedReader | io.BufferedWriter
    if raw.readable() and raw.writable():
        file = io.BufferedRWPair(raw, raw, size)
    elif raw.writable():
        file = io.BufferedWriter(raw, size)
    else:
        file = io.BufferedReader(raw, size)
    if "b" in mode:
        return file  # type: ignore[return-value]  # typeshed: BufferedRWPair is no IO[bytes]
    return io.TextIOWrapper(file, **text)  # type: ignore[arg-type, type-var]


def memory_pair(*, capacity: int = 65536) -> tuple[MemoryStream, MemoryStream]:
    """Return two connected streams: data sent to one is received from the other.

    Args:
        capacity: Maximum number of bytes in each direction; one or more. A small capacity causes
            short writes and waiting senders, which code must handle.

    Raises:
        ValueError: ``capacity`` is less than one.

    Example:
        >>> from photon_runtime import testing
        >>> left, right = testing.memory_pair()
        >>> left.sendall(b"hello")
        >>> right.recv(100)
        b'hello'
    """
    if capacity < 1:
        raise ValueError(f"the capacity of a stream must be one byte or more, not {capacity}")
    there, back = Pipe(capacity), Pipe(capacity)
    return MemoryStream(back, there, "left"), MemoryStream(there, back, "right")
