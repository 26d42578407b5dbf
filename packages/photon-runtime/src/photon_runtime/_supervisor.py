"""The supervisor itself: the worker of each slot, and the next actions for it.

`workers` explains the theory of operation, and calls `Supervisor.run` with the signals turned into
bytes in a pipe.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections import deque
from typing import TYPE_CHECKING

import attrs

from ._worker_process import LEAVING, READY, RETIRING, Work, Worker, fork_worker

if TYPE_CHECKING:
    from collections.abc import Callable

CANNOT_LOAD = 3
"""Exit code of a worker whose application cannot be loaded, so that a retry would not help."""

GAVE_UP = 4
"""Exit code of a supervisor after all attempts to start one of its workers failed."""

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
"""The signals that the supervisor handles."""

_START_ATTEMPTS = 5
_EARLY = 1.0
_FIRST_DELAY = 0.25
_LONGEST_DELAY = 5.0
_REST_AFTER_FAILURE = 10.0


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


@attrs.define(eq=False)
class Supervisor:
    """Keeps the workers of all slots alive; `workers.supervise` documents the other fields.

    Attributes:
        wakeup: Readable end of a pipe with the numbers of the signals that arrived.
        was_ready: True once a worker has been ready.
        is_stopping: True once the workers are being stopped.
        exit_code: Future result of `run`.
        rolling: Slots whose workers are to be replaced, the current one first.
    """

    work: Work
    slots: list[Slot]
    shutdown_timeout: float
    worker_timeout: float
    first_ready: Callable[[], None] | None
    stopping: Callable[[], None] | None
    report: Callable[[str], None]
    wakeup: int
    was_ready: bool = False
    is_stopping: bool = False
    exit_code: int = 0
    rolling: deque[Slot] = attrs.Factory(deque)

    def run(self) -> int:
        """Keep the workers alive until a signal stops them; return the exit code.

        Blocks: the process.
        """
        while True:
            if self.is_stopping and not any(slot.workers() for slot in self.slots):
                return self.exit_code
            self._start_due()
            self._kill_overdue()
            self._wait()

    def _start_due(self) -> None:
        if self.is_stopping:
            return
        now = time.monotonic()
        for slot in self.slots if self.was_ready else self.slots[:1]:
            if slot.current is None and slot.due <= now:
                slot.current = self._fork(slot)

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for slot in self.slots:
            for worker in slot.workers():
                if worker.kill_at is not None and worker.kill_at <= now:
                    self.report(
                        f"worker {slot.number} (pid {worker.pid}) did not end within "
                        f"{self.shutdown_timeout:g} s of SIGTERM and is killed"
                    )
                    _send(worker, signal.SIGKILL)
                    worker.kill_at = float("inf")
                elif self._silent_from(worker) <= now:
                    self.report(
                        f"worker {slot.number} (pid {worker.pid}) has given no sign of life for "
                        f"{self.worker_timeout:g} s and is killed: something in it does not return"
                    )
                    _send(worker, signal.SIGKILL)
                    worker.heard = 0.0

    def _silent_from(self, worker: Worker) -> float:
        """The time at which a worker counts as stuck; never while it is stopping."""
        if not worker.heard or worker.is_stopping:
            return float("inf")
        return worker.heard + self.worker_timeout

    def _wait(self) -> None:
        """Wait for a signal, a worker's message or the next due time, and handle it."""
        poll = select.poll()
        poll.register(self.wakeup, select.POLLIN)
        channels = {}
        for slot in self.slots:
            for worker in slot.workers():
                if worker.channel >= 0:
                    channels[worker.channel] = (slot, worker)
                    poll.register(worker.channel, select.POLLIN)
        for fd, _ in poll.poll(self._timeout()):
            if fd in channels:
                self._hear(*channels[fd])
        for number in _read(self.wakeup):
            self._on_signal(number)
        self._reap()

    def _timeout(self) -> float | None:
        """Milliseconds until the next due time; ``None`` if there is none."""
        times = []
        for slot in self.slots if self.was_ready else self.slots[:1]:
            if slot.current is None and not self.is_stopping:
                times.append(slot.due)
        workers = [worker for slot in self.slots for worker in slot.workers()]
        times += [worker.kill_at for worker in workers if worker.kill_at is not None]
        times += [self._silent_from(worker) for worker in workers]
        earliest = min(times, default=float("inf"))
        if earliest == float("inf"):
            return None
        return max(0.0, (earliest - time.monotonic()) * 1000 + 1)  # poll() may be a little early

    def _hear(self, slot: Slot, worker: Worker) -> None:
        """Handle a worker's message; the end of the pipe is the end of the worker."""
        messages = _read(worker.channel)
        if not messages:
            os.close(worker.channel)
            worker.channel = -1
        if self.is_stopping:
            return
        if READY in messages:
            self._note_ready(slot, worker)
        if worker.is_ready:
            worker.heard = time.monotonic()
        if RETIRING in messages and not worker.is_stopping:
            self._retire(slot, worker)
        if LEAVING in messages and worker is slot.current:
            self._let_leave(slot, worker)

    def _note_ready(self, slot: Slot, worker: Worker) -> None:
        worker.is_ready = True
        slot.failed_starts = 0
        if worker is slot.successor:
            self._take_over(slot)
        if not self.was_ready:
            self.was_ready = True
            if self.first_ready is not None:
                self.first_ready()

    def _retire(self, slot: Slot, worker: Worker) -> None:
        """Replace a worker that asks to retire, in its turn."""
        is_heard = worker is slot.current and time.monotonic() >= slot.retirable
        if is_heard and slot not in self.rolling:
            self.report(f"worker {slot.number} (pid {worker.pid}) asks to be replaced")
            self.rolling.append(slot)
            if len(self.rolling) == 1:
                self._roll()

    def _let_leave(self, slot: Slot, worker: Worker) -> None:
        """Replace a worker that takes no more work; it has all the time to finish what it has."""
        slot.old.append(worker)
        slot.current, slot.successor = slot.successor, None
        delay = _delay(self._note_age(slot, worker))
        slot.due = time.monotonic() + delay
        name = f"worker {slot.number} (pid {worker.pid})"
        self.report(f"{name} takes no more work; {_prospect(delay)}")
        self._continue_roll(slot)

    def _continue_roll(self, slot: Slot) -> None:
        """Go on with the next slot, if the successor of a worker that is gone is already there."""
        if slot.current is not None and self.rolling:
            self.rolling.popleft()
            self._roll()

    def _on_signal(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stop(0)
        elif number == signal.SIGHUP and not self.is_stopping:
            self.report("SIGHUP: the workers are replaced one by one")
            if self.rolling:  # a successor is starting; after it, all workers once more
                self.rolling = deque([self.rolling[0], *self.slots])
            else:
                self.rolling = deque(self.slots)
                self._roll()

    def _roll(self) -> bool:
        """Start the successor in the next slot that has a worker to succeed.

        Returns:
            True while the rolling restart continues, False when it is complete.
        """
        while self.rolling:
            slot = self.rolling[0]
            if slot.current is not None:
                slot.successor = self._fork(slot)
                if slot.successor is None:
                    self._give_up_rolling(slot)
                return slot.successor is not None
            self.rolling.popleft()  # its next worker will be new in any case
        return True

    def _take_over(self, slot: Slot) -> None:
        old, slot.current, slot.successor = slot.current, slot.successor, None
        if old is not None:
            slot.old.append(old)
            self._end(old)
        self.rolling.popleft()
        if self._roll() and not self.rolling:
            self.report("all workers are replaced")

    def _stop(self, exit_code: int) -> None:
        """Stop all workers by SIGTERM; a second time, kill them."""
        if self.is_stopping:
            for slot in self.slots:
                for worker in slot.workers():
                    _send(worker, signal.SIGKILL)
            return
        self.is_stopping = True
        self.exit_code = exit_code
        self.rolling.clear()
        if self.stopping is not None:
            self.stopping()
        for slot in self.slots:
            for worker in slot.workers():
                if not worker.is_stopping:
                    self._end(worker)

    def _end(self, worker: Worker) -> None:
        worker.kill_at = time.monotonic() + self.shutdown_timeout
        _send(worker, signal.SIGTERM)

    def _reap(self) -> None:
        for slot in self.slots:
            for worker in slot.workers():
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
                if pid:
                    self._bury(slot, worker, os.waitstatus_to_exitcode(status))

    def _bury(self, slot: Slot, worker: Worker, code: int) -> None:
        if worker.channel >= 0:
            self._hear(slot, worker)  # it may have sent that it is ready before it ended
            if worker.channel >= 0:
                os.close(worker.channel)
                worker.channel = -1
        if worker in slot.old:
            slot.old.remove(worker)
        elif worker is slot.successor:
            self._abandon_roll(slot, worker, code)
        else:
            slot.current, slot.successor = slot.successor, None
            if self.is_stopping:
                return
            self._count_death(slot, worker, code)
            self._continue_roll(slot)

    def _abandon_roll(self, slot: Slot, worker: Worker, code: int) -> None:
        slot.successor = None
        self._give_up_rolling(slot)
        if not self.is_stopping:
            self.report(
                f"the replacement of worker {slot.number} (pid {worker.pid}) {_fate(code)} before"
                " it was ready; the workers that were not yet replaced stay"
            )

    def _give_up_rolling(self, slot: Slot) -> None:
        slot.retirable = time.monotonic() + _REST_AFTER_FAILURE
        self.rolling.clear()

    def _count_death(self, slot: Slot, worker: Worker, code: int) -> None:
        early_deaths = self._note_age(slot, worker)
        if not worker.is_ready:
            slot.failed_starts += 1
        name = f"worker {slot.number} (pid {worker.pid})"
        if code == CANNOT_LOAD and not self.was_ready:
            self._stop(CANNOT_LOAD)
        elif slot.failed_starts >= _START_ATTEMPTS:
            self.report(
                f"{name} {_fate(code)} before it was ready, the {_START_ATTEMPTS}th in a row;"
                " giving up: see what the workers wrote above"
            )
            self._stop(GAVE_UP)
        else:
            delay = _delay(early_deaths)
            slot.due = time.monotonic() + delay
            self.report(f"{name} {_fate(code)}; " + _prospect(delay))

    def _note_age(self, slot: Slot, worker: Worker) -> int:
        """Note how long a worker lived that leaves or has died; return the early ends in a row."""
        age = time.monotonic() - worker.born
        slot.early_deaths = slot.early_deaths + 1 if age < _EARLY else 0
        return slot.early_deaths

    def _fork(self, slot: Slot) -> Worker | None:
        """Start a worker; return ``None`` if the system lacks the resources at the moment."""
        channels = [w.channel for s in self.slots for w in s.workers() if w.channel >= 0]
        try:
            return fork_worker(
                self.work, slot.number, signals=SIGNALS, inherited=[self.wakeup, *channels]
            )
        except OSError as error:
            self.report(f"worker {slot.number} cannot be started: {error}")
            slot.due = time.monotonic() + _LONGEST_DELAY
            return None


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 4096)
    except BlockingIOError:
        return b""


def _send(worker: Worker, number: signal.Signals) -> None:
    """Signal a worker; its pid cannot be another process's, because it is not reaped yet."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker.pid, number)


def _delay(early_deaths: int) -> float:
    """Seconds to wait before the next attempt."""
    if early_deaths <= 1:
        return 0.0
    return min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** (early_deaths - 2))


def _fate(code: int) -> str:
    if code < 0:
        return f"was killed by signal {-code} ({signal.strsignal(-code)})"
    return f"ended with exit code {code}"


def _prospect(delay: float) -> str:
    return f"the next attempt is in {delay:g} s" if delay else "it is replaced"
