"""`take_keys`: unique keys, one job for each.

Theory of operation. A key is a row, so that the database decides which job has it. The insertion
waits for the end of another transaction that has just inserted the same key. A key that is there is
left unlocked: a job that holds it can end while the caller's transaction is open. Keys are taken in
their order, so that two transactions that want the same ones do not wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from ...records import UniqueKey
from ._transaction import Transaction, as_json

_TRIALS: Final = 10  # a key may become free between two statements


@attrs.frozen
class Keys:
    """What has become of keys.

    Attributes:
        taken: Jobs that have got theirs now.
        holders: Jobs that have not, with the job that has it.
    """

    taken: set[str]
    holders: dict[str, str]


def take_keys(transaction: Transaction, wanted: Iterable[tuple[str, UniqueKey]]) -> Keys:
    """Take the keys of jobs, given by their ids. A key that a job has already is not taken again.

    Blocks: the calling task.
    """
    keys = Keys(set(), {})
    open_keys: dict[str, tuple[str, UniqueKey]] = {}
    followers: list[tuple[str, str]] = []
    for job, unique in wanted:
        first = open_keys.setdefault(unique.key, (job, unique))[0]
        if first != job:
            followers.append((job, first))
    for _ in range(_TRIALS):
        if not open_keys:
            break
        _try(transaction, open_keys, keys)
    for job, first in followers:
        keys.holders[job] = keys.holders.get(first, first)
    return keys


def _try(transaction: Transaction, open_keys: dict[str, tuple[str, UniqueKey]], keys: Keys) -> None:
    """Try once to take keys, and remove those that have an owner from ``open_keys``."""
    sql = transaction.sql
    rows = [
        {"key": key, "job": job, "until": unique.until, "seconds": unique.seconds}
        for key, (job, unique) in sorted(open_keys.items())
    ]
    for [key] in transaction.run(sql.insert_keys, rows=as_json(rows)):
        keys.taken.add(open_keys.pop(key)[0])
    if not open_keys:
        return
    expired = []
    for key, owner, is_expired in transaction.ids(sql.holders, [*open_keys]):
        if is_expired:
            expired.append(key)
            continue
        job, _ = open_keys.pop(key)
        if owner != job:
            keys.holders[job] = owner
    if expired:
        transaction.ids(sql.free_expired, expired)
