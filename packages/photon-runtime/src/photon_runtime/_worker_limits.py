"""The time that workers have: to give a sign of life, to end, and to do without their pipe.

*Signs of life.* With a ``worker_timeout``, a worker that serves reports at intervals that it is
alive, from the scheduler that does its work. A worker that falls silent is stuck, in an endless
loop or in a call that does not return; it is killed and replaced. SIGTERM would not help, because
the worker could not handle it. Before that it gets SIGUSR1 and a moment to show its stack. The
limit does not apply to starting and stopping.

*The pipe.* A worker that has closed it and goes on has closed descriptors of others, perhaps its
sockets, and nothing it does can be seen. So it is killed.

*Lost time.* If the supervisor was stopped, by a debugger or with its whole group, it could not hear
its workers, and these could not act. What it was late by is added to their time.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import attrs

from ._worker_slot import all_workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._supervisor_log import SupervisorLog
    from ._worker_process import Worker
    from ._worker_slot import Slot

_TIME_FOR_A_STACK = 0.3
_TIME_WITHOUT_A_LINK = 5.0
_LONGEST_WAIT = 2.0
_NEVER = float("inf")


@attrs.frozen(eq=False)
class WorkerLimits:
    """Kills the workers whose time is over.

    Attributes:
        shutdown_timeout: Seconds that a worker has to end.
        worker_timeout: Seconds for which a worker that serves may be silent.
    """

    slots: Sequence[Slot]
    shutdown_timeout: float
    worker_timeout: float
    log: SupervisorLog

    def stop(self, worker: Worker) -> None:
        """Ask a worker to end, in time."""
        self.limit_end(worker)
        worker.send(signal.SIGTERM)
        worker.send(signal.SIGCONT)  # a stopped process handles no other signal but SIGKILL

    def limit_end(self, worker: Worker) -> None:
        """Have a worker end in time without asking it now."""
        worker.kill_at = time.monotonic() + self.shutdown_timeout

    def lose(self, worker: Worker) -> None:
        """Note the end of a worker's messages; if it is not its own end, the worker is killed."""
        os.close(worker.channel)
        worker.channel = -1
        if worker.condemned is None:
            worker.condemned = (
                time.monotonic() + _TIME_WITHOUT_A_LINK,
                "has closed its connection to the supervisor, and perhaps its sockets, and is"
                " killed: something in it closes descriptors of others",
            )

    def enforce(self) -> None:
        """Kill the workers that are overdue."""
        now = time.monotonic()
        for slot, worker in all_workers(self.slots):
            if worker.kill_at is not None and worker.kill_at <= now:
                self.log.warning(
                    f"{slot.name(worker)} did not end within {self.shutdown_timeout:g} s of SIGTERM"
                    " and is killed"
                )
                worker.send(signal.SIGKILL)
                worker.kill_at = _NEVER
            elif worker.condemned is not None and worker.condemned[0] <= now:
                self.log.warning(f"{slot.name(worker)} {worker.condemned[1]}")
                worker.send(signal.SIGKILL)
                worker.condemned = (_NEVER, "")
            elif self._silent_from(worker) <= now:
                reason = (
                    f"has given no sign of life for {self.worker_timeout:g} s and is killed:"
                    " something in it does not return, or SIGSTOP has stopped it"
                )
                worker.send(signal.SIGUSR1)  # it shows its stack, from C if need be
                worker.heard = 0.0
                worker.condemned = (now + _TIME_FOR_A_STACK, reason)

    def _silent_from(self, worker: Worker) -> float:
        """The time at which a worker counts as stuck; never while it is stopping."""
        if not worker.heard or worker.is_stopping:
            return _NEVER
        return worker.heard + self.worker_timeout

    def next_time(self) -> float:
        """Return the next time at which `enforce` may have something to do; infinite for never."""
        times = [_NEVER]
        for _, worker in all_workers(self.slots):
            if worker.kill_at is not None:
                times.append(worker.kill_at)
            if worker.condemned is not None:
                times.append(worker.condemned[0])
            if self._silent_from(worker) != _NEVER:
                times.append(min(self._silent_from(worker), time.monotonic() + _LONGEST_WAIT))
        return min(times)

    def excuse(self, lateness: float) -> None:
        """Extend the limits if this process was stopped, and perhaps the workers with it."""
        if lateness < _LONGEST_WAIT:
            return
        for _, worker in all_workers(self.slots):
            if worker.heard:
                worker.heard += lateness
            if worker.kill_at is not None:
                worker.kill_at += lateness
