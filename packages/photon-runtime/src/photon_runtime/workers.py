"""A pre-fork supervisor: keep a number of worker processes alive, replace them, stop them.

Theory of operation
-------------------
The parent forks one worker for each *slot* and from then on only waits: for a signal, for a worker
to say that it is ready, or for the next thing to be due. It serves nothing, imports no application
and starts no thread, so there is little in it that could fail, and forking it is safe at any time.

*Signals.* Handlers do nothing but wake the parent through ``signal.set_wakeup_fd``; all work is
done in the loop.

*Sockets.* The supervisor knows none. A caller that listens makes one ``SO_REUSEPORT`` socket for
each slot before it calls ``supervise``, and ``work`` uses the slot's own. The parent keeps all of
them open, so a connection that waits in the queue of a worker that died is served by its
replacement. One shared socket would wake all workers for each connection; sockets made in the
children would die with them, and the connections in their queues too.

*Readiness.* Each worker holds one end of a pipe and says there how it is, in single bytes; the
first says that it serves. The first worker starts alone: if the application cannot be loaded, the
fault is shown once, and nothing else starts. A rolling restart (SIGHUP) goes on to the next slot
only after the replacement is ready, and only then stops the old worker; if a replacement fails,
the old workers stay.

*Signs of life.* Where silence has a limit, a worker that serves says again and again that it is
alive, from the scheduler that does its work. One that falls silent is stuck, in an endless loop or
a call that does not return; it is killed and replaced. It cannot be asked to stop, for it would not
hear. How long a start or an end takes is another matter.

*Retirement.* A worker that has had enough (of requests, of memory) says so and goes on. It is
replaced as by SIGHUP, in its turn. If its successor fails, it stays, and may ask again.

*Deaths.* A worker that dies is replaced at once. If its slot's workers keep dying within a second
of their birth, the replacement waits: 0.25 s after the second such death, then twice as long each
time, up to 5 s. A slot whose workers end five times in a row before they are ready ends the whole:
connections would wait in its queue for ever, and whoever started the supervisor should know.

*The parent's death.* On Linux the kernel sends SIGTERM to the workers when the parent is gone
(``PR_SET_PDEATHSIG``), even after SIGKILL. A pipe that each worker watches would work elsewhere
too, but needs a thread in each. On other systems workers outlive a parent that was killed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import time
from collections import deque
from typing import TYPE_CHECKING

import attrs

from ._worker_process import READY, TIRED, Work, Worker, fork_worker
from ._worker_process import Link as Link
from ._worker_process import end_with_parent as end_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

CANNOT_LOAD = 3
"""Exit code of a worker that says: trying again is no use, what I should run cannot be loaded."""

GAVE_UP = 4
"""Exit code of a supervisor one of whose workers did not start however often it was tried."""

_START_ATTEMPTS = 5
_EARLY = 1.0
_FIRST_DELAY = 0.25
_LONGEST_DELAY = 5.0
_REST_AFTER_FAILURE = 10.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

_log = logging.getLogger(__name__)


def supervise(
    work: Work,
    *,
    count: int,
    shutdown_timeout: float = 30.0,
    worker_timeout: float | None = None,
    first_ready: Callable[[], None] | None = None,
    stopping: Callable[[], None] | None = None,
    report: Callable[[str], None] = _log.warning,
) -> int:
    """Run ``work`` in a number of child processes until told to stop.

    SIGTERM or SIGINT stops the workers, by SIGTERM first; a second one kills them. SIGHUP replaces
    them one by one without a gap.

    Args:
        work: Called in each child as ``work(slot, link)``, slots counting from 0. It must call
            ``link()`` when it serves: until the first does, no other starts. It may call
            ``link.beat()`` and ``link.retire()``, see `Link`. The child's exit code is 0 when it
            returns, 1 when it raises, and that of ``SystemExit``.
        count: How many workers, at least 1.
        shutdown_timeout: Seconds that the workers have to end after SIGTERM before SIGKILL; zero
            kills at once.
        worker_timeout: Seconds for which a worker that is ready may be silent; then it is killed
            and replaced. With it, a worker must call ``link.beat()`` more often than that.
            ``None`` and zero let it be.
        first_ready: Called once in the parent when the first worker is ready, before the others
            start.
        stopping: Called once in the parent before the workers are told to stop, to close what
            they listen on: a connection that nobody will accept is better refused.
        report: Takes one line of text for each event that an operator wants to know.

    Returns:
        The exit code: 0 after SIGTERM or SIGINT; ``CANNOT_LOAD`` when a worker ended with that
        code before any was ready; ``GAVE_UP`` when one slot's workers failed to start five times in
        a row.

    Raises:
        ValueError: ``count`` is below 1, or this is not the main thread.

    Blocks: the process, until the workers have ended.
    """
    if count < 1:
        raise ValueError(f"count must be 1 or more, not {count}")
    with _signal_pipe() as wakeup:
        supervisor = _Supervisor(
            work=work,
            slots=[_Slot(number) for number in range(count)],
            shutdown_timeout=shutdown_timeout,
            worker_timeout=worker_timeout or float("inf"),
            first_ready=first_ready,
            stopping=stopping,
            report=report,
            wakeup=wakeup,
        )
        return supervisor.run()


@attrs.define(eq=False)
class _Slot:
    """One place for a worker.

    Attributes:
        current: The worker that serves, or is about to.
        old: Workers that were told to stop and have not ended.
        successor: The worker that will take over from ``current`` once it is ready.
        failed_starts: How many workers in a row ended before they were ready.
        early_deaths: How many workers in a row did not live for a second.
        due: When to start the next worker, if there is none.
        retirable: From when on a worker that asks for a successor is heard.
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
class _Supervisor:
    work: Work
    slots: list[_Slot]
    shutdown_timeout: float
    worker_timeout: float
    first_ready: Callable[[], None] | None
    stopping: Callable[[], None] | None
    report: Callable[[str], None]
    wakeup: int
    was_ready: bool = False
    is_stopping: bool = False
    exit_code: int = 0
    rolling: deque[_Slot] = attrs.Factory(deque)

    def run(self) -> int:
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
        """When a worker will have been silent for too long; never while it stops by itself."""
        if not worker.heard or worker.is_stopping:
            return float("inf")
        return worker.heard + self.worker_timeout

    def _wait(self) -> None:
        """Wait for a signal, for a worker's word or for the next thing to be due; deal with it."""
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
        """Milliseconds until something is due; ``None`` if nothing is."""
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

    def _hear(self, slot: _Slot, worker: Worker) -> None:
        """Take a worker's word; an end without a word is its death."""
        said = _read(worker.channel)
        if not said:
            os.close(worker.channel)
            worker.channel = -1
        if self.is_stopping:
            return
        if READY in said:
            self._note_ready(slot, worker)
        if worker.is_ready:
            worker.heard = time.monotonic()
        if TIRED in said and not worker.is_stopping:
            self._retire(slot, worker)

    def _note_ready(self, slot: _Slot, worker: Worker) -> None:
        worker.is_ready = True
        slot.failed_starts = 0
        if worker is slot.successor:
            self._take_over(slot)
        if not self.was_ready:
            self.was_ready = True
            if self.first_ready is not None:
                self.first_ready()

    def _retire(self, slot: _Slot, worker: Worker) -> None:
        """Replace a worker that has had enough, in its turn."""
        is_heard = worker is slot.current and time.monotonic() >= slot.retirable
        if is_heard and slot not in self.rolling:
            self.report(f"worker {slot.number} (pid {worker.pid}) asks to be replaced")
            self.rolling.append(slot)
            if len(self.rolling) == 1:
                self._roll()

    def _on_signal(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stop(0)
        elif number == signal.SIGHUP and not self.is_stopping:
            self.report("SIGHUP: the workers are replaced one by one")
            if self.rolling:  # a successor is on its way; after it, everyone once more
                self.rolling = deque([self.rolling[0], *self.slots])
            else:
                self.rolling = deque(self.slots)
                self._roll()

    def _roll(self) -> None:
        """Start the successor in the next slot that has a worker to succeed."""
        while self.rolling:
            slot = self.rolling[0]
            if slot.current is not None:
                slot.successor = self._fork(slot)
                return
            self.rolling.popleft()  # its next worker is a new one anyway

    def _take_over(self, slot: _Slot) -> None:
        old, slot.current, slot.successor = slot.current, slot.successor, None
        if old is not None:
            slot.old.append(old)
            self._end(old)
        self.rolling.popleft()
        self._roll()
        if not self.rolling:
            self.report("all workers are replaced")

    def _stop(self, exit_code: int) -> None:
        """Ask all workers to end; a second time, do not ask."""
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

    def _bury(self, slot: _Slot, worker: Worker, code: int) -> None:
        if worker.channel >= 0:
            self._hear(slot, worker)  # it may have been ready and died before anyone listened
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
            if slot.current is not None:  # the one that was to succeed it is already there
                self.rolling.popleft()
                self._roll()

    def _abandon_roll(self, slot: _Slot, worker: Worker, code: int) -> None:
        slot.successor = None
        slot.retirable = time.monotonic() + _REST_AFTER_FAILURE
        self.rolling.clear()
        if not self.is_stopping:
            self.report(
                f"the replacement of worker {slot.number} (pid {worker.pid}) {_fate(code)} before"
                " it was ready; the workers that were not yet replaced stay"
            )

    def _count_death(self, slot: _Slot, worker: Worker, code: int) -> None:
        age = time.monotonic() - worker.born
        slot.early_deaths = slot.early_deaths + 1 if age < _EARLY else 0
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
            delay = _delay(slot.early_deaths)
            slot.due = time.monotonic() + delay
            self.report(f"{name} {_fate(code)}; " + _prospect(delay))

    def _fork(self, slot: _Slot) -> Worker:
        channels = [w.channel for s in self.slots for w in s.workers() if w.channel >= 0]
        return fork_worker(
            self.work, slot.number, signals=_SIGNALS, inherited=[self.wakeup, *channels]
        )


@contextlib.contextmanager
def _signal_pipe() -> Iterator[int]:
    """Turn the supervisor's signals into bytes in a pipe while the block runs."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    handlers = {number: signal.signal(number, _ignore) for number in _SIGNALS}
    previous = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(previous)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Take a signal; the wake-up pipe has its number."""


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 4096)
    except BlockingIOError:
        return b""


def _send(worker: Worker, number: signal.Signals) -> None:
    """Signal a worker; it cannot be anybody else's process, for it is not reaped yet."""
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
