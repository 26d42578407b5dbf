"""The frames that wait until a peer makes room for them, in order.

A frame is here only while the operating system's buffer of the connection is full. The first one
may be sent in part; then the rest of it must come next, whatever happens.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol


class Waiting(Protocol):
    """The task that waits until its frame was sent."""

    def unpark(self) -> bool:
        """Resume the task."""
        ...


class OutgoingFrame:
    """A frame that waits to be sent.

    Attributes:
        data: The bytes of the frame.
        sent: Number of bytes that were sent.
        sender: The task that waits for it; ``None`` for frames that none waits for.
        is_droppable: Whether it may be dropped for a client that is too slow.
        is_dropped: Whether it was dropped, and will not be sent.
    """

    __slots__ = ("data", "is_droppable", "is_dropped", "sender", "sent")

    def __init__(
        self,
        data: bytes,
        *,
        sent: int = 0,
        sender: Waiting | None = None,
        is_droppable: bool = False,
    ) -> None:
        """Store the frame."""
        self.data = data
        self.sent = sent
        self.sender = sender
        self.is_droppable = is_droppable
        self.is_dropped = False

    def drop(self) -> None:
        """Mark the frame as dropped, and wake the task that waits for it."""
        self.is_dropped = True
        if self.sender is not None:
            self.sender.unpark()


class OutgoingFrames:
    """A queue of frames that knows its size in bytes.

    Attributes:
        size: Number of bytes that wait.
    """

    __slots__ = ("_frames", "size")

    def __init__(self) -> None:
        """Begin empty."""
        self._frames: deque[OutgoingFrame] = deque()
        self.size = 0

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._frames)

    def append(self, frame: OutgoingFrame) -> None:
        """Add a frame at the end."""
        self._frames.append(frame)
        self.size += len(frame.data) - frame.sent

    def rest(self) -> memoryview:
        """Return the bytes of the first frame that are to be sent next."""
        first = self._frames[0]
        return memoryview(first.data)[first.sent :]

    def note_sent(self, count: int) -> bool:
        """Note that ``count`` bytes of the first frame were sent; return whether all of it was."""
        first = self._frames[0]
        first.sent += count
        self.size -= count
        if first.sent < len(first.data):
            return False
        self._frames.popleft()
        if first.sender is not None:
            first.sender.unpark()
        return True

    def withdraw(self, frame: OutgoingFrame) -> bool:
        """Remove a frame of which nothing was sent; return whether that was possible."""
        if frame.sent or frame not in self._frames:
            return False
        self._frames.remove(frame)
        self.size -= len(frame.data)
        return True

    def drop_oldest(self, size: int) -> int:
        """Drop the oldest frames that may be dropped, until ``size`` bytes more are free.

        Returns:
            The number of frames that were dropped.
        """
        dropped = []
        for frame in self._frames:
            if size <= 0:
                break
            if frame.is_droppable and not frame.sent:
                dropped.append(frame)
                size -= len(frame.data)
        for frame in dropped:
            self.withdraw(frame)
        return len(dropped)

    def drop_unsent(self) -> int:
        """Drop all frames but one that was sent in part; return their number."""
        frames, self._frames = self._frames, deque()
        self.size = 0
        for frame in frames:
            if frame.sent:
                self.append(frame)
            else:
                frame.drop()
        return len(frames) - len(self._frames)

    def clear(self) -> None:
        """Drop all frames."""
        frames, self._frames = self._frames, deque()
        self.size = 0
        for frame in frames:
            frame.drop()
