"""Readiness of file descriptors: what the hub asks the operating system for.

Theory of operation. A descriptor is registered with the operating system once, edge-triggered, for
as long as it lives: no system call per wait. Its `Watcher` takes the edges and knows who waits for
them. A pipe, the bell, wakes the poll from other threads and from signal handlers.

An edge is told once. When a signal handler raises while edges are being handed on, those that are
left would be lost, so the poller has all of them told again.

Where there is no epoll, `SelectorPoller` gives the same contract on level-triggered
`selectors`: it registers interest only while somebody waits.
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

# The system calls count in milliseconds of 32 bits; a poll that returns early does no harm.
_LONGEST_POLL: Final = 86_400.0

# Taken at import: under a patched standard library the hub still needs the real one.
_HAS_EPOLL = hasattr(select, "epoll")
if _HAS_EPOLL:
    _Epoll = select.epoll


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

    def drop(self, fd: int) -> Watcher | None:
        """Stop watching ``fd``, and leave who waits waiting; the one call that any thread may make.

        Returns:
            The watcher, if there was one.
        """

    def interest_changed(self, watcher: Watcher) -> None:
        """Note that somebody began to wait on ``watcher``.

        Raises:
            OSError: ``EBADF``: the watcher was forgotten, by another thread perhaps.
        """

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
        self._epoll.register(self.bell.ear, IN)
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
        """Stop watching ``fd``, and leave who waits waiting."""
        watcher = self._watchers.pop(fd, None)
        if watcher is not None:
            watcher.is_dry = False
            watcher.is_forgotten = True
            try:
                self._epoll.unregister(fd)
            except OSError:  # closed already: the kernel has dropped it by itself
                pass
        return watcher

    def interest_changed(self, watcher: Watcher) -> None:
        """Refuse a forgotten watcher; else the registration covers both directions already."""
        if watcher.is_forgotten:
            raise closed_descriptor()

    def poll(self, timeout: float | None) -> None:
        """Wait for events, ``timeout`` seconds at most, and fire their watchers."""
        watchers = self._watchers
        if timeout is not None and timeout > _LONGEST_POLL:
            timeout = _LONGEST_POLL
        try:
            for fd, mask in self._epoll.poll(timeout):
                watcher = watchers.get(fd)
                if watcher is not None:
                    watcher.fire(mask)
                elif fd == self.bell.ear:
                    self.bell.hear()
        except BaseException:
            self._ask_again()
            raise

    def _ask_again(self) -> None:
        """Have everything reported that is so now, as if it had just become so."""
        for fd in list(self._watchers):
            with contextlib.suppress(OSError, ValueError):  # closed already
                self._epoll.modify(fd, _EDGES)

    def wake(self) -> None:
        """Make `poll` return, from any thread or signal handler."""
        self.bell.ring()

    def has_waiters(self) -> bool:
        """Return whether a task waits for a descriptor."""
        return _is_any_awaited(self._watchers)

    @property
    def awaited(self) -> int:
        """How many descriptors tasks wait for."""
        return sum(watcher.is_awaited for watcher in list(self._watchers.values()))

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
        watcher = self.drop(fd)
        if watcher is not None:
            watcher.fail_waiters()

    def drop(self, fd: int) -> Watcher | None:
        """Stop watching ``fd``, and leave who waits waiting."""
        watcher = self._watchers.pop(fd, None)
        self._set_interest(fd, 0)
        if watcher is not None:
            watcher.is_dry = False
            watcher.is_forgotten = True
        return watcher

    def interest_changed(self, watcher: Watcher) -> None:
        """Register what is awaited now."""
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
                self.bell.hear()
                continue
            mask = (IN if events & selectors.EVENT_READ else 0) | (
                OUT if events & selectors.EVENT_WRITE else 0
            )
            watcher.fire(mask)
            # Level-triggered: an event without a waiter would be reported again at once.
            self.interest_changed(watcher)

    def wake(self) -> None:
        """Make `poll` return, from any thread or signal handler."""
        self.bell.ring()

    def has_waiters(self) -> bool:
        """Return whether a task waits for a descriptor."""
        return _is_any_awaited(self._watchers)

    @property
    def awaited(self) -> int:
        """How many descriptors tasks wait for."""
        return sum(watcher.is_awaited for watcher in list(self._watchers.values()))

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


def _is_any_awaited(watchers: dict[int, Watcher]) -> bool:
    while True:
        try:
            return any(watcher.is_awaited for watcher in watchers.values())
        except RuntimeError:  # another thread has just closed a socket that had waited here
            pass


def watch_new(poller: Poller, fd: int) -> Watcher:
    """Watch a descriptor that was just opened.

    What the poller knows of its number then is of a file that was closed without a word.
    """
    poller.forget(fd)
    return poller.watch(fd)


def make_poller() -> Poller:
    """Return the best poller of this operating system."""
    return EpollPoller() if _HAS_EPOLL else SelectorPoller()
