"""Waiting for descriptors that are not sockets: pipes, processes, arguments of `select`.

Theory of operation. The hub's own poller registers a descriptor once for its whole life and has to
unregister it before it is closed; when these descriptors are closed is unknown. So each wait makes
an epoll instance of its own for its descriptors, and waits for the descriptor of that instance,
which it owns. An epoll instance can be polled like any file, and `select.epoll` objects of the
program are waited for in the same way. On systems without epoll, the task polls at growing
intervals.

Descriptors that epoll refuses (regular files) never wait: the caller first asks the operating
system, which reports them as ready.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Mapping
from typing import TypeVar

from .._hub import current_hub
from .._run import sleep, yield_now
from .._task import Task
from . import _saved
from ._running import hub_of, running_task

T = TypeVar("T")

READ = 0x001 | 0x010 | 0x008  # POLLIN, POLLHUP, POLLERR
WRITE = 0x004 | 0x010 | 0x008
_FIRST_PAUSE = 0.0005
_LONGEST_PAUSE = 0.02


class Patience:
    """Growing pauses, for polling what does not signal that it is ready."""

    def __init__(self, longest: float = _LONGEST_PAUSE) -> None:
        """Begin with a short pause."""
        self._next = _FIRST_PAUSE
        self._longest = longest

    def pause(self, left: float | None = None) -> None:
        """Pause the task, but not for longer than ``left`` seconds."""
        sleep(self._next if left is None else max(0.0, min(left, self._next)))
        self._next = min(self._longest, self._next * 2)


def wait_until(
    look: Callable[[], T], *, interest: Callable[[], Mapping[int, int]], timeout: float | None
) -> T:
    """Call ``look`` until its result is true, or ``timeout`` seconds have passed.

    Args:
        look: Function that asks the operating system, without waiting.
        interest: Descriptors to wait for, with the event mask of each.
        timeout: Seconds; ``None`` for as long as it takes.

    Returns:
        The last result of ``look``.
    """
    task = running_task()
    found = look()
    if found or task is None or (timeout is not None and timeout <= 0):
        return found
    hub = hub_of(task)
    expires = None if timeout is None else hub.time() + timeout
    patience = Patience()
    while True:
        left = None if expires is None else expires - hub.time()
        if left is not None and left <= 0:
            return found
        woke_in_vain = not _wait_for_events(task, interest(), left)
        found = look()
        if found:
            return found
        if woke_in_vain:
            patience.pause(left)


def wait_descriptor(fd: int, mask: int, timeout: float | None = None) -> int:
    """Wait until ``fd`` is ready for some of ``mask``, and let other tasks run in any case.

    Args:
        fd: The descriptor.
        mask: The bits ``POLLIN`` and ``POLLOUT`` of `select.poll`.
        timeout: Seconds; ``None`` for as long as it takes.

    Returns:
        The events of `select.poll`; zero when the time ran out.

    Blocks: the calling task.
    """
    poll = _saved.select_poll()
    poll.register(fd, mask)
    events = poll.poll(0)
    if events:
        let_others_run()
    else:
        events = wait_until(lambda: poll.poll(0), interest=lambda: {fd: mask}, timeout=timeout)
    return events[0][1] if events else 0


def let_others_run() -> None:
    """Give up a turn, and let the timers fire that are due.

    The hub checks its timers only every 128 switches. A task that does much work between two
    switches, as a copy does, would overrun its deadline by all of that work.
    """
    hub = current_hub()
    due = hub.timers.next_due()
    if due is not None and due <= hub.time():
        sleep(1e-9)
    else:
        yield_now()


def wait_readable(fd: int, timeout: float | None = None) -> None:
    """Pause the running task until ``fd`` may be read. Does nothing outside of tasks."""
    _wait_for_one(fd, select.POLLIN, timeout)


def wait_writable(fd: int, timeout: float | None = None) -> None:
    """Pause the running task until ``fd`` may be written. Does nothing outside of tasks."""
    _wait_for_one(fd, select.POLLOUT, timeout)


def _wait_for_one(fd: int, mask: int, timeout: float | None) -> None:
    if running_task() is None:
        return
    poll = _saved.select_poll()
    poll.register(fd, mask)
    wait_until(lambda: poll.poll(0), interest=lambda: {fd: mask}, timeout=timeout)


def _wait_for_events(
    task: Task[object], interest: Mapping[int, int], timeout: float | None
) -> bool:
    """Wait for events; return whether there may have been one."""
    if _saved.select_epoll is None:
        return False
    with _saved.select_epoll() as epoll:
        for fd, mask in interest.items():
            try:
                epoll.register(fd, mask)
            except OSError:  # a regular file, or a closed one: do not wait
                return False
        wait_for_epoll(task, epoll.fileno(), timeout)
        return bool(epoll.poll(0)) or not interest


def wait_for_epoll(task: Task[object], fd: int, timeout: float | None) -> None:
    """Park ``task`` until the epoll instance ``fd`` has events, ``timeout`` seconds at the most."""
    hub = hub_of(task)
    poller = hub.poller
    watcher = poller.watch(fd)
    if watcher.is_claimed:  # left by a socket that was dropped: see `Socket`
        poller.forget(fd)
        watcher = poller.watch(fd)
    watcher.ended = False
    timer = None if timeout is None else hub.timers.add(hub.time() + timeout, task.unpark)
    try:
        watcher.wait_read(task)
    finally:
        if timer is not None:
            timer.cancel()
        # Another task that was woken with this one may have removed the watcher and wait again.
        if not (watcher.is_awaited or watcher.is_forgotten):
            poller.forget(fd)
