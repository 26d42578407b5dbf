"""The lines of a log on their way to its descriptor: in batches, bounded, without waiting.

Theory of operation. Whatever logs appends complete lines to one buffer of the process. Lines of
events (the access log) wait there for up to `INTERVAL` seconds, so that one write serves many of
them; a timer of the hub ends the wait, and so does the end of the hub. A record of the application
is written at once, and all lines before it: the order is that in which they were logged, and a
process that is killed loses at most the events of one interval.

What does not fit into the descriptor stays in the buffer and is tried again. The buffer is
bounded; further lines are dropped and counted, and when the descriptor takes bytes again, a line
says how many. A write ends at the end of a line, and has at most ``PIPE_BUF`` bytes if the line
is not longer itself, so that the lines of workers with a common pipe do not mix.

Appending needs no lock: it is one call in C. Writing needs one, but no thread waits for it: the one
that has it looks for further lines after releasing it.
"""

from __future__ import annotations

import _thread
import contextlib
import functools
import os
import time
import weakref
from collections.abc import Callable
from typing import Final, final

from ._hub import Hub
from ._log_descriptor import Outlet, open_outlet, pause
from ._pooled_greenlet import running_task

INTERVAL: Final = 0.05
"""Seconds that the line of an event waits at most."""
LIMIT: Final = 1 << 20
"""Bytes of lines that wait at most; one more line is the last."""
_RETRY = 0.1
_PAUSE = 0.01
_allocate_lock = _thread.allocate_lock
_monotonic = time.monotonic


@final
class LogLines:
    """The lines that wait for a descriptor.

    Args:
        descriptor: Where they are written.
        note: Returns the line that reports a number of dropped ones.

    Attributes:
        dropped: Number of lines that were dropped, because the descriptor was not read.
    """

    __slots__ = (
        "__weakref__",
        "_buffer",
        "_descriptor",
        "_is_scheduled",
        "_note",
        "_noted",
        "_outlet",
        "_writing",
        "dropped",
    )

    def __init__(self, descriptor: int, note: Callable[[int], bytes]) -> None:
        """Begin without lines."""
        self.dropped = 0
        self._descriptor = descriptor
        self._note = note
        self._noted = 0
        self._outlet: Outlet | None = None
        self._buffer = bytearray()
        self._is_scheduled = False
        self._writing = _allocate_lock()
        find = weakref.ref(self)

        def forget() -> None:
            own = find()
            if own is not None:
                own._forget()

        os.register_at_fork(after_in_child=forget)

    def add(self, line: bytes) -> None:
        """Add a line, its end included, to the next batch. Does not wait."""
        buffer = self._buffer
        if len(buffer) >= LIMIT:
            self.dropped += 1
            return
        buffer += line
        if not self._is_scheduled:
            self._schedule(INTERVAL)

    def write(self, line: bytes) -> None:
        """Add a line and write it now, after those before it. Does not wait.

        What the descriptor does not take at once is written later.
        """
        if len(self._buffer) >= LIMIT:
            self.flush()
        if len(self._buffer) >= LIMIT:
            self.dropped += 1
            return
        self._buffer += line
        self.flush()
        if self._buffer and not self._is_scheduled and running_task() is not None:
            self._schedule(_RETRY)

    def flush(self) -> None:
        """Write the lines, as far as the descriptor takes them. Does not wait."""
        while self._buffer and self._writing.acquire(blocking=False):
            try:
                is_full = self._write_lines()
            finally:
                self._writing.release()
            if is_full:
                return

    def close(self, timeout: float) -> None:
        """Write the lines, and wait for room. Lines that are left then are lost.

        Args:
            timeout: Maximum time to wait in seconds.

        Blocks: the thread.
        """
        until = _monotonic() + timeout
        self.flush()
        while self._buffer and _monotonic() < until:
            pause(_PAUSE)
            self.flush()

    def _write_lines(self) -> bool:
        """Write until the buffer is empty; return whether lines are left, for lack of room."""
        buffer = self._buffer
        try:
            outlet = self._outlet
            if outlet is None or not outlet.is_current:
                outlet = self._outlet = open_outlet(self._descriptor)
            while buffer:
                size = len(buffer)
                if size > outlet.limit:
                    size = buffer.rfind(b"\n", 0, outlet.limit) + 1 or buffer.find(b"\n") + 1
                written = outlet.write(bytes(buffer[:size]))
                del buffer[:written]
                if not buffer and self.dropped > self._noted:
                    number, self._noted = self.dropped - self._noted, self.dropped
                    buffer += self._note(number)
        except OSError:  # no room; or nothing reads any more, which may change for a file
            return True
        return False

    def _schedule(self, delay: float) -> None:
        """Write after ``delay`` seconds; at once where no hub has a timer for it."""
        task = running_task()
        hub = None if task is None else task.hub
        if not isinstance(hub, Hub):
            self.flush()
            return
        self._is_scheduled = True
        hub.timers.add(hub.time() + delay, functools.partial(self._on_time, hub))
        at_end = hub.resources.get(_AtEnd)
        if not isinstance(at_end, _AtEnd):
            at_end = hub.resources[_AtEnd] = _AtEnd()
        at_end.lines.add(self)

    def _on_time(self, hub: Hub) -> None:
        self._is_scheduled = False
        with contextlib.suppress(Exception):  # of a formatter; in the hub nothing handles it
            self.flush()
        if self._buffer and not self._is_scheduled:
            self._is_scheduled = True
            hub.timers.add(hub.time() + _RETRY, functools.partial(self._on_time, hub))

    def end_schedule(self) -> None:
        """Write the lines now: the hub whose timer would do so ends."""
        self._is_scheduled = False
        self.flush()

    def _forget(self) -> None:
        """Forget the lines in the child of a fork: the parent writes them."""
        self._buffer.clear()
        self._is_scheduled = False
        self._writing = _allocate_lock()
        self.dropped = self._noted = 0


class _AtEnd:
    """Writes the lines at the end of a hub; one of its resources."""

    def __init__(self) -> None:
        self.lines: set[LogLines] = set()

    def close(self) -> None:
        """Write them."""
        for lines in self.lines:
            with contextlib.suppress(Exception):
                lines.end_schedule()
