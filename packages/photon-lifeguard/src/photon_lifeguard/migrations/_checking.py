"""`check`: what pending migrations will do, tried on a copy of the database."""

from __future__ import annotations

import attrs

from ..database import Database
from ..errors import MigrationError
from ._advice import advice, blocks, strongest
from ._applying import run_plan
from ._clone import clone
from ._engine import migration_engine
from ._observing import Observed, Observer
from ._scripts import Scripts, migrations_folder
from ._status import status


@attrs.frozen
class LockTaken:
    """A lock on a table that existed before.

    Attributes:
        table: Table.
        mode: Lock, in PostgreSQL's words.
        blocks: What waits for it: ``reads and writes``, ``writes``, or nothing.
        seconds: Time from the statement to the end of the transaction.
    """

    table: str
    mode: str
    blocks: str
    seconds: float


@attrs.frozen
class CheckedStatement:
    """A statement of a pending migration.

    Attributes:
        statement: Its text.
        seconds: Duration.
        locks: Locks that it takes on existing tables; on PostgreSQL.
        rewrites: Tables whose rows it writes anew.
        scans: Tables whose rows it reads all.
        advice: A way to do it with a shorter or weaker lock; ``None`` if it is safe.
    """

    statement: str
    seconds: float
    locks: tuple[LockTaken, ...] = ()
    rewrites: tuple[str, ...] = ()
    scans: tuple[str, ...] = ()
    advice: str | None = None


@attrs.frozen
class CheckedMigration:
    """A pending migration.

    Attributes:
        file: Name of its file.
        seconds: Duration.
        statements: Its statements.
    """

    file: str
    seconds: float
    statements: tuple[CheckedStatement, ...]


@attrs.frozen
class Check:
    """The result of `check`.

    Attributes:
        migrations: Pending migrations, as far as they could be applied.
        error: What failed; ``None`` if all were applied.
        edited: Files that were changed after they had been applied.
        has_rows: True if the copy had the rows of the database; otherwise the durations are those
            of empty tables.
    """

    migrations: tuple[CheckedMigration, ...]
    error: str | None
    edited: tuple[str, ...]
    has_rows: bool

    @property
    def is_safe(self) -> bool:
        """True if nothing failed, was edited, or has a safer way."""
        advised = any(each.advice for one in self.migrations for each in one.statements)
        return self.error is None and not self.edited and not advised


def check(database: Database) -> Check:
    """Apply the pending migrations to a copy of a database, and observe what they do there.

    Raises:
        MultipleHeads: Two migrations follow the same one.
        MigrationError: The copy cannot be made.

    Blocks: the thread, while the copy is made and migrated.
    """
    scripts = Scripts(migrations_folder(database))
    scripts.require_one_head()
    known = status(database)
    edited = tuple(each.file or "" for each in known.migrations if each.state == "edited")
    if not known.pending:
        return Check((), None, edited, has_rows=True)
    checked: list[CheckedMigration] = []
    error = None
    with clone(database) as copy, migration_engine(database, copy.url) as engine:
        observer = Observer(engine)
        observer.take()
        try:
            for each in known.pending:
                (applied,) = run_plan(database, engine, each.revision)
                statements = tuple(map(_checked, observer.take()))
                checked.append(CheckedMigration(each.file or "", applied.seconds, statements))
        except MigrationError as caught:
            error = str(caught)
    return Check(tuple(checked), error, edited, copy.has_rows)


def _checked(observed: Observed) -> CheckedStatement:
    locks = (
        LockTaken(table, mode, blocks(mode), observed.seconds + observed.held)
        for table, modes in sorted(observed.locks.items())
        for mode in [strongest(modes)]
    )
    return CheckedStatement(
        observed.statement,
        observed.seconds,
        tuple(lock for lock in locks if lock.blocks or "ShareUpdate" in lock.mode),
        tuple(sorted(observed.rewritten)),
        tuple(sorted(observed.scanned)),
        advice(observed),
    )
