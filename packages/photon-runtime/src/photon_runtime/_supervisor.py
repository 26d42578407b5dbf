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
    from collections.abc import Callable, Collection

    from ._supervisor_log import SupervisorLog

CANNOT_LOAD = 3
"""Exit code of a worker whose application cannot be loaded, so that a retry would not help."""

GAVE_UP = 4
"""Exit code of a supervisor after all attempts to start one of its workers failed."""

SIGNALS = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD),
    *(signal.SIGUSR1, signal.SIGUSR2),
)
"""The signals that the supervisor handles."""

IGNORED_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGTTIN", "SIGTTOU", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR")
    if hasattr(signal, name)
)
"""The signals that would end or stop a supervisor, and mean nothing to it."""

_START_ATTEMPTS = 5
_EARLY = 1.0
_FIRST_DELAY = 0.25
_LONGEST_DELAY = 5.0
_REST_AFTER_FAILURE = 10.0
_LONG_START = 30.0  # a successor that starts for so long does not keep SIGHUP from starting another
_SAME_SIGNAL = 0.05  # wrappers pass on what the terminal has sent to the whole group already
_TIME_FOR_A_STACK = 0.3
_TIME_WITHOUT_A_LINK = 5.0
_LONGEST_WAIT = 2.0


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
        stopped_from: Time at which the workers began to be stopped; ``None`` before.
        exit_code: Future result of `run`.
        rolling: Slots whose workers are to be replaced, the current one first.
    """

    work: Work
    slots: list[Slot]
    shutdown_timeout: float
    worker_timeout: float
    first_attempts: int
    first_ready: Callable[[], None] | None
    stopping: Callable[[], Collection[int]] | None
    log: SupervisorLog
    wakeup: int
    was_ready: bool = False
    stopped_from: float | None = None
    exit_code: int = 0
    rolling: deque[Slot] = attrs.Factory(deque)

    @property
    def is_stopping(self) -> bool:
        """Whether the workers are being stopped."""
        return self.stopped_from is not None

    def run(self) -> int:
        """Keep the workers alive until a signal stops them; return the exit code.

        Blocks: the process.
        """
        while True:
            if self.stopped_from is not None and not self._workers():
                if self.exit_code != CANNOT_LOAD:
                    passed = time.monotonic() - self.stopped_from
                    self.log.info(f"stopped after {passed:.1f} s")
                return self.exit_code
            self._start_due()
            self._kill_overdue()
            self._wait()

    def _workers(self) -> list[tuple[Slot, Worker]]:
        """All processes that have not ended."""
        return [(slot, worker) for slot in self.slots for worker in slot.workers()]

    def _start_due(self) -> None:
        if self.is_stopping:
            return
        now = time.monotonic()
        for slot in self.slots if self.was_ready else self.slots[:1]:
            if slot.current is None and slot.due <= now:
                slot.current = self._fork(slot)

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for slot, worker in self._workers():
            name = f"worker {slot.number} (pid {worker.pid})"
            if worker.kill_at is not None and worker.kill_at <= now:
                self.log.warning(
                    f"{name} did not end within {self.shutdown_timeout:g} s of SIGTERM and is"
                    " killed"
                )
                _send(worker, signal.SIGKILL)
                worker.kill_at = float("inf")
            elif worker.condemned is not None and worker.condemned[0] <= now:
                self.log.warning(f"{name} {worker.condemned[1]}")
                _send(worker, signal.SIGKILL)
                worker.condemned = (float("inf"), "")
            elif self._silent_from(worker) <= now:
                reason = (
                    f"has given no sign of life for {self.worker_timeout:g} s and is killed:"
                    " something in it does not return"
                )
                _send(worker, signal.SIGUSR1)  # it shows its stack, from C if need be
                worker.heard = 0.0
                worker.condemned = (now + _TIME_FOR_A_STACK, reason)

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
        for slot, worker in self._workers():
            if worker.channel >= 0:
                channels[worker.channel] = (slot, worker)
                poll.register(worker.channel, select.POLLIN)
        timeout, began = self._timeout(), time.monotonic()
        ready = poll.poll(timeout)
        if timeout is not None:
            self._excuse(time.monotonic() - began - timeout / 1000)
        for fd, _ in ready:
            if fd in channels:
                self._hear(*channels[fd])
        for number in _read(self.wakeup):
            self._on_signal(number)
        self._reap()

    def _excuse(self, lateness: float) -> None:
        """Extend the time limits if this process was stopped, and perhaps the workers with it."""
        if lateness < _LONGEST_WAIT:
            return
        for _, worker in self._workers():
            if worker.heard:
                worker.heard += lateness
            if worker.kill_at is not None:
                worker.kill_at += lateness

    def _timeout(self) -> float | None:
        """Milliseconds until the next due time; ``None`` if there is none."""
        times = []
        for slot in self.slots if self.was_ready else self.slots[:1]:
            if slot.current is None and not self.is_stopping:
                times.append(slot.due)
        for _, worker in self._workers():
            if worker.kill_at is not None:
                times.append(worker.kill_at)
            if worker.condemned is not None:
                times.append(worker.condemned[0])
            if self._silent_from(worker) != float("inf"):
                times.append(min(self._silent_from(worker), time.monotonic() + _LONGEST_WAIT))
        earliest = min(times, default=float("inf"))
        if earliest == float("inf"):
            return None
        return max(0.0, (earliest - time.monotonic()) * 1000 + 1)  # poll() may be a little early

    def _hear(self, slot: Slot, worker: Worker) -> None:
        """Handle a worker's message; the end of the pipe is the end of the worker."""
        messages = _read(worker.channel)
        if not messages:
            _lose(worker)
        if READY in messages and worker.must_serve:
            worker.must_serve = False
            _send(worker, signal.SIGTERM)
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
            self.log.info(f"worker {slot.number} (pid {worker.pid}) asks to be replaced")
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
        self.log.info(f"{name} takes no more work; {_prospect(delay)}")
        self._continue_roll(slot)

    def _continue_roll(self, slot: Slot) -> None:
        """Go on with the next slot, if the successor of a worker that is gone is already there."""
        if slot.current is not None and self.rolling:
            self.rolling.popleft()
            self._roll()

    def _on_signal(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._on_stop_signal(signal.Signals(number))
        elif number == signal.SIGQUIT:
            self.log.warning("SIGQUIT: the workers are killed")
            self._stop(0)
            self._kill_all()
        elif number == signal.SIGHUP:
            self._on_hangup()
        elif number in (signal.SIGUSR1, signal.SIGUSR2):
            self.log.answer(self.describe())
            for _, worker in self._workers():
                _send(worker, signal.Signals(number))

    def _on_stop_signal(self, number: signal.Signals) -> None:
        """Stop the workers; at the second time, kill them."""
        if self.stopped_from is None:
            self.log.info(f"stopping: {number.name}")
            self._stop(0)
        elif time.monotonic() >= self.stopped_from + _SAME_SIGNAL:
            self.log.warning(f"{number.name} once more: the workers are killed")
            self._kill_all()

    def _on_hangup(self) -> None:
        if self.is_stopping:
            return
        self.log.info("SIGHUP: the workers are replaced one by one")
        if self.rolling and self._gives_up_successor(self.rolling[0]):
            self.rolling.clear()
        if self.rolling:  # a successor is starting; after it, all workers once more
            self.rolling = deque([self.rolling[0], *self.slots])
        else:
            self.rolling = deque(self.slots)
            self._roll()

    def _gives_up_successor(self, slot: Slot) -> bool:
        """Kill the successor that starts in a slot, if it may never be ready."""
        worker = slot.successor
        if worker is None or time.monotonic() < worker.born + _LONG_START:
            return False
        self.log.warning(
            f"the replacement of worker {slot.number} (pid {worker.pid}) was not ready within"
            f" {_LONG_START:g} s and is killed"
        )
        slot.successor = None
        slot.old.append(worker)
        _send(worker, signal.SIGKILL)
        return True

    def describe(self) -> str:
        """Return the state of all workers as one line."""
        now = time.monotonic()
        texts = []
        for slot, worker in self._workers():
            state = "ready" if worker.is_ready else "starting"
            if worker.is_stopping:
                state = "stopping"
            elif worker in slot.old:
                state = "leaving"
            texts.append(
                f"worker {slot.number} (pid {worker.pid}) is {state}, {now - worker.born:.0f} s old"
            )
        state = "stops" if self.is_stopping else "rolls" if self.rolling else "runs"
        return f"supervisor (pid {os.getpid()}) {state}: " + ("; ".join(texts) or "no workers")

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
            self.log.info("all workers are replaced")

    def _stop(self, exit_code: int) -> None:
        """Stop all workers by SIGTERM."""
        if self.is_stopping:
            return
        self.stopped_from = time.monotonic()
        self.exit_code = exit_code
        self.rolling.clear()
        awaited = () if self.stopping is None else self.stopping()
        for slot, worker in self._workers():
            if worker.is_stopping:
                continue
            is_awaited = self.was_ready and slot.number in awaited
            if is_awaited and worker is slot.current and not worker.is_ready:
                worker.must_serve = True
                worker.kill_at = time.monotonic() + self.shutdown_timeout
            else:
                self._end(worker)

    def _kill_all(self) -> None:
        for _, worker in self._workers():
            _send(worker, signal.SIGKILL)

    def _end(self, worker: Worker) -> None:
        worker.kill_at = time.monotonic() + self.shutdown_timeout
        _send(worker, signal.SIGTERM)
        _send(worker, signal.SIGCONT)  # a stopped process handles no other signal but SIGKILL

    def _reap(self) -> None:
        """Take note of the workers that have ended, and of processes that were left to this one.

        Those are the children of processes that have ended, if this is process 1 of a container or
        a subreaper.
        """
        known = {worker.pid: (slot, worker) for slot, worker in self._workers()}
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if pid in known:
                    self._bury(*known.pop(pid), os.waitstatus_to_exitcode(status))

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
            self.log.warning(
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
        elif not self.was_ready and slot.failed_starts >= self.first_attempts == 1:
            self.log.error(f"{name} {_fate(code)} before it was ready")
            self._stop(code if code > 0 else GAVE_UP)
        elif slot.failed_starts >= (_START_ATTEMPTS if self.was_ready else self.first_attempts):
            self.log.error(
                f"{name} {_fate(code)} before it was ready, the {slot.failed_starts}th in a row;"
                " giving up: see what the workers wrote above"
            )
            self._stop(GAVE_UP)
        else:
            delay = _delay(early_deaths)
            slot.due = time.monotonic() + delay
            self.log.warning(f"{name} {_fate(code)}; " + _prospect(delay))

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
                self.work,
                slot.number,
                signals=(*SIGNALS, *IGNORED_SIGNALS),
                inherited=[self.wakeup, *channels],
            )
        except OSError as error:
            self.log.warning(f"worker {slot.number} cannot be started: {error}")
            slot.due = time.monotonic() + _LONGEST_DELAY
            return None


def _lose(worker: Worker) -> None:
    """Note the end of a worker's messages; if it is not its own end, the worker is killed."""
    os.close(worker.channel)
    worker.channel = -1
    if worker.condemned is None:
        worker.condemned = (
            time.monotonic() + _TIME_WITHOUT_A_LINK,
            "has closed its connection to the supervisor, and perhaps its sockets, and is killed:"
            " something in it closes descriptors of others",
        )


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
