"""What people do with jobs: list, requeue, remove; and what is removed with time.

Theory of operation. Many jobs are changed in steps of `STEP`, so that a million dead jobs do not
stop the workers. A step reads the next ids without a lock, and then changes these jobs in a
transaction of its own. Rows that others have locked are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from ...records import JobFilter, JobState, UniqueKey
from ._grammar import Grammar
from ._keys import take_keys
from ._schema import DELAYED, ENDED, QUEUED, RUNNING
from ._statements import RECORD
from ._transaction import Transaction, as_json

STEP: Final = 500
"""Number of jobs that one transaction changes."""
_TIDIED: Final = (("completed", False), ("cancelled", False), ("dead", True), ("parked", True))
_FORGET_GROUPS: Final = 7 * 86_400.0

_INDEXED: Final = {
    QUEUED: {JobState.QUEUED},
    RUNNING: {JobState.RUNNING},
    DELAYED: {JobState.SCHEDULED, JobState.FAILED, JobState.WAITING},
    ENDED: {JobState.DEAD, JobState.CANCELLED, JobState.PARKED},
}

REQUEUED: Final = ("dead", "parked", "failed", "waiting", "scheduled", "cancelled")
REMOVED: Final = (*REQUEUED, "queued", "completed")


def find(
    transaction: Transaction, grammar: Grammar, choice: JobFilter, limit: int, before: str | None
) -> list[Any]:
    """Return the rows of jobs, the greatest id first.

    Blocks: the calling task.
    """
    condition, parameters = _condition(choice)
    if before is not None:
        condition += " AND id < :before"
        parameters["before"] = before
    statement = f"SELECT {RECORD} FROM photon_jobs WHERE {condition} ORDER BY id DESC LIMIT :limit"
    return transaction.run(grammar(statement), limit=limit, **parameters)


def next_ids(
    single: Transaction, grammar: Grammar, choice: JobFilter, states: Sequence[str], after: str
) -> list[str]:
    """Return the ids of the next `STEP` jobs that are in one of some states.

    Args:
        single: Executes single statements: no lock is held while a large table is read.
        grammar: Grammar of the database.
        choice: Which jobs.
        states: Possible states.
        after: Jobs up to this id were handled.

    Blocks: the calling task.
    """
    condition, parameters = _condition(choice)
    statement = (
        f"SELECT id FROM photon_jobs WHERE {condition} AND id > :after "
        f"AND {_in_states(states)} ORDER BY id LIMIT :limit"
    )
    rows = single.run(grammar(statement), after=after, limit=STEP, **parameters)
    return [row[0] for row in rows]


def requeue(transaction: Transaction, jobs: Sequence[str]) -> int:
    """Queue jobs anew that can be, and return how many; at most `STEP`.

    Blocks: the calling task.
    """
    sql = transaction.sql
    rows = transaction.run(sql.lock_states, ids=as_json(jobs), states=as_json(REQUEUED))
    wanted = [(row[0], UniqueKey(row[1], row[2])) for row in rows if row[2] in ("start", "done")]
    held = set(take_keys(transaction, wanted).holders)
    if periods := {row[1]: row[0] for row in rows if row[2] == "period"}:
        for key, owner, is_expired in transaction.ids(sql.holders, [*periods]):
            if owner != periods[key] and not is_expired:
                held.add(periods[key])
    ids = [row[0] for row in rows if row[0] not in held]
    if ids:
        transaction.ids(sql.requeue, ids)
        transaction.wake()
    return len(ids)


def purge(transaction: Transaction, jobs: Sequence[str]) -> int:
    """Remove jobs that do not run, and return how many; at most `STEP`.

    Blocks: the calling task.
    """
    sql = transaction.sql
    rows = transaction.run(sql.lock_states, ids=as_json(jobs), states=as_json(REMOVED))
    remove(transaction, [row[0] for row in rows])
    return len(rows)


def tidy(transaction: Transaction, keep_dead: float) -> int:
    """Remove what is not kept any more, a limited number of jobs; return their number.

    Blocks: the calling task.
    """
    sql = transaction.sql
    ids = [*islice(_kept_too_long(transaction, keep_dead), STEP)]
    remove(transaction, ids)
    if len(ids) < STEP:
        transaction.run(sql.expired_keys)
        transaction.run(sql.abandoned_groups, keep=_FORGET_GROUPS)
    return len(ids)


def _kept_too_long(transaction: Transaction, keep_dead: float) -> Iterator[str]:
    """Yield the ids of jobs that are not kept any more, and lock them."""
    sql = transaction.sql
    for state, is_dead in _TIDIED:
        keep = keep_dead if is_dead else 0.0
        for [queue] in transaction.run(sql.queues_of_ended, state=state):
            rows = transaction.run(
                sql.kept_too_long, state=state, queue=queue, keep=keep, limit=STEP
            )
            yield from (row[0] for row in rows)


def remove(transaction: Transaction, ids: Sequence[str]) -> None:
    """Remove jobs, with all that belongs to them.

    Blocks: the calling task.
    """
    if not ids:
        return
    sql = transaction.sql
    transaction.ids(sql.remove_jobs, ids)
    transaction.ids(sql.remove_steps, ids)
    transaction.ids(sql.remove_events, ids)
    transaction.ids(sql.free_ended, ids)


def _condition(choice: JobFilter) -> tuple[str, dict[str, Any]]:
    """Return the condition of a choice, in the common grammar, and its parameters."""
    parts = ["true"]
    parameters: dict[str, Any] = {}
    lists = {
        "id": choice.ids,
        "task": choice.tasks or None,
        "queue": choice.queues or None,
    }
    for column, values in lists.items():
        if values is not None:
            parts.append(f"{column} {{in {column}s}}")
            parameters[f"{column}s"] = as_json(values)
    if choice.states:
        parts.append(_in_states(choice.states))
    if choice.min_age:
        parts.append("coalesce(ended, enqueued) <= {now} - :min_age")
        parameters["min_age"] = choice.min_age
    return " AND ".join(parts), parameters


def _in_states(states: Sequence[str]) -> str:
    """Return the condition that a job is in one of some states.

    The few jobs of most states are found by a partial index, whose condition must be in the
    statement. Completed ones are most of the table, and found in the order of the ids.
    """
    chosen = {JobState(each) for each in states}
    condition = "IN (" + ", ".join(f"'{each}'" for each in sorted(chosen)) + ")"
    if JobState.COMPLETED not in chosen:
        for index, of_index in _INDEXED.items():
            if chosen <= of_index:
                return f"state {condition} AND {index}"
    return f"{{unsearched state}} {condition}"
