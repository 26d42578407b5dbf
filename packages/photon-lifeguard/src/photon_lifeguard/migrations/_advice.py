"""The safe way to write statements that lock a table, rewrite it, or scan it under a lock."""

from __future__ import annotations

import re

from ._observing import MODES, Observed

_BLOCKS_READS = "AccessExclusiveLock"
_BLOCKS_WRITES = frozenset(
    ["ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"]
)


def strongest(modes: list[str]) -> str:
    """Return the strongest of some locks."""
    return max(modes, key=lambda mode: MODES.index(mode) if mode in MODES else -1)


def blocks(mode: str) -> str:
    """Return what waits for a lock: ``reads and writes``, ``writes`` or ``changes of tables``."""
    if mode == _BLOCKS_READS:
        return "reads and writes"
    return "writes" if mode in _BLOCKS_WRITES else ""


def advice(observed: Observed) -> str | None:
    """Return a way to do the same with a shorter or weaker lock; ``None`` if it is safe.

    Args:
        observed: A statement, and what the server did.
    """
    long = [
        table
        for table, modes in observed.held_locks.items()
        if blocks(strongest(modes)) and table in observed.rewritten | observed.scanned
    ]
    if not long:
        return None
    for pattern, text in _ADVICE:
        if re.search(pattern, observed.statement, re.IGNORECASE):
            return text
    return _REWRITE if set(long) & observed.rewritten else _SCAN


_REWRITE = (
    "the table is rewritten under the lock. Add a new column, fill it in batches, let the "
    "application use it, and drop the old one in a later migration"
)
_SCAN = "the whole table is read under the lock. Do it in a migration of its own, at a quiet time"
_ADVICE = (
    (
        r"^CREATE (UNIQUE )?INDEX",
        "create the index concurrently: op.create_index(…, postgresql_concurrently=True), in a "
        "migration of its own with `transactional = False`",
    ),
    (
        r"ADD (CONSTRAINT \S+ )?FOREIGN KEY",
        "add it without a check of the rows, op.create_foreign_key(…, postgresql_not_valid=True), "
        "and check them in a later migration: op.execute('ALTER TABLE … VALIDATE CONSTRAINT …')",
    ),
    (
        r"ADD (CONSTRAINT \S+ )?CHECK",
        "add it by op.execute('ALTER TABLE … ADD CONSTRAINT … CHECK (…) NOT VALID'), and check the "
        "rows in a later migration: op.execute('ALTER TABLE … VALIDATE CONSTRAINT …')",
    ),
    (
        r"ADD (CONSTRAINT \S+ )?(UNIQUE|PRIMARY KEY)",
        "create a unique index concurrently in a migration of its own, and make it the constraint: "
        "op.execute('ALTER TABLE … ADD CONSTRAINT … UNIQUE USING INDEX …')",
    ),
    (
        r"SET NOT NULL",
        "add CHECK (… IS NOT NULL) NOT VALID, validate it in a later migration, and then SET NOT "
        "NULL: PostgreSQL does not read the table again; drop the check",
    ),
    (
        r"ADD COLUMN",
        "add the column without the default, set the default for new rows, and fill the existing "
        "rows in batches: a default that differs from row to row rewrites the table",
    ),
    (r"ALTER COLUMN \S+ TYPE", _REWRITE),
)
