"""What people do with jobs: list, requeue, remove; and what is removed with time.

Theory of operation. Many jobs are changed in steps of `STEP`, each in a transaction of its own, so
that a million dead jobs do not stop the workers. Rows that others have locked are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ...records import JobFilter, UniqueKey
from ._grammar import Grammar
from ._keys import take_keys
from ._statements import RECORD
from ._transaction import Transaction, as_json

STEP: Final = 500
"""Number of jobs that one transaction changes."""
_TIDIED: Final = (("completed", False), ("cancelled", False), ("dead", True), ("parked", True))
_FORGET_GROUPS: Final = 7 * 86_400.0

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


def requeue_step(
    transaction: Transaction, grammar: Grammar, choice: JobFilter, after: str
) -> tuple[int, str | None]:
    """Queue the next jobs anew.

    Args:
        transaction: An open transaction.
        grammar: Grammar of the database.
        choice: Which jobs.
        after: Jobs up to this id were handled.

    Returns:
        How many were queued, and the last id that was handled; ``None`` at the end.

    Blocks: the calling task.
    """
    rows = _next(transaction, grammar, choice, REQUEUED, after)
    wanted = [(row[0], UniqueKey(row[1], row[2])) for row in rows if row[2] in ("start", "done")]
    held = set(take_keys(transaction, wanted).holders)
    if periods := {row[1]: row[0] for row in rows if row[2] == "period"}:
        for key, owner, is_expired in transaction.ids(transaction.sql.holders, [*periods]):
            if owner != periods[key] and not is_expired:
                held.add(periods[key])
    ids = [row[0] for row in rows if row[0] not in held]
    for job in ids:
        transaction.run(transaction.sql.requeue, job=job)
    if ids:
        transaction.wake()
    return len(ids), rows[-1][0] if len(rows) == STEP else None


def purge_step(
    transaction: Transaction, grammar: Grammar, choice: JobFilter, after: str
) -> tuple[int, str | None]:
    """Remove the next jobs; like `requeue_step`.

    Blocks: the calling task.
    """
    rows = _next(transaction, grammar, choice, REMOVED, after)
    remove(transaction, [row[0] for row in rows])
    return len(rows), rows[-1][0] if len(rows) == STEP else None


def tidy(transaction: Transaction, keep_dead: float) -> int:
    """Remove what is not kept any more, a limited number of jobs; return their number.

    Blocks: the calling task.
    """
    sql = transaction.sql
    removed = 0
    for state, is_dead in _TIDIED:
        rows = transaction.run(
            sql.kept_too_long,
            state=state,
            keep=keep_dead if is_dead else 0.0,
            limit=STEP - removed,
        )
        remove(transaction, [row[0] for row in rows])
        removed += len(rows)
        if removed >= STEP:
            return removed
    transaction.run(sql.expired_keys)
    transaction.run(sql.abandoned_groups, keep=_FORGET_GROUPS)
    return removed


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


def _next(
    transaction: Transaction,
    grammar: Grammar,
    choice: JobFilter,
    states: Sequence[str],
    after: str,
) -> list[Any]:
    """Return id, key and its duration of the next jobs in one of some states, and lock them."""
    condition, parameters = _condition(choice)
    statement = (
        f"SELECT id, unique_key, unique_until FROM photon_jobs WHERE {condition} AND id > :after "
        "AND state {in possible} ORDER BY id LIMIT :limit {skip_locked}"
    )
    return transaction.run(
        grammar(statement),
        after=after,
        limit=STEP,
        possible=as_json(states),
        **parameters,
    )


def _condition(choice: JobFilter) -> tuple[str, dict[str, Any]]:
    """Return the condition of a choice, in the common grammar, and its parameters."""
    parts = ["true"]
    parameters: dict[str, Any] = {}
    lists = {
        "id": choice.ids,
        "state": choice.states or None,
        "task": choice.tasks or None,
        "queue": choice.queues or None,
    }
    for column, values in lists.items():
        if values is not None:
            parts.append(f"{column} {{in {column}s}}")
            parameters[f"{column}s"] = as_json(values)
    if choice.min_age:
        parts.append("coalesce(ended, enqueued) <= {now} - :min_age")
        parameters["min_age"] = choice.min_age
    return " AND ".join(parts), parameters
