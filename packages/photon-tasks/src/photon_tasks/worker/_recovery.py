"""Jobs of workers that have died, and what is not kept any more.

Theory of operation. Each worker observes all others, once a second. It notes the number of
heartbeats of each, and when, by its own monotonic clock, it saw the number change. A worker is dead

- when its number has not changed for most of a lease, and its lease has expired by the clock of
  the store;
- or when its number has not changed for more than a lease, whatever the clock of the store is.

The first rule finds it soon, also for an observer that has just started. The second one needs no
clock that others share, so a clock that was set back delays nothing. A clock that jumps forward
does no harm, since the numbers of living workers change. An observer that could not look (the store
did not respond, or the observer itself was stopped) begins to observe anew, because the others may
not have been able to send heartbeats either. So does one whose own heartbeats do not arrive: a
database that is locked, a full disk or a server that must not write refuse all heartbeats, while
they still answer looks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, final

import photon_runtime as rt
from photon_runtime.backoff import Backoff

from ..errors import StoreUnavailable
from ..records import Recovered, WorkerRecord

if TYPE_CHECKING:
    from ..stores import JobStore

_log = logging.getLogger("photon.tasks")
_INTERVAL = 0.5
_SILENT = 0.6
"""Part of a lease without a heartbeat after which an expired lease counts: two are missing."""
_SURELY_SILENT = 1.1
_OWN_SILENT = 0.5
"""Part of a lease without an own heartbeat after which the store takes none, as far as is known."""
_MISSED_LOOKS = 4
_TIDY_INTERVAL = 60.0
_TIMEOUT = 10.0


@final
class Recovery:
    """Observes the workers of a store.

    Args:
        store: The store.
        lease: Seconds of a lease; the same for all workers.
        keep_dead: Seconds for which dead and parked jobs are kept.
        own: Returns the id of the observing worker.
        recovered: Called with what was taken from a dead worker.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        store: JobStore,
        lease: float,
        keep_dead: float,
        *,
        own: Callable[[], str],
        recovered: Callable[[Recovered], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without observations."""
        self._store = store
        self._lease = lease
        self._keep_dead = keep_dead
        self._own = own
        self._recovered = recovered
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}
        self._last_look = clock()
        self._next_tidying = clock() + _TIDY_INTERVAL

    def run(self) -> None:
        """Observe until the task is cancelled. Blocks: the calling task."""
        backoff = Backoff()
        while True:
            try:
                with rt.deadline(_TIMEOUT):
                    self.look()
                    self._tidy()
                backoff.reset()
                rt.sleep(_INTERVAL)
            except (StoreUnavailable, rt.DeadlineExceeded) as error:
                _log.warning("other workers cannot be observed: %s", error)
                self._seen.clear()
                rt.sleep(backoff.delay())
            except Exception:
                _log.exception("other workers cannot be observed")
                self._seen.clear()
                rt.sleep(backoff.delay())

    def look(self) -> None:
        """Look at the other workers once, and recover the jobs of dead ones.

        Raises:
            StoreUnavailable: The store did not respond.

        Blocks: the calling task.
        """
        workers = self._store.workers()
        now = self._clock()
        if now - self._last_look > _MISSED_LOOKS * _INTERVAL:
            self._seen.clear()
        self._last_look = now
        seen: dict[str, tuple[int, float]] = {}
        for each in workers:
            beats, since = self._seen.get(each.info.id, (each.beats, now))
            seen[each.info.id] = (each.beats, now if beats != each.beats else since)
        self._seen = seen
        own = self._own()
        if own in seen and now - seen[own][1] >= _OWN_SILENT * self._lease:
            self._seen = {own: seen[own]}
            return
        for each in workers:
            if each.info.id != own and self._is_dead(each, now):
                self._recover(each)

    def _is_dead(self, worker: WorkerRecord, now: float) -> bool:
        silent = now - self._seen[worker.info.id][1]
        if silent >= _SURELY_SILENT * self._lease:
            return True
        return worker.lease_left <= 0 and silent >= _SILENT * self._lease

    def _recover(self, worker: WorkerRecord) -> None:
        recovered = self._store.recover(worker.info.id, worker.beats)
        self._seen.pop(worker.info.id, None)
        if recovered.queued or recovered.dead:
            _log.warning(
                "the worker %s (%s, process %d) has died: %d of its jobs are queued again, %d are "
                "dead after their last attempt",
                worker.info.id,
                worker.info.host,
                worker.info.pid,
                len(recovered.queued),
                len(recovered.dead),
            )
        self._recovered(recovered)

    def _tidy(self) -> None:
        if self._clock() >= self._next_tidying:
            removed = self._store.tidy(self._keep_dead)
            # A limited number is removed at a time: more of them follow soon.
            self._next_tidying = self._clock() + (1.0 if removed else _TIDY_INTERVAL)
