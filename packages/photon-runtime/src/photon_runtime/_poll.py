"""Readiness of file descriptors: who waits for what.

Theory of operation. Each descriptor has one `Watcher` per hub, registered with the operating
system once, edge-triggered, for as long as the descriptor lives: no system call per wait. An
edge that arrives while nobody waits is remembered in a flag, so the rule for callers is

    try the call; on BlockingIOError wait_read() (or wait_write()) and try again

and no edge is ever lost: one that came before the try makes the next wait return at once (a
spurious turn, the try is simply repeated), one that comes later wakes the waiter. A hang-up is
remembered for good, because the kernel reports that edge only once.

Who has read less from a TCP socket than he asked for knows that the next try would fail, and may
leave it out: `Watcher.is_dry` keeps that knowledge until the next edge. It would be wrong behind
urgent data, at which a read ends early with more behind it; so the poller asks for that event, too,
and a descriptor that has ever had it is never called dry. The order makes that safe: what arrived
before the last look at the descriptor was reported by it, and what arrived later makes a new edge.

Where there is no epoll, `SelectorPoller` gives the same contract on level-triggered
`selectors`: it registers interest only while somebody waits.
"""

from __future__ import annotations

import errno
import os
import select
import selectors
from typing import Final, Protocol

# Values of <sys/epoll.h>; the names are missing from `select` where there is no epoll.
_IN: Final = 0x001
_PRI: Final = 0x002
_OUT: Final = 0x004
_ERR: Final = 0x008
_HUP: Final = 0x010
_RDHUP: Final = 0x2000
_ET: Final = 1 << 31
_READABLE: Final = _IN | _RDHUP | _HUP | _ERR
_WRITABLE: Final = _OUT | _HUP | _ERR
_FINAL: Final = _RDHUP | _HUP  # an error alone is reported once, by the next call
_RARE: Final = _FINAL | _PRI

# The system calls count in milliseconds of 32 bits; a poll that returns early does no harm.
_LONGEST_POLL: Final = 86_400.0

# Taken at import: under a patched standard library the hub still needs the real one.
_HAS_EPOLL = hasattr(select, "epoll")
if _HAS_EPOLL:
    _Epoll = select.epoll


class Waiter(Protocol):
    """What a watcher needs of a task: to pause it, and to let it go on."""

    def park(self) -> None:
        """Pause until `unpark` or `interrupt`."""

    def unpark(self) -> bool:
        """Let the task go on; return whether it was paused."""

    def interrupt(self, error: BaseException) -> bool:
        """Let the task go on with ``error`` raised; return whether it was paused."""


class Watcher:
    """The waits of one hub for one descriptor.

    Attributes:
        is_claimed: Whether somebody made the descriptor's life his affair. To find a claimed one
            for a new descriptor means that the number was closed without a word and used again.
        is_dry: Whether the last read took everything and no edge has come since.
        has_urgent: Whether urgent data has ever come: then short reads tell nothing.
        is_forgotten: Whether it belongs to no poller any more, and will not wake anybody.
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
        """Watch nothing yet; `Poller.watch` registers it."""
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
        """Whether somebody waits for reading, and for writing."""
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
            self._poller.interest_changed(self)
            try:
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
            self._poller.interest_changed(self)
            try:
                task.park()
            finally:
                if self._writer is task:
                    self._writer = None
            self.writable = False
        else:
            self._wait_behind(self._more_writers, task)

    def wake_when_readable(self, waiter: Waiter) -> None:
        """Call ``waiter.unpark()`` when reading may make progress, at once if it may already.

        For what waits without a task. To be called while no task waits to read; it holds for one
        time, and `take_waiters` ends it.
        """
        if self.readable or self.ended:
            waiter.unpark()
        else:
            self._reader = waiter
            self._poller.interest_changed(self)

    def _wait_behind(self, queue: list[Waiter], task: Waiter) -> None:
        queue.append(task)
        try:
            task.park()
        finally:
            if task in queue:
                queue.remove(task)

    def fire(self, mask: int) -> None:
        """Take an event of the operating system: wake who waits, remember it for who comes."""
        if mask & _RARE:
            self._note(mask)
        if mask & _READABLE:
            self.readable = True
            self.is_dry = False
            reader = self._reader
            if reader is not None:
                self._reader = None
                reader.unpark()
            if self._more_readers:
                self._release(self._more_readers)
        if mask & _WRITABLE:
            self.writable = True
            writer = self._writer
            if writer is not None:
                self._writer = None
                writer.unpark()
            if self._more_writers:
                self._release(self._more_writers)

    def _note(self, mask: int) -> None:
        if mask & _FINAL:
            self.ended = True
        if mask & _PRI:
            self.has_urgent = True
            self.is_dry = False

    def note_short_read(self) -> None:
        """Note that a read of the socket, of TCP, got less than it asked for.

        To be called in the hub of the watcher, before it polls again.
        """
        self.is_dry = not (self.ended or self.has_urgent)

    def fail_waiters(self, error: OSError) -> None:
        """Raise ``error`` in every task that waits, because the descriptor goes away."""
        for task in self.take_waiters():
            task.interrupt(error)

    def take_waiters(self) -> list[Waiter]:
        """Return every task that waits; no event will wake them any more."""
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


class Bell:
    """A pipe that wakes a poller from other threads and signal handlers.

    Attributes:
        ear: Readable after a ring.
        rope: What is written to, also by the interpreter itself when a signal arrives.
    """

    __slots__ = ("ear", "rope")

    def __init__(self) -> None:
        """Open the pipe."""
        self.ear, self.rope = os.pipe()
        os.set_blocking(self.ear, False)
        os.set_blocking(self.rope, False)

    def ring(self) -> None:
        """Make `ear` readable."""
        try:
            os.write(self.rope, b"\0")
        except BlockingIOError:  # the pipe is full of rings already
            pass

    def hear(self) -> None:
        """Make `ear` silent again."""
        try:
            os.read(self.ear, 4096)
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Close the pipe."""
        os.close(self.ear)
        os.close(self.rope)


class Poller(Protocol):
    """What the hub needs of the operating system.

    Attributes:
        bell: Rings when `poll` shall return.
    """

    bell: Bell

    def watch(self, fd: int) -> Watcher:
        """Return the watcher of ``fd``, registering it if it is new."""

    def forget(self, fd: int) -> None:
        """Stop watching ``fd`` before it is closed; its waiters get ``OSError(EBADF)``."""

    def interest_changed(self, watcher: Watcher) -> None:
        """Note that somebody began to wait on ``watcher``."""

    def poll(self, timeout: float | None) -> None:
        """Wait for events, ``timeout`` seconds at most, and fire their watchers."""

    def wake(self) -> None:
        """Make `poll` return, from any thread or signal handler."""

    def has_waiters(self) -> bool:
        """Return whether a task waits for a descriptor."""

    @property
    def awaited(self) -> int:
        """How many descriptors tasks wait for."""

    def close(self) -> None:
        """Release the descriptors of the poller itself."""


class EpollPoller:
    """Edge-triggered epoll(7), each descriptor registered once for its whole life."""

    __slots__ = ("_epoll", "_watchers", "bell")

    def __init__(self) -> None:
        """Open the epoll instance."""
        self._epoll = _Epoll()
        self.bell = Bell()
        self._epoll.register(self.bell.ear, _IN)
        self._watchers: dict[int, Watcher] = {}

    def watch(self, fd: int) -> Watcher:
        """Return the watcher of ``fd``, registering it if it is new."""
        watcher = self._watchers.get(fd)
        if watcher is None:
            watcher = Watcher(fd, self)
            self._epoll.register(fd, _IN | _OUT | _PRI | _RDHUP | _ET)
            self._watchers[fd] = watcher
        return watcher

    def forget(self, fd: int) -> None:
        """Stop watching ``fd`` before it is closed; its waiters get ``OSError(EBADF)``."""
        watcher = self._watchers.pop(fd, None)
        if watcher is not None:
            watcher.is_dry = False
            watcher.is_forgotten = True
            try:
                self._epoll.unregister(fd)
            except OSError:  # closed already: the kernel has dropped it by itself
                pass
            if watcher.is_awaited:
                watcher.fail_waiters(OSError(errno.EBADF, "the descriptor was closed"))

    def interest_changed(self, watcher: Watcher) -> None:
        """Do nothing: the registration covers both directions already."""

    def poll(self, timeout: float | None) -> None:
        """Wait for events, ``timeout`` seconds at most, and fire their watchers."""
        watchers = self._watchers
        if timeout is not None and timeout > _LONGEST_POLL:
            timeout = _LONGEST_POLL
        for fd, mask in self._epoll.poll(timeout):
            watcher = watchers.get(fd)
            if watcher is not None:
                watcher.fire(mask)
            elif fd == self.bell.ear:
                self.bell.hear()

    def wake(self) -> None:
        """Make `poll` return, from any thread or signal handler."""
        self.bell.ring()

    def has_waiters(self) -> bool:
        """Return whether a task waits for a descriptor."""
        return any(watcher.is_awaited for watcher in self._watchers.values())

    @property
    def awaited(self) -> int:
        """How many descriptors tasks wait for."""
        return sum(watcher.is_awaited for watcher in self._watchers.values())

    def close(self) -> None:
        """Release the descriptors of the poller itself."""
        self._watchers.clear()
        self._epoll.close()
        self.bell.close()


class SelectorPoller:
    """The same contract on `selectors` (kqueue, poll, select): interest only while awaited."""

    __slots__ = ("_registered", "_selector", "_watchers", "bell")

    def __init__(self) -> None:
        """Open the selector."""
        self._selector = selectors.DefaultSelector()
        self.bell = Bell()
        self._selector.register(self.bell.ear, selectors.EVENT_READ)
        self._watchers: dict[int, Watcher] = {}
        self._registered: dict[int, int] = {}

    def watch(self, fd: int) -> Watcher:
        """Return the watcher of ``fd``."""
        watcher = self._watchers.get(fd)
        if watcher is None:
            watcher = self._watchers[fd] = Watcher(fd, self)
        return watcher

    def forget(self, fd: int) -> None:
        """Stop watching ``fd`` before it is closed; its waiters get ``OSError(EBADF)``."""
        watcher = self._watchers.pop(fd, None)
        self._set_interest(fd, 0)
        if watcher is not None:
            watcher.is_dry = False
            watcher.is_forgotten = True
            watcher.fail_waiters(OSError(errno.EBADF, "the descriptor was closed"))

    def interest_changed(self, watcher: Watcher) -> None:
        """Register what is awaited now."""
        read, write = watcher.wants
        events = (selectors.EVENT_READ if read else 0) | (selectors.EVENT_WRITE if write else 0)
        self._set_interest(watcher.fd, events)

    def poll(self, timeout: float | None) -> None:
        """Wait for events, ``timeout`` seconds at most, and fire their watchers."""
        if timeout is not None and timeout > _LONGEST_POLL:
            timeout = _LONGEST_POLL
        for key, events in self._selector.select(timeout):
            watcher = self._watchers.get(key.fd)
            if watcher is None:
                self.bell.hear()
                continue
            mask = (_IN if events & selectors.EVENT_READ else 0) | (
                _OUT if events & selectors.EVENT_WRITE else 0
            )
            watcher.fire(mask)
            # Level-triggered: an event without a waiter would be reported again at once.
            self.interest_changed(watcher)

    def wake(self) -> None:
        """Make `poll` return, from any thread or signal handler."""
        self.bell.ring()

    def has_waiters(self) -> bool:
        """Return whether a task waits for a descriptor."""
        return any(watcher.is_awaited for watcher in self._watchers.values())

    @property
    def awaited(self) -> int:
        """How many descriptors tasks wait for."""
        return sum(watcher.is_awaited for watcher in self._watchers.values())

    def close(self) -> None:
        """Release the descriptors of the poller itself."""
        self._watchers.clear()
        self._registered.clear()
        self._selector.close()
        self.bell.close()

    def _set_interest(self, fd: int, events: int) -> None:
        before = self._registered.get(fd, 0)
        if events == before:
            return
        if not before:
            self._selector.register(fd, events)
        elif not events:
            self._selector.unregister(fd)
        else:
            self._selector.modify(fd, events)
        if events:
            self._registered[fd] = events
        else:
            del self._registered[fd]


def watch_new(poller: Poller, fd: int) -> Watcher:
    """Watch a descriptor that was just opened.

    What the poller knows of its number then is of a file that was closed without a word.
    """
    poller.forget(fd)
    return poller.watch(fd)


def make_poller() -> Poller:
    """Return the best poller of this operating system."""
    return EpollPoller() if _HAS_EPOLL else SelectorPoller()
