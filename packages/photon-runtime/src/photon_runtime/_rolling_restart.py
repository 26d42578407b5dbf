"""The replacement of workers one by one, without a gap.

The successor of a worker starts beside it. Only when the successor is ready is the old worker
stopped, and the next slot has its turn. If a successor fails, the workers that were not yet
replaced stay: a service with the old code is better than none. SIGHUP has all slots replaced.

*Retirement.* A worker that has reached a limit (of requests, of memory) asks to be replaced and
continues to serve. It is replaced as by SIGHUP, in its turn. If its successor fails, it stays, and
may ask again.

*Another SIGHUP* meanwhile: the successor that starts may have loaded the code of before, so when it
is ready all slots are replaced once more. One that starts for very long is given up, or else it
would keep the code that would mend it from being loaded.
"""

from __future__ import annotations

import signal
import time
from collections import deque
from typing import TYPE_CHECKING

import attrs

from ._worker_slot import fate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._supervisor_log import SupervisorLog
    from ._worker_limits import WorkerLimits
    from ._worker_process import Worker
    from ._worker_slot import Slot

_REST_AFTER_FAILURE = 10.0
_LONG_START = 30.0  # a successor that starts for so long does not keep SIGHUP from starting another


@attrs.define(eq=False)
class RollingRestart:
    """The slots whose workers are to be replaced.

    Attributes:
        fork: Function that starts a worker in a slot; it returns ``None`` if that is not possible.
        remaining: The slots, the current one first; empty if nothing is to be replaced.
    """

    slots: Sequence[Slot]
    limits: WorkerLimits
    log: SupervisorLog
    fork: Callable[[Slot], Worker | None]
    remaining: deque[Slot] = attrs.Factory(deque)

    def replace_all(self) -> None:
        """Replace the workers of all slots."""
        self.log.info("SIGHUP: the workers are replaced one by one")
        if self.remaining and self._gives_up_successor(self.remaining[0]):
            self.remaining.clear()
        if self.remaining:  # a successor is starting; after it, all workers once more
            self.remaining = deque([self.remaining[0], *self.slots])
        else:
            self.remaining = deque(self.slots)
            self._start_next()

    def replace(self, slot: Slot, worker: Worker) -> None:
        """Replace a worker that asks to retire, in its turn."""
        is_heard = worker is slot.current and time.monotonic() >= slot.retirable
        if is_heard and slot not in self.remaining:
            self.log.info(f"{slot.name(worker)} asks to be replaced")
            self.remaining.append(slot)
            if len(self.remaining) == 1:
                self._start_next()

    def take_over(self, slot: Slot) -> None:
        """Let a successor that is ready replace the worker of its slot; go on with the next."""
        old = slot.succeed()
        if old is not None:
            slot.old.append(old)
            self.limits.stop(old)
        self.remaining.popleft()
        if self._start_next() and not self.remaining:
            self.log.info("all workers are replaced")

    def pass_over(self, slot: Slot) -> None:
        """Go on with the next slot, if the successor of a worker that is gone is already there."""
        if slot.current is not None and self.remaining:
            self.remaining.popleft()
            self._start_next()

    def abandon(self, slot: Slot, successor: Worker, code: int) -> None:
        """Replace nothing more, since a successor has ended before it was ready."""
        slot.successor = None
        self._give_up(slot)
        self.log.warning(
            f"the replacement of {slot.name(successor)} {fate(code)} before"
            " it was ready; the workers that were not yet replaced stay"
        )

    def _start_next(self) -> bool:
        """Start the successor in the next slot that has a worker to succeed.

        Returns:
            True while the rolling restart continues, False when a worker could not be started.
        """
        while self.remaining:
            slot = self.remaining[0]
            if slot.current is not None:
                slot.successor = self.fork(slot)
                if slot.successor is None:
                    self._give_up(slot)
                return slot.successor is not None
            self.remaining.popleft()  # its next worker will be new in any case
        return True

    def _give_up(self, slot: Slot) -> None:
        slot.retirable = time.monotonic() + _REST_AFTER_FAILURE
        self.remaining.clear()

    def _gives_up_successor(self, slot: Slot) -> bool:
        """Kill the successor that starts in a slot, if it may never be ready."""
        worker = slot.successor
        if worker is None or time.monotonic() < worker.born + _LONG_START:
            return False
        self.log.warning(
            f"the replacement of {slot.name(worker)} was not ready within"
            f" {_LONG_START:g} s and is killed"
        )
        slot.successor = None
        slot.old.append(worker)
        worker.send(signal.SIGKILL)
        return True
