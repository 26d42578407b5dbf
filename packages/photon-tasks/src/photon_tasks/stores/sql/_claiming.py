"""`Claiming`: jobs for a worker, with the same share for every queue.

Theory of operation. A look that locks nothing comes first, because an idle worker looks often: it
returns the queues that have jobs, and when the next delayed one is due. Delayed jobs that are due
are queued, by whichever worker looks. Then each queue gives up to its share, by one statement, and
what a short queue leaves is shared by the others. The next claim begins behind the queue that this
one has ended with; so queues get the same share over time, too, where a share is less than a job.

*A claim whose outcome is unknown*, because the connection was lost or the caller was cancelled, may
have taken jobs that its worker does not know of, and may even take them later. Every call has a
greater number, which is in the rows. The next claim of the worker first waits for the end of such a
call, refuses it should it not have begun, and gives its jobs back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import time_ns
from typing import Any

from ...records import Claim, ClaimedJob, Claims
from ._statements import PROMOTED
from ._transaction import Transaction

_PRIORITY, _UNTIL, _NUMBER = 5, 14, 15  # columns of a claimed row


class Claiming:
    """Claims jobs.

    Args:
        begin: Returns what executes single statements.
        within: Calls a function with a transaction.
    """

    def __init__(
        self,
        begin: Callable[[], Transaction],
        within: Callable[[Callable[[Transaction], None]], None],
    ) -> None:
        """Begin with nothing uncertain."""
        self._begin = begin
        self._within = within
        self._batch = 0
        self._uncertain: dict[str, list[int]] = {}
        self._last: dict[str, str] = {}

    def forget(self, worker: str) -> None:
        """Forget a worker that has ended. Does not wait."""
        self._uncertain.pop(worker, None)
        self._last.pop(worker, None)

    def claim(self, worker: str, limit: int, queues: Sequence[str]) -> Claims:
        """Claim jobs; see `JobStore.claim`.

        Blocks: the calling task.
        """
        single = self._begin()
        if worker in self._uncertain:
            self._give_back(worker)
        names, next_due = self._look(single, queues)
        if next_due is not None and next_due <= 0:
            promoted = single.run(single.sql.promote)
            names, next_due = self._look(single, queues)
            if len(promoted) >= PROMOTED:
                next_due = 0.0
        if not names or limit <= 0:
            return Claims((), 0.0 if names else next_due)
        self._batch = batch = max(self._batch + 1, time_ns())
        try:
            rows = self._claim(single, worker, limit, names, batch)
            started = [row[0] for row in rows if row[_UNTIL] == "start"]
            if started:
                single.ids(single.sql.free_started, started)
        except BaseException:
            self._uncertain.setdefault(worker, []).append(batch)
            raise
        return Claims([_claimed(row) for row in rows], 0.0 if len(rows) >= limit else next_due)

    def _look(self, single: Transaction, queues: Sequence[str]) -> tuple[list[str], float | None]:
        rows = single.run(single.sql.look)
        names = [row[0] for row in rows if row[0] is not None]
        if queues:
            names = [name for name in names if name in queues]
        next_due = rows[0][1]
        return names, None if next_due is None else max(next_due, 0.0)

    def _claim(
        self, single: Transaction, worker: str, limit: int, names: list[str], batch: int
    ) -> list[Any]:
        last = self._last.get(worker, "")
        names.sort(key=lambda name: (name <= last, name))
        rows: list[Any] = []
        while names and len(rows) < limit:
            share = -(-(limit - len(rows)) // len(names))
            left = []
            for name in names:
                size = min(share, limit - len(rows))
                if not size:
                    break
                found = single.run(
                    single.sql.claim, worker=worker, queue=name, limit=size, batch=batch
                )
                if found:
                    found.sort(key=lambda row: (-row[_PRIORITY], row[_NUMBER]))
                    rows += found
                    self._last[worker] = name
                if len(found) == size:
                    left.append(name)
            names = left
        return rows

    def _give_back(self, worker: str) -> None:
        batches = [*self._uncertain[worker]]

        def give_back(transaction: Transaction) -> None:
            sql = transaction.sql
            transaction.run(sql.lock_worker, worker=worker)
            transaction.run(sql.refuse_batch, worker=worker, batch=max(batches))
            for batch in batches:
                transaction.run(sql.give_back, worker=worker, batch=batch)

        self._within(give_back)
        self._uncertain.pop(worker, None)


def _claimed(row: Any) -> ClaimedJob:
    return ClaimedJob(
        claim=Claim(row[0], row[1]),
        task=row[2],
        queue=row[3],
        arguments=row[4],
        priority=row[5],
        max_attempts=row[6],
        claims=row[7],
        waited=max(row[8] or 0.0, 0.0),
        keep=float(row[9]),
        trace=row[10],
        owner=row[11],
        group=row[12],
        then=row[13],
        lost=row[16],
    )
