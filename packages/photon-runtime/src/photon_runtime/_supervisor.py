"""The supervisor itself: its loop, and what follows from signals, messages and deaths.

`workers` explains the theory of operation, and calls `Supervisor.run` with the signals turned into
bytes in a pipe.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import attrs

from ._rolling_restart import RollingRestart
from ._supervisor_events import IGNORED_SIGNALS, SIGNALS, ended_children, read, wait_for
from ._worker_process import LEAVING, READY, RETIRING, Work, Worker, fork_worker
from ._worker_slot import all_workers, fate, prospect

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ._supervisor_log import SupervisorLog
    from ._worker_limits import WorkerLimits
    from ._worker_slot import Slot

CANNOT_LOAD = 3
"""Exit code of a worker whose application cannot be loaded, so that a retry would not help."""

GAVE_UP = 4
"""Exit code of a supervisor after all attempts to start one of its workers failed."""

_START_ATTEMPTS = 5
_SAME_SIGNAL = 0.05  # wrappers pass on what the terminal has sent to the whole group already


@attrs.define(eq=False)
class Supervisor:
    """Keeps the workers of all slots alive; `workers.supervise` documents the other fields.

    Attributes:
        wakeup: Readable end of a pipe with the numbers of the signals that arrived.
        was_ready: True once a worker has been ready.
        stopped_from: Time at which the workers began to be stopped; ``None`` before.
        exit_code: Future result of `run`.
        restart: Replaces workers one by one.
    """

    work: Work
    slots: list[Slot]
    limits: WorkerLimits
    first_attempts: int
    first_ready: Callable[[], None] | None
    stopping: Callable[[], Collection[int]] | None
    log: SupervisorLog
    wakeup: int
    was_ready: bool = False
    stopped_from: float | None = None
    exit_code: int = 0
    restart: RollingRestart = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin without a rolling restart."""
        self.restart = RollingRestart(self.slots, self.limits, self.log, self._fork)

    @property
    def is_stopping(self) -> bool:
        """Whether the workers are being stopped."""
        return self.stopped_from is not None

    def run(self) -> int:
        """Keep the workers alive until a signal stops them; return the exit code.

        Blocks: the process.
        """
        while True:
            if self.stopped_from is not None and not all_workers(self.slots):
                if self.exit_code != CANNOT_LOAD:
                    passed = time.monotonic() - self.stopped_from
                    self.log.info(f"stopped after {passed:.1f} s")
                return self.exit_code
            self._start_due()
            self.limits.enforce()
            self._wait()

    def _empty_slots(self) -> list[Slot]:
        """The slots that need a worker; until one was ready, only the first slot may have one."""
        slots = self.slots if self.was_ready else self.slots[:1]
        return [] if self.is_stopping else [slot for slot in slots if slot.current is None]

    def _start_due(self) -> None:
        now = time.monotonic()
        for slot in self._empty_slots():
            if slot.due <= now:
                slot.current = self._fork(slot)

    def _fork(self, slot: Slot) -> Worker | None:
        """Start a worker; return ``None`` if the system lacks the resources at the moment."""
        channels = [worker.channel for _, worker in self._channels()]
        try:
            return fork_worker(
                self.work,
                slot.number,
                signals=(*SIGNALS, *IGNORED_SIGNALS),
                inherited=[self.wakeup, *channels],
            )
        except OSError as error:
            self.log.warning(f"worker {slot.number} cannot be started: {error}")
            slot.pause()
            return None

    def _wait(self) -> None:
        """Wait for a signal, a worker's message or the next due time, and handle it."""
        open_ones = {worker.channel: (slot, worker) for slot, worker in self._channels()}
        due = min([self.limits.next_time(), *(slot.due for slot in self._empty_slots())])
        ready, lateness = wait_for(self.wakeup, open_ones, until=due)
        self.limits.excuse(lateness)
        for channel in ready:
            self._hear(*open_ones[channel])
        for number in read(self.wakeup):
            self._on_signal(number)
        self._reap()

    def _channels(self) -> list[tuple[Slot, Worker]]:
        """The workers whose pipes are open."""
        return [each for each in all_workers(self.slots) if each[1].channel >= 0]

    # -- messages -----------------------------------------------------------------------------

    def _hear(self, slot: Slot, worker: Worker) -> None:
        """Handle a worker's message; the end of the pipe is the end of the worker."""
        messages = read(worker.channel)
        if not messages:
            self.limits.lose(worker)
        if READY in messages and worker.must_serve:
            worker.must_serve = False
            worker.send(signal.SIGTERM)
        if self.is_stopping:
            return
        if READY in messages:
            self._note_ready(slot, worker)
        if worker.is_ready:
            worker.heard = time.monotonic()
        if RETIRING in messages and not worker.is_stopping:
            self.restart.replace(slot, worker)
        if LEAVING in messages and worker is slot.current:
            self._let_leave(slot, worker)

    def _note_ready(self, slot: Slot, worker: Worker) -> None:
        worker.is_ready = True
        slot.failed_starts = 0
        if worker is slot.successor:
            self.restart.take_over(slot)
        if not self.was_ready:
            self.was_ready = True
            if self.first_ready is not None:
                self.first_ready()

    def _let_leave(self, slot: Slot, worker: Worker) -> None:
        """Replace a worker that takes no more work; it has all the time to finish what it has."""
        slot.old.append(worker)
        slot.succeed()
        delay = slot.note_age(worker)
        slot.pause(delay)
        self.log.info(f"{slot.name(worker)} takes no more work; {prospect(delay)}")
        self.restart.pass_over(slot)

    # -- signals ------------------------------------------------------------------------------

    def _on_signal(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._on_stop_signal(signal.Signals(number))
        elif number == signal.SIGQUIT:
            self.log.warning("SIGQUIT: the workers are killed")
            self._stop(0)
            self._send_all(signal.SIGKILL)
        elif number == signal.SIGHUP and not self.is_stopping:
            self.restart.replace_all()
        elif number in (signal.SIGUSR1, signal.SIGUSR2):
            self.log.answer(self.describe())
            self._send_all(signal.Signals(number))

    def _on_stop_signal(self, number: signal.Signals) -> None:
        """Stop the workers; at the second time, kill them."""
        if self.stopped_from is None:
            self.log.info(f"stopping: {number.name}")
            self._stop(0)
        elif time.monotonic() >= self.stopped_from + _SAME_SIGNAL:
            self.log.warning(f"{number.name} once more: the workers are killed")
            self._send_all(signal.SIGKILL)

    def describe(self) -> str:
        """Return the state of all workers as one line."""
        texts = [slot.describe(worker) for slot, worker in all_workers(self.slots)]
        state = "stops" if self.is_stopping else "rolls" if self.restart.remaining else "runs"
        return f"supervisor (pid {os.getpid()}) {state}: " + ("; ".join(texts) or "no workers")

    def _send_all(self, number: signal.Signals) -> None:
        for _, worker in all_workers(self.slots):
            worker.send(number)

    def _stop(self, exit_code: int) -> None:
        """Stop all workers by SIGTERM."""
        if self.is_stopping:
            return
        self.stopped_from = time.monotonic()
        self.exit_code = exit_code
        self.restart.remaining.clear()
        awaited = () if self.stopping is None else self.stopping()
        for slot, worker in all_workers(self.slots):
            if worker.is_stopping:
                continue
            is_awaited = self.was_ready and slot.number in awaited
            if is_awaited and worker is slot.current and not worker.is_ready:
                worker.must_serve = True
                self.limits.limit_end(worker)
            else:
                self.limits.stop(worker)

    # -- deaths -------------------------------------------------------------------------------

    def _reap(self) -> None:
        """Take note of the workers that have ended."""
        known = {worker.pid: (slot, worker) for slot, worker in all_workers(self.slots)}
        for pid, code in ended_children():
            if pid in known:
                self._bury(*known.pop(pid), code)

    def _bury(self, slot: Slot, worker: Worker, code: int) -> None:
        if worker.channel >= 0:
            self._hear(slot, worker)  # it may have sent that it is ready before it ended
            if worker.channel >= 0:
                os.close(worker.channel)
                worker.channel = -1
        if code and worker.is_ready and worker.is_stopping and not self._has_killed(worker, code):
            self.log.warning(f"{slot.name(worker)} {fate(code)} while it was stopping")
        if worker in slot.old:
            slot.old.remove(worker)
        elif worker is slot.successor:
            slot.successor = None
            if not self.is_stopping:
                self.restart.abandon(slot, worker, code)
        else:
            slot.succeed()
            if not self.is_stopping:
                self._count_death(slot, worker, code)
                self.restart.pass_over(slot)

    def _has_killed(self, worker: Worker, code: int) -> bool:
        """Whether the supervisor has killed a worker that was stopping, which it has logged."""
        is_killed = self.is_stopping or worker.kill_at == float("inf")
        return code == -signal.SIGKILL and is_killed

    def _count_death(self, slot: Slot, worker: Worker, code: int) -> None:
        delay = slot.note_age(worker)
        if not worker.is_ready:
            slot.failed_starts += 1
        name = slot.name(worker)
        if code == CANNOT_LOAD and not self.was_ready:
            self._stop(CANNOT_LOAD)
        elif not self.was_ready and slot.failed_starts >= self.first_attempts == 1:
            self.log.error(f"{name} {fate(code)} before it was ready")
            self._stop(code if code > 0 else GAVE_UP)
        elif slot.failed_starts >= (_START_ATTEMPTS if self.was_ready else self.first_attempts):
            self.log.error(
                f"{name} {fate(code)} before it was ready, the {slot.failed_starts}th in a row;"
                " giving up: see what the workers wrote above"
            )
            self._stop(GAVE_UP)
        else:
            slot.pause(delay)
            self.log.warning(f"{name} {fate(code)}; " + prospect(delay))
