"""The memory that a large request body is received into, without copies.

Theory of operation. The operating system writes the bytes of the body directly to their place in
the ``bytes`` object that the handler gets: a `io.BytesIO` takes over a ``bytes`` object that
nothing else refers to, lends its memory as a writable view, and returns the same object at the end.
If an interpreter did copy it instead, the result would be the same.

The length that a client declares is a claim. So the buffer begins with what has arrived, and when
it is full it grows to 32 times that, or to the declared length if that is at most 64 times: a
client has to send bytes to make the server reserve memory, and moving them to the larger place
costs a small part of a copy of the whole. The new memory is zeroed by ``calloc``, which does not
touch pages that are fresh from the operating system, so they become resident only when the bytes
arrive.
"""

from __future__ import annotations

import io

LARGE = 16 * 1024
"""Bodies of which so many bytes are still to arrive are received in this way."""

_FIRST = 64 * 1024
_GROWTH = 32
# A longer read would let other tasks wait for more than some 50 microseconds.
_MAX_ROOM = 256 * 1024


class BodyBuffer:
    """The bytes of a body of known length, as far as they have arrived."""

    __slots__ = ("_file", "_length", "_room", "_size", "_view")

    def __init__(self, length: int, received: bytes) -> None:
        """Begin with the bytes that have been received in another way."""
        self._length = length
        self._size = len(received)
        self._room = memoryview(b"")
        self._grow(received)

    def room(self) -> memoryview:
        """Return the memory for the next bytes, at least one; empty if the body is complete.

        It is valid until the next call of this method or of `take`.
        """
        self._room.release()
        size = self._size
        if size == len(self._view) and size < self._length:
            self._grow(self._view)
        self._room = self._view[size : size + _MAX_ROOM]
        return self._room

    def note(self, size: int) -> None:
        """Note that the first ``size`` bytes of `room` have been written."""
        self._size += size

    def take(self) -> bytes:
        """Return the bytes that have arrived; the buffer is unusable afterwards."""
        self._room.release()  # a view that is left would make `getvalue` copy
        if self._size < len(self._view):
            return bytes(self._view[: self._size])
        self._view.release()
        return self._file.getvalue()

    def _grow(self, received: bytes | memoryview) -> None:
        capacity = max(_FIRST, _GROWTH * self._size)
        if self._length <= 2 * capacity:  # no further growth for the rest
            capacity = self._length
        file = io.BytesIO(bytes(capacity))
        view = file.getbuffer()
        view[: self._size] = received
        self._file, self._view = file, view
