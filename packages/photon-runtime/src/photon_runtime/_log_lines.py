"""The lines of a log on their way to its descriptor: in batches, bounded, without waiting.

Theory of operation. Whatever logs appends to one list of the process. Events (the access log) wait
there for up to `INTERVAL` seconds, so that one call encodes many of them and one write takes them;
a timer of the hub ends the wait, and so does the end of the hub. A record of the application is
written at once, and all lines before it: the order is that in which they were logged, and a process
that is killed loses at most the events of one interval.

What does not fit into the descriptor stays in a buffer and is tried again. The buffer is bounded;
further lines are dropped and counted, and when the descriptor takes bytes again, a line reports
their number. A write ends at the end of a line, and has at most ``PIPE_BUF`` bytes if the line is
not longer itself, so that the lines of workers with a common pipe do not mix.

Appending needs no lock: it is one call in C. Writing needs one, but no thread waits for it: the one
that has it looks for further lines after releasing it.
"""

from __future__ import annotations

import _thread
import contextlib
import functools
import itertools
import os
import time
import weakref
from collections.abc import Callable
from typing import Any, Final, final

import msgspec

from ._hub import Hub
from ._log_descriptor import Outlet, open_outlet, pause
from ._pooled_greenlet import running_task
from ._request_lines import request_lines

INTERVAL: Final = 0.05
"""Seconds that the line of an event waits at most."""
LIMIT: Final = 1 << 20
"""Bytes for which the descriptor may lack room; one more batch is the last."""
BATCH: Final = 1_000
"""Number of lines that are not left waiting."""
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
        pending: What waits to be encoded: lines without their ends, as `msgspec.Raw`, and tuples,
            which are requests (`_request_lines`). The path of requests appends to it, and calls
            `begin_batch` if nothing else has.
        is_scheduled: Whether something will write what waits.
        batches: Number of batches that were encoded.
        dropped: Number of lines that were dropped, because the descriptor was not read.
    """

    __slots__ = (
        "__weakref__",
        "_buffer",
        "_descriptor",
        "_encode_lines",
        "_is_given_up",
        "_note",
        "_noted",
        "_outlet",
        "_writing",
        "batches",
        "dropped",
        "is_scheduled",
        "pending",
    )

    def __init__(self, descriptor: int, note: Callable[[int], bytes]) -> None:
        """Begin without lines."""
        self.pending: list[Any] = []
        self.batches = 0
        self.dropped = 0
        self._descriptor = descriptor
        self._note = note
        self._noted = 0
        self._outlet: Outlet | None = None
        self._buffer = bytearray()
        self._encode_lines = msgspec.json.Encoder().encode_lines
        self.is_scheduled = self._is_given_up = False
        self._writing = _allocate_lock()
        find = weakref.ref(self)

        def forget() -> None:
            own = find()
            if own is not None:
                own._forget()

        os.register_at_fork(after_in_child=forget)

    def add(self, line: msgspec.Raw) -> None:
        """Add a line to the next batch. Does not wait.

        Args:
            line: The line without its end, as `msgspec.Raw`.
        """
        self.pending.append(line)
        if not self.is_scheduled or len(self.pending) >= BATCH:
            self.begin_batch()

    def begin_batch(self) -> None:
        """Write what waits some time later, or now if it is much. Does not wait."""
        if not self.is_scheduled:
            self._schedule(INTERVAL)
        elif len(self.pending) >= BATCH:
            self.flush()

    def write(self, line: bytes) -> None:
        """Add a line, without its end, and write it now, after those before it. Does not wait.

        What the descriptor does not take at once is written later.
        """
        self.pending.append(msgspec.Raw(line))
        self.flush()
        if self._buffer and not self.is_scheduled and running_task() is not None:
            self._schedule(_RETRY)

    def flush(self) -> None:
        """Write the lines, as far as the descriptor takes them. Does not wait."""
        while (self.pending or self._buffer) and self._writing.acquire(blocking=False):
            try:
                self._encode_pending()
                is_full = self._write_lines()
            finally:
                self._writing.release()
            if is_full:
                return

    def close(self, timeout: float) -> None:
        """Write the lines, and wait for room. Lines that are left then are lost.

        A further call waits only if bytes were written since: an end has several such calls.

        Args:
            timeout: Maximum time to wait in seconds.

        Blocks: the thread.
        """
        self.flush()
        until = _monotonic() + timeout
        while self._buffer and not self._is_given_up:
            pause(_PAUSE)
            self.flush()
            self._is_given_up = bool(self._buffer) and _monotonic() >= until

    def _encode_pending(self) -> None:
        """Move lines from the list to the buffer, or drop them if it is full."""
        items = self.pending[:]
        del self.pending[: len(items)]  # other threads append at its end
        if not items:
            return
        self.batches += 1
        if len(self._buffer) >= LIMIT:
            self._write_lines()
        if len(self._buffer) >= LIMIT:
            self.dropped += len(items)
            return
        for kind, group in itertools.groupby(items, type):
            same = list(group)
            self._buffer += request_lines(same) if kind is tuple else self._encode_lines(same)

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
                self._is_given_up = False
                if not buffer and self.dropped > self._noted:
                    number, self._noted = self.dropped - self._noted, self.dropped
                    buffer += self._note(number) + b"\n"
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
        self.is_scheduled = True
        hub.timers.add(hub.time() + delay, functools.partial(self._on_time, hub))
        at_end = hub.resources.get(_AtEnd)
        if not isinstance(at_end, _AtEnd):
            at_end = hub.resources[_AtEnd] = _AtEnd()
        at_end.lines.add(self)

    def _on_time(self, hub: Hub) -> None:
        self.is_scheduled = False
        with contextlib.suppress(Exception):  # of a formatter; in the hub nothing handles it
            self.flush()
        if self._buffer and not self.is_scheduled:
            self.is_scheduled = True
            hub.timers.add(hub.time() + _RETRY, functools.partial(self._on_time, hub))

    def end_schedule(self) -> None:
        """Write the lines now: the hub whose timer would do so ends."""
        self.is_scheduled = False
        self.flush()

    def _forget(self) -> None:
        """Forget the lines in the child of a fork: the parent writes them."""
        self.pending.clear()
        self._buffer.clear()
        self.is_scheduled = self._is_given_up = False
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
