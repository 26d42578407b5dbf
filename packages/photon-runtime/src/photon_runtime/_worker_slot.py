"""A slot for a worker: its processes, the pauses after deaths, and the words of the log for them.

A worker that dies is replaced at once. If its slot's workers keep dying within a second of their
birth, the replacement waits: 0.25 s after the second such death, then twice as long each time, up
to 5 s. While the system lacks the resources for another process, the fork is retried every 5 s.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._worker_process import Worker

_EARLY = 1.0
_FIRST_DELAY = 0.25
_LONGEST_DELAY = 5.0


@attrs.define(eq=False)
class Slot:
    """One slot for a worker.

    Attributes:
        current: Worker that serves, or is starting.
        old: Workers that are stopping and have not ended.
        successor: Worker that will replace ``current`` once it is ready.
        failed_starts: Number of workers in a row that ended before they were ready.
        early_deaths: Number of workers in a row that lived for less than a second.
        due: Time to start the next worker, if the slot is empty.
        retirable: Time from which on a worker may ask for a successor.
    """

    number: int
    current: Worker | None = None
    old: list[Worker] = attrs.Factory(list)
    successor: Worker | None = None
    failed_starts: int = 0
    early_deaths: int = 0
    due: float = 0.0
    retirable: float = 0.0

    def workers(self) -> list[Worker]:
        """All processes of this slot that have not ended."""
        known = (self.current, self.successor, *self.old)
        return [worker for worker in known if worker is not None]

    def succeed(self) -> Worker | None:
        """Let the successor, if there is one, be the current worker; return the one before."""
        before, self.current, self.successor = self.current, self.successor, None
        return before

    def note_age(self, worker: Worker) -> float:
        """Note how long a worker lived that leaves or has died; return the seconds to pause."""
        age = time.monotonic() - worker.born
        self.early_deaths = self.early_deaths + 1 if age < _EARLY else 0
        if self.early_deaths <= 1:
            return 0.0
        return min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** (self.early_deaths - 2))

    def pause(self, seconds: float | None = None) -> None:
        """Start no worker for some time, by default for as long as after many deaths."""
        self.due = time.monotonic() + (_LONGEST_DELAY if seconds is None else seconds)

    def name(self, worker: Worker) -> str:
        """Return how the log calls a worker."""
        return f"worker {self.number} (pid {worker.pid})"

    def describe(self, worker: Worker) -> str:
        """Return what a worker does, for the answer to a signal."""
        state = "ready" if worker.is_ready else "starting"
        if worker.is_stopping:
            state = "stopping"
        elif worker in self.old:
            state = "leaving"
        return f"{self.name(worker)} is {state}, {time.monotonic() - worker.born:.0f} s old"


def all_workers(slots: Iterable[Slot]) -> list[tuple[Slot, Worker]]:
    """Return all processes that have not ended."""
    return [(slot, worker) for slot in slots for worker in slot.workers()]


def fate(code: int) -> str:
    """Return how a worker ended, by its exit code or, negative, the number of a signal."""
    if code < 0:
        return f"was killed by signal {-code} ({signal.strsignal(-code)})"
    return f"ended with exit code {code}"


def prospect(delay: float) -> str:
    """Return when the next worker starts."""
    return f"the next attempt is in {delay:g} s" if delay else "it is replaced"
