"""Readiness of file descriptors, as reported by the operating system.

Theory of operation. A descriptor is registered with the operating system once, edge-triggered, for
its whole lifetime: no system call per wait. Its `Watcher` receives the edges and has the list of
waiters. A pipe, the waker, interrupts the poll from other threads and from signal handlers.

An edge is reported once. When a signal handler raises while edges are being delivered, the
remaining ones would be lost, so the poller makes the kernel report all of them again.

On systems without epoll, `SelectorPoller` has the same interface on level-triggered `selectors`: it
registers interest only while a task waits.
"""

from __future__ import annotations

import contextlib
import os
import select
import selectors
from typing import Final, Protocol

from ._watcher import IN, OUT, PRI, RDHUP, Watcher, closed_descriptor

_ET: Final = 1 << 31  # EPOLLET; the name is missing where there is no epoll
_EDGES: Final = IN | OUT | PRI | RDHUP | _ET

# Each event is reported once, so after so many the next call reports others.
_MOST_EVENTS: Final = 1024

# The system calls count in milliseconds of 32 bits; a poll that returns early does no harm.
_LONGEST_POLL: Final = 86_400.0

# Read at import: under a patched standard library the hub still needs the original.
_HAS_EPOLL = hasattr(select, "epoll")
if _HAS_EPOLL:
    _Epoll = select.epoll


class Waker:
    """A pipe that interrupts a poll from other threads and signal handlers.

    Attributes:
        read_fd: Descriptor that is readable after `wake`.
        wakeup_fd: Descriptor that is written to, also by the interpreter when a signal arrives.
    """

    __slots__ = ("read_fd", "wakeup_fd")

    def __init__(self) -> None:
        """Open the pipe."""
        self.read_fd, self.wakeup_fd = os.pipe()
        os.set_blocking(self.read_fd, False)
        os.set_blocking(self.wakeup_fd, False)

    def wake(self) -> None:
        """Make `read_fd` readable."""
        try:
            os.write(self.wakeup_fd, b"\0")
        except BlockingIOError:  # the pipe is full, so the poll will return
            pass

    def drain(self) -> None:
        """Read all pending wake-ups."""
        try:
            os.read(self.read_fd, 4096)
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Close the pipe."""
        os.close(self.read_fd)
        os.close(self.wakeup_fd)


class Poller(Protocol):
    """The interface between the hub and the operating system.

    Attributes:
        waker: Makes `poll` return.
    """

    waker: Waker

    def watch(self, fd: int) -> Watcher:
        """Return the watcher of ``fd``, registering it if it is new."""

    def forget(self, fd: int) -> None:
        """Stop watching ``fd`` before it is closed; its waiters get ``OSError(EBADF)``."""

    def drop(self, fd: int) -> Watcher | None:
        """Stop watching ``fd`` without waking its waiters; the only method for all threads.

        Returns:
            The watcher, if there was one.
        """

    def interest_changed(self, watcher: Watcher) -> None:
        """Note that a task began to wait on ``watcher``.

        Raises:
            OSError: ``EBADF``: the watcher was forgotten, possibly by another thread.
        """

    def poll(self, timeout: float | None) -> None:
        """Wait for events, ``timeout`` seconds at most, and fire their watchers."""

    def wake(self) -> None:
        """Make `poll` return, from any thread or signal handler."""

    def has_waiters(self) -> bool:
        """Return whether a task waits for a descriptor."""

    @property
    def awaited(self) -> int:
        """Number of descriptors that tasks wait for."""

    def close(self) -> None:
        """Release the descriptors of the poller itself."""


class EpollPoller:
    """Edge-triggered epoll(7), each descriptor registered once for its whole lifetime.

    Attributes:
        epoll_fd: Descriptor of the epoll instance; -1 when it is closed.
    """

    __slots__ = ("_epoll", "_watchers", "epoll_fd", "waker")

    def __init__(self) -> None:
        """Open the epoll instance."""
        self._epoll = _Epoll()
        self.epoll_fd = self._epoll.fileno()
        self.waker = Waker()
        self._epoll.register(self.waker.read_fd, IN)
        self._watchers: dict[int, Watcher] = {}

    def watch(self, fd: int) -> Watcher:
        """Return the watcher of ``fd``, registering it if it is new."""
        watcher = self._watchers.get(fd)
        if watcher is None:
            watcher = Watcher(fd, self)
            self._epoll.register(fd, _EDGES)
            self._watchers[fd] = watcher
        return watcher

    def forget(self, fd: int) -> None:
        """Stop watching ``fd`` before it is closed; its waiters get ``OSError(EBADF)``."""
        watcher = self.drop(fd)
        if watcher is not None and watcher.is_awaited:
            watcher.fail_waiters()

    def drop(self, fd: int) -> Watcher | None:
        """Stop watching ``fd`` without waking its waiters."""
        watcher = self._watchers.pop(fd, None)
        if watcher is not None:
            watcher.is_dry = False
            watcher.is_forgotten = True
            try:
                self._epoll.unregister(fd)
            except OSError:  # closed already: the kernel has removed it
                pass
        return watcher

    def interest_changed(self, watcher: Watcher) -> None:
        """Refuse a forgotten watcher; a registration already covers both directions."""
        if watcher.is_forgotten:
            raise closed_descriptor()

    def poll(self, timeout: float | None) -> None:
        """Wait for events, ``timeout`` seconds at most, and fire their watchers."""
        watchers = self._watchers
        if timeout is not None and timeout > _LONGEST_POLL:
            timeout = _LONGEST_POLL
        try:
            while True:
                events = self._epoll.poll(timeout, _MOST_EVENTS)
                for fd, mask in events:
                    watcher = watchers.get(fd)
                    if watcher is not None:
                        watcher.fire(mask)
                    elif fd == self.waker.read_fd:
                        self.waker.drain()
                if len(events) < _MOST_EVENTS:
                    return
                timeout = 0.0  # all of them, before timers fire
        except BaseException:
            self._ask_again()
            raise

    def _ask_again(self) -> None:
        """Make the kernel report the current readiness again, as new edges."""
        for fd in list(self._watchers):
            with contextlib.suppress(OSError, ValueError):  # closed already
                self._epoll.modify(fd, _EDGES)

    def wake(self) -> None:
        """Make `poll` return, from any thread or signal handler."""
        self.waker.wake()

    def has_waiters(self) -> bool:
        """Return whether a task waits for a descriptor."""
        return _is_any_awaited(self._watchers)

    @property
    def awaited(self) -> int:
        """Number of descriptors that tasks wait for."""
        return sum(watcher.is_awaited for watcher in list(self._watchers.values()))

    def close(self) -> None:
        """Release the descriptors of the poller itself."""
        self._watchers.clear()
        self.epoll_fd = -1
        self._epoll.close()
        self.waker.close()


class SelectorPoller:
    """The same interface on `selectors` (kqueue, poll, select): interest only while awaited."""

    __slots__ = ("_registered", "_selector", "_watchers", "waker")

    def __init__(self) -> None:
        """Open the selector."""
        self._selector = selectors.DefaultSelector()
        self.waker = Waker()
        self._selector.register(self.waker.read_fd, selectors.EVENT_READ)
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
        watcher = self.drop(fd)
        if watcher is not None:
            watcher.fail_waiters()

    def drop(self, fd: int) -> Watcher | None:
        """Stop watching ``fd`` without waking its waiters."""
        watcher = self._watchers.pop(fd, None)
        self._set_interest(fd, 0)
        if watcher is not None:
            watcher.is_dry = False
            watcher.is_forgotten = True
        return watcher

    def interest_changed(self, watcher: Watcher) -> None:
        """Register the directions that tasks wait for."""
        if watcher.is_forgotten:
            raise closed_descriptor()
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
                self.waker.drain()
                continue
            mask = (IN if events & selectors.EVENT_READ else 0) | (
                OUT if events & selectors.EVENT_WRITE else 0
            )
            watcher.fire(mask)
            # Level-triggered: an event without a waiter would be reported again at once.
            self.interest_changed(watcher)

    def wake(self) -> None:
        """Make `poll` return, from any thread or signal handler."""
        self.waker.wake()

    def has_waiters(self) -> bool:
        """Return whether a task waits for a descriptor."""
        return _is_any_awaited(self._watchers)

    @property
    def awaited(self) -> int:
        """Number of descriptors that tasks wait for."""
        return sum(watcher.is_awaited for watcher in list(self._watchers.values()))

    def close(self) -> None:
        """Release the descriptors of the poller itself."""
        self._watchers.clear()
        self._registered.clear()
        self._selector.close()
        self.waker.close()

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


def _is_any_awaited(watchers: dict[int, Watcher]) -> bool:
    while True:
        try:
            return any(watcher.is_awaited for watcher in watchers.values())
        except RuntimeError:  # another thread has just closed a socket
            pass


def watch_new(poller: Poller, fd: int) -> Watcher:
    """Watch a newly opened descriptor.

    A watcher that already exists for its number belongs to a file that was closed without notice.
    """
    poller.forget(fd)
    return poller.watch(fd)


def make_poller() -> Poller:
    """Return the best poller of this operating system."""
    return EpollPoller() if _HAS_EPOLL else SelectorPoller()
