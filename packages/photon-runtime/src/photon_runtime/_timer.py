"""Timers: a binary heap with lazy deletion.

Most timers (deadlines, read timeouts) are cancelled long before they are due. Removing an entry
from the middle of a heap is linear, so a cancelled timer stays in place, without its callback, and
is dropped when it reaches the top. When more than half of the heap is cancelled it is rebuilt,
which keeps memory proportional to the live timers at constant amortised cost.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Set
from itertools import count
from math import isnan

_COMPACT_FROM = 64


class Timer:
    """One timer. ``cancel()`` prevents its callback; cancelling twice is harmless."""

    __slots__ = ("_heap", "callback", "when")

    def __init__(self, when: float, callback: Callable[[], object], heap: TimerHeap) -> None:
        """Store the callback to call at ``when``, in seconds of the hub's clock."""
        self.when = when
        self.callback: Callable[[], object] | None = callback
        self._heap = heap

    def cancel(self) -> None:
        """Cancel the timer."""
        if self.callback is not None:
            self.callback = None
            self._heap.note_cancelled()


class TimerHeap:
    """The timers of one hub, the earliest first; equal times keep the order of creation."""

    __slots__ = ("_dead", "_entries", "_numbers")

    def __init__(self) -> None:
        """Begin empty."""
        self._entries: list[tuple[float, int, Timer]] = []
        self._numbers = count()
        self._dead = 0

    def __len__(self) -> int:
        """Return the number of live timers."""
        return len(self._entries) - self._dead

    def add(self, when: float, callback: Callable[[], object]) -> Timer:
        """Schedule ``callback()`` for ``when``, in seconds of the hub's clock.

        Raises:
            ValueError: ``when`` is NaN, which cannot be ordered: later timers would never fire.
        """
        if isnan(when):
            raise ValueError("a time to wait must be a number of seconds, not NaN")
        timer = Timer(when, callback, self)
        heapq.heappush(self._entries, (when, next(self._numbers), timer))
        return timer

    def next_due(self) -> float | None:
        """Return the time of the earliest live timer, ``None`` without one."""
        entries = self._entries
        while entries and entries[0][2].callback is None:
            heapq.heappop(entries)
            self._dead -= 1
        return entries[0][0] if entries else None

    def fire_due(self, now: float) -> None:
        """Call the callback of every timer that is due at ``now``.

        A timer whose callback is interrupted, by Ctrl-C for example, is kept: the callback may have
        done nothing yet.
        """
        entries = self._entries
        while entries and entries[0][0] <= now:
            entry = heapq.heappop(entries)
            timer = entry[2]
            callback, timer.callback = timer.callback, None
            if callback is None:
                self._dead -= 1
                continue
            try:
                callback()
            except Exception:
                raise
            except BaseException:
                timer.callback = callback
                heapq.heappush(entries, entry)
                raise

    def cancel_those_of(self, tasks: Set[object]) -> None:
        """Cancel the timers that would wake or cancel one of ``tasks``."""
        for _, _, timer in list(self._entries):
            owner = getattr(timer.callback, "__self__", None)  # a task, or a scope of one
            if owner in tasks or getattr(owner, "_task", None) in tasks:
                timer.cancel()

    def note_cancelled(self) -> None:
        """Count a cancelled timer; rebuild the heap when most of it is cancelled."""
        self._dead += 1
        if self._dead > _COMPACT_FROM and self._dead * 2 > len(self._entries):
            # In place: `fire_due` uses the list while a callback cancels.
            self._entries[:] = [entry for entry in self._entries if entry[2].callback is not None]
            heapq.heapify(self._entries)
            self._dead = 0
