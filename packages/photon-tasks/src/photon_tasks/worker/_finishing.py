"""Outcomes of attempts, recorded together.

Theory of operation. One task records outcomes: whatever has come together while it was recording is
the next batch. A job that ends alone is recorded at once, and a thousand that end together take a
few statements. While the store does not respond, outcomes are kept and tried again; the claims of
the worker do not run out as long as its heart beats. The worker claims no further jobs while as
many outcomes wait as it runs jobs, so they are bounded.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, final

import photon_runtime as rt
from photon_runtime.backoff import Backoff

from ..errors import StoreUnavailable
from ..records import AttemptOutcome

if TYPE_CHECKING:
    from ..stores import JobStore

_log = logging.getLogger("photon.tasks")
_LARGEST_BATCH = 200
_TIMEOUT = 30.0


@final
class Finishing:
    """Records the outcomes of a worker's attempts.

    Args:
        store: The store.
        recorded: Called with each outcome, and whether it was accepted.
    """

    def __init__(self, store: JobStore, recorded: Callable[[AttemptOutcome, bool], object]) -> None:
        """Begin without outcomes."""
        self._store = store
        self._recorded = recorded
        self._waiting: deque[tuple[str, AttemptOutcome]] = deque()
        self._arrived = rt.Event()
        self._emptied = rt.Event()
        self._emptied.set()

    def __len__(self) -> int:
        """Return the number of outcomes that are not recorded yet."""
        return len(self._waiting)

    def add(self, worker: str, outcome: AttemptOutcome) -> None:
        """Record an outcome soon. Does not wait."""
        self._waiting.append((worker, outcome))
        self._emptied.clear()
        self._arrived.set()

    def wait_until_empty(self) -> None:
        """Wait until all outcomes are recorded. Blocks: the calling task."""
        self._emptied.wait()

    def run(self) -> None:
        """Record outcomes until the task is cancelled. Blocks: the calling task."""
        backoff = Backoff()
        while True:
            self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                batch = self._next_batch()
                if not self._record(batch):
                    rt.sleep(backoff.delay())
                    continue
                backoff.reset()
            self._emptied.set()

    def _next_batch(self) -> list[tuple[str, AttemptOutcome]]:
        """Return the first outcomes that are of one worker; they stay until they are recorded."""
        worker = self._waiting[0][0]
        batch: list[tuple[str, AttemptOutcome]] = []
        for entry in self._waiting:
            if entry[0] != worker or len(batch) == _LARGEST_BATCH:
                break
            batch.append(entry)
        return batch

    def _record(self, batch: list[tuple[str, AttemptOutcome]]) -> bool:
        outcomes = [outcome for _, outcome in batch]
        try:
            with rt.deadline(_TIMEOUT):
                accepted = self._store.finish(batch[0][0], outcomes)
        except (StoreUnavailable, rt.DeadlineExceeded) as error:
            _log.warning("the outcomes of %d jobs cannot be recorded yet: %s", len(batch), error)
            return False
        except Exception:
            if len(batch) == 1:
                _log.exception(
                    "the outcome of the job %s cannot be recorded", outcomes[0].claim.job
                )
                accepted = [False]
            else:
                return self._record_one_by_one(batch)
        for outcome, is_accepted in zip(outcomes, accepted, strict=True):
            self._waiting.popleft()
            if not is_accepted:
                _log.warning(
                    "attempt %d at the job %s was not recorded: the job belongs to another worker",
                    outcome.claim.attempt,
                    outcome.claim.job,
                )
            self._recorded(outcome, is_accepted)
        return True

    def _record_one_by_one(self, batch: list[tuple[str, AttemptOutcome]]) -> bool:
        """Record outcomes one by one, so that one that cannot be recorded stops no other."""
        return all(self._record([entry]) for entry in batch)
