"""`finish`: what has become of attempts, within a transaction.

Theory of operation. Most attempts have completed jobs without a key and a group, and nothing
follows: for them one short statement is everything, and its condition is in the statement. `finish`
does the rest, for outcomes that are not the worker's, too.

Events are looked for after the jobs that wait for them are locked; see `_delivering`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from ...records import AttemptOutcome, JobState
from .._job_text import storable
from ._delivering import count_down, deliver
from ._transaction import Transaction, as_json

_FREES: Final = frozenset({"completed", "dead", "cancelled"})


def is_plain(outcome: AttemptOutcome) -> bool:
    """Return whether nothing follows from an outcome, if its job has no key and no group."""
    return outcome.state is JobState.COMPLETED and outcome.delivery is None


def complete(single: Transaction, worker: str, outcomes: Sequence[AttemptOutcome]) -> set[str]:
    """Record plain outcomes of plain jobs; return the ids of those.

    Blocks: the calling task.
    """
    rows = [
        {
            "job": each.claim.job,
            "attempt": each.claim.attempt,
            "result": each.result,
            "keep": each.keep,
        }
        for each in outcomes
    ]
    completed = single.run(single.sql.complete, worker=worker, rows=as_json(rows))
    return {row[0] for row in completed}


def finish(transaction: Transaction, worker: str, outcomes: Sequence[AttemptOutcome]) -> set[str]:
    """Record outcomes, and enqueue what follows; return the ids of the jobs whose claim was valid.

    Blocks: the calling task.
    """
    sql = transaction.sql
    rows = transaction.run(sql.finish, worker=worker, rows=_rows(outcomes))
    states = {row[0]: row[1] for row in rows}
    if freed := [row[0] for row in rows if row[2] not in (None, "period") and row[1] in _FREES]:
        transaction.ids(sql.free_ended, freed)
    is_awake = bool({"queued", "failed", "waiting"} & set(states.values()))
    if waiting := [job for job, state in states.items() if state == "waiting"]:
        for job, event in transaction.ids(sql.expected_events, waiting):
            transaction.run(sql.awake, job=job, event=event)
    for outcome in outcomes:
        if outcome.delivery is not None and outcome.claim.job in states:
            deliver(transaction, outcome.delivery)
    groups = Counter(row[3] for row in rows if row[3] is not None and row[1] == "completed")
    for group, jobs in sorted(groups.items()):
        count_down(transaction, group, jobs)
    if is_awake:
        transaction.wake()
    return set(states)


def _rows(outcomes: Sequence[AttemptOutcome]) -> str:
    rows: list[dict[str, Any]] = [
        {
            "job": each.claim.job,
            "attempt": each.claim.attempt,
            "state": each.state,
            "delay": each.delay,
            "event": each.event,
            "result": each.result,
            "error": storable(each.error),
            "keep": each.keep,
            "gives_back": int(each.gives_back),
        }
        for each in outcomes
    ]
    return as_json(rows)
