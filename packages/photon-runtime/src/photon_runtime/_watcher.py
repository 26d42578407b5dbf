"""The waits for one file descriptor.

Theory of operation. Each descriptor has one `Watcher` per hub. The poller reports edges to it; one
that arrives while no task waits is stored in a flag, so the rule for callers is

    try the call; on BlockingIOError wait_read() (or wait_write()) and try again

and no edge is ever lost: one that arrived before the attempt makes the next wait return at once (a
spurious wake-up; the attempt is repeated), one that arrives later wakes the waiter. A hang-up is
stored permanently, because the kernel reports that edge only once.

After a short read from a TCP socket the next attempt would fail, so the reader may skip it:
`Watcher.is_dry` is true until the next edge. It would be wrong after urgent data, at which a read
ends early although more data follows; so the poller requests that event, too, and a descriptor that
has ever had urgent data is never marked dry. The order makes that safe: data that arrived before
the last read was returned by it, and data that arrived later causes a new edge.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from ._poll import Poller

# Values of <sys/epoll.h>; the names are missing from `select` where there is no epoll.
IN: Final = 0x001
PRI: Final = 0x002
OUT: Final = 0x004
_ERR: Final = 0x008
_HUP: Final = 0x010
RDHUP: Final = 0x2000
_READABLE: Final = IN | RDHUP | _HUP | _ERR
_WRITABLE: Final = OUT | _HUP | _ERR
_FINAL: Final = RDHUP | _HUP  # an error alone is reported once, by the next call
_RARE: Final = _FINAL | PRI


def closed_descriptor() -> OSError:
    """Return the error for tasks that wait for a closed descriptor."""
    return OSError(errno.EBADF, "the descriptor was closed")


class Waiter(Protocol):
    """The part of a task that a watcher uses: pausing and resuming it."""

    def park(self) -> None:
        """Pause until `unpark` or `interrupt`."""

    def unpark(self) -> bool:
        """Resume the task; return whether it was paused."""

    def interrupt(self, error: BaseException) -> bool:
        """Resume the task with ``error`` raised; return whether it was paused."""


class Watcher:
    """The waits of one hub for one descriptor.

    Attributes:
        is_claimed: True if an object manages the descriptor's lifetime. A claimed watcher for a new
            descriptor means that the number was closed without notice and reused.
        is_dry: True if the last read emptied the socket and no edge has arrived since.
        has_urgent: True if urgent data has ever arrived: then short reads do not mean dry.
        is_forgotten: True if it no longer belongs to a poller, and will not wake any task.
    """

    __slots__ = (
        "_more_readers",
        "_more_writers",
        "_poller",
        "_reader",
        "_writer",
        "ended",
        "fd",
        "has_urgent",
        "is_claimed",
        "is_dry",
        "is_forgotten",
        "readable",
        "writable",
    )

    def __init__(self, fd: int, poller: Poller) -> None:
        """Make a watcher, to be registered by `Poller.watch`."""
        self.fd = fd
        self.readable = False
        self.writable = False
        self.ended = False
        self.is_claimed = False
        self.is_dry = False
        self.has_urgent = False
        self.is_forgotten = False
        self._poller = poller
        self._reader: Waiter | None = None
        self._writer: Waiter | None = None
        self._more_readers: list[Waiter] = []
        self._more_writers: list[Waiter] = []

    @property
    def is_awaited(self) -> bool:
        """Whether a task waits for this descriptor."""
        return (
            self._reader is not None
            or self._writer is not None
            or bool(self._more_readers)
            or bool(self._more_writers)
        )

    @property
    def wants(self) -> tuple[bool, bool]:
        """Whether a task waits for reading, and whether one waits for writing."""
        return (
            self._reader is not None or bool(self._more_readers),
            self._writer is not None or bool(self._more_writers),
        )

    def wait_read(self, task: Waiter) -> None:
        """Wait until reading may make progress. Blocks: the task, until then or `Cancelled`."""
        if self.readable or self.ended:
            self.readable = False
            return
        if self._reader is None:
            self._reader = task
            try:
                self._poller.interest_changed(self)
                task.park()
            finally:
                if self._reader is task:
                    self._reader = None
            self.readable = False
        else:
            self._wait_behind(self._more_readers, task)

    def wait_write(self, task: Waiter) -> None:
        """Wait until writing may make progress. Blocks: the task, until then or `Cancelled`."""
        if self.writable:
            self.writable = False
            return
        if self._writer is None:
            self._writer = task
            try:
                self._poller.interest_changed(self)
                task.park()
            finally:
                if self._writer is task:
                    self._writer = None
            self.writable = False
        else:
            self._wait_behind(self._more_writers, task)

    def wake_when_readable(self, waiter: Waiter) -> None:
        """Call ``waiter.unpark()`` when reading may make progress, at once if it may already.

        For waiters without a task. Call it while no task waits to read; it applies once, and
        `take_waiters` ends it.
        """
        if self.readable or self.ended:
            waiter.unpark()
        else:
            self._reader = waiter
            self._poller.interest_changed(self)

    def wake_when_writable(self, waiter: Waiter) -> None:
        """Call ``waiter.unpark()`` when writing may make progress, like `wake_when_readable`."""
        if self.writable:
            waiter.unpark()
        else:
            self._writer = waiter
            self._poller.interest_changed(self)

    def dismiss(self, waiter: Waiter) -> None:
        """End what `wake_when_readable` and `wake_when_writable` began for ``waiter``."""
        if self._reader is waiter:
            self._reader = None
        if self._writer is waiter:
            self._writer = None

    def _wait_behind(self, queue: list[Waiter], task: Waiter) -> None:
        queue.append(task)
        try:
            task.park()
        finally:
            if task in queue:
                queue.remove(task)

    def fire(self, mask: int) -> None:  # noqa: C901  # each further call costs every event
        """Handle an event of the operating system: wake the waiters, or store it for later ones.

        A waiter is removed only after it was woken: a signal handler may raise in between.
        """
        if mask & _RARE:
            self._note(mask)
        if mask & _READABLE:
            self.readable = True
            self.is_dry = False
            reader = self._reader
            if reader is not None:
                reader.unpark()
                if self._reader is reader:  # one without a task may wait again already
                    self._reader = None
            if self._more_readers:
                self._release(self._more_readers)
        if mask & _WRITABLE:
            self.writable = True
            writer = self._writer
            if writer is not None:
                writer.unpark()
                if self._writer is writer:
                    self._writer = None
            if self._more_writers:
                self._release(self._more_writers)

    def _note(self, mask: int) -> None:
        if mask & _FINAL:
            self.ended = True
        if mask & PRI:
            self.has_urgent = True
            self.is_dry = False

    def note_short_read(self) -> None:
        """Note that a read of the TCP socket returned less than requested.

        Call it in the hub of the watcher, before it polls again.
        """
        self.is_dry = not (self.ended or self.has_urgent)

    def fail_waiters(self) -> None:
        """Raise ``OSError(EBADF)`` in every task that waits, because the descriptor is closed."""
        error = closed_descriptor()
        for task in self.take_waiters():
            task.interrupt(error)

    def take_waiters(self) -> list[Waiter]:
        """Return every task that waits, and remove them: no event will wake them."""
        waiting = [self._reader, self._writer, *self._more_readers, *self._more_writers]
        self._reader = self._writer = None
        self._more_readers.clear()
        self._more_writers.clear()
        return [task for task in waiting if task is not None]

    @staticmethod
    def _release(queue: list[Waiter]) -> None:
        for task in queue:
            task.unpark()
        queue.clear()
