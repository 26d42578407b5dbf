"""`deliver`: jobs, groups and events, within a transaction.

Theory of operation. Conflicts are found by ``ON CONFLICT``, never by an error, so that the
transaction of the application stays usable. A unique key is taken before its job is inserted, and
only for a job that does not exist yet: a delivery may be repeated after its jobs have ended.

A job that another one keeps out by its key does not count for its group, which would wait for it in
vain.

An event locks its job. A worker that is about to let the job wait for it either has done so, or
finds the event afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...records import ENDED, Delivery, Enqueued, NewEvent, NewGroup, NewJob
from .._job_text import decode_jobs
from ._keys import Keys, take_keys
from ._transaction import Transaction, as_json


def is_plain(delivery: Delivery) -> bool:
    """Return whether a delivery is jobs without keys, and so one statement."""
    if delivery.groups or delivery.events:
        return False
    return all(job.unique is None for job in delivery.jobs)


def deliver(transaction: Transaction, delivery: Delivery) -> list[Enqueued]:
    """Enqueue what is in a delivery; see `JobStore.deliver`.

    Blocks: the calling task.
    """
    if is_plain(delivery):
        return insert(transaction, delivery.jobs)
    sql = transaction.sql
    keys = _take_keys(transaction, delivery.jobs)
    jobs = [job for job in delivery.jobs if job.id not in keys.holders]
    outcomes = {each.id: each for each in reversed(insert(transaction, jobs))}
    if unused := [job for job in keys.taken if not outcomes[job].is_new]:
        transaction.ids(sql.free_jobs, unused)
    if delivery.groups:
        refused = Counter(job.group for job in delivery.jobs if job.id in keys.holders)
        _insert_groups(transaction, delivery.groups, refused)
    if delivery.events:
        _send_events(transaction, delivery.events)
    return [
        outcomes.get(job.id) or Enqueued(keys.holders[job.id], is_new=False)
        for job in delivery.jobs
    ]


def insert(transaction: Transaction, jobs: Sequence[NewJob]) -> list[Enqueued]:
    """Insert jobs without a look at their keys.

    Blocks: the calling task.
    """
    if not jobs:
        return []
    rows = transaction.run(transaction.sql.insert, rows=as_json(jobs))
    if rows:
        transaction.will_wake(rows[0][1])
    inserted = {row[0] for row in rows}
    outcomes = []
    for job in jobs:
        outcomes.append(Enqueued(job.id, job.id in inserted))
        inserted.discard(job.id)  # the second one with the same id is not new
    return outcomes


def count_down(transaction: Transaction, group: str, jobs: int) -> None:
    """Note that jobs of a group have ended well; the last one enqueues what follows.

    Blocks: the calling task.
    """
    rows = transaction.run(transaction.sql.count_down, group=group, jobs=jobs)
    if not rows or rows[0][0] > 0:
        return
    transaction.run(transaction.sql.remove_group, group=group)
    if rows[0][1] is not None:
        deliver(transaction, Delivery(decode_jobs(rows[0][1])))


def _take_keys(transaction: Transaction, jobs: Sequence[NewJob]) -> Keys:
    wanted = [(job.id, job.unique) for job in jobs if job.unique is not None]
    if not wanted:
        return Keys(set(), {})
    existing = transaction.ids(transaction.sql.existing, [job for job, _ in wanted])
    known = {row[0] for row in existing}
    return take_keys(transaction, [each for each in wanted if each[0] not in known])


def _insert_groups(
    transaction: Transaction, groups: Sequence[NewGroup], refused: Counter[str | None]
) -> None:
    rows = transaction.run(transaction.sql.insert_groups, rows=as_json(groups))
    for group, remaining in rows:
        if refused[group] or not remaining:
            count_down(transaction, group, refused[group])


def _send_events(transaction: Transaction, events: Sequence[NewEvent]) -> None:
    ids = sorted({event.job for event in events})
    jobs = {row[0]: row for row in transaction.ids(transaction.sql.lock_jobs, ids)}
    kept = [each for each in events if each.job in jobs and jobs[each.job][1] not in ENDED]
    if not kept:
        return
    transaction.run(transaction.sql.insert_events, rows=as_json(kept))
    expected = [each for each in kept if jobs[each.job][1:] == ("waiting", each.name)]
    for each in expected:
        transaction.run(transaction.sql.awake, job=each.job, event=each.name)
    if expected:
        transaction.wake()
