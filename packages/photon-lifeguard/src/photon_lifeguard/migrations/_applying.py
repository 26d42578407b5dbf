"""Applying migrations and rolling them back: `migrate`, `rollback`.

Theory of operation. One migration is one transaction, and so is its entry in the tables of
revisions: it happens whole or leaves no trace. (MySQL commits after each statement of DDL; there
the message says so.) A migration whose module sets ``transactional = False`` runs outside of a
transaction, for ``CREATE INDEX CONCURRENTLY``; an invalid index that it leaves is dropped.

The next migration is computed anew for each, inside of its transaction or under the lock of
`migration_lock`: of many processes that migrate together each applies what is left.

A statement that waits for a lock makes all reads of its table wait behind it. So it gives up after
``lock_timeout``, the migration is rolled back, and tried again after a pause that grows. Without a
transaction it is tried again only if its first statement was the one that waited.

SQLite checks foreign keys per statement, and rebuilding a table would delete what refers to it.
They are off while a migration runs, and checked before it is committed.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import attrs
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError

from photon_runtime.tracebacks import readable

from ..database import Database
from ..errors import MigrationError, MigrationFailed, UnknownRevision
from ._engine import autocommit, is_autocommit, migration_engine, writing
from ._environment import Plan, current_revisions, environment
from ._environment import run as run_environment
from ._invalid_indexes import drop_invalid_indexes, invalid_indexes
from ._lock import migration_lock
from ._log import OWN_TABLES, create_log, forget, note, read_log
from ._scripts import Revision, Scripts, migrations_folder

Report = Callable[[str], object]
"""Is called with a line for people about what happens."""

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 20.0


@attrs.frozen
class AppliedMigration:
    """A migration that was applied or rolled back.

    Attributes:
        revision: The migration.
        seconds: Duration.
        is_upgrade: False if it was rolled back.
    """

    revision: Revision
    seconds: float
    is_upgrade: bool


def migrate(
    database: Database, revision: str = "head", *, report: Report | None = None
) -> list[AppliedMigration]:
    """Apply the pending migrations of a database, each in a transaction of its own.

    Several processes may call it together: each migration is applied once.

    Args:
        database: The database.
        revision: Migration to stop after: its revision, the beginning of it or of its file's name,
            or ``head`` for the last one.
        report: Receives a line about each step.

    Returns:
        The migrations that this call has applied, in order.

    Raises:
        MultipleHeads: Two migrations follow the same one; nothing is applied.
        UnknownRevision: The database or ``revision`` names a migration without a file.
        MigrationFailed: A migration failed; those before it stay applied.
        MigrationError: The files are invalid, or the database is locked for too long.

    Blocks: the thread. In a coroutine call it by `photon_runtime.offload`.
    """
    with migration_engine(database) as engine:
        return run_plan(database, engine, revision, report=report)


def run_plan(
    database: Database,
    engine: Engine,
    revision: str,
    *,
    report: Report | None = None,
    with_several_heads: bool = False,
) -> list[AppliedMigration]:
    """Do the work of `migrate` on an engine, which may be that of a copy."""
    scripts = Scripts(migrations_folder(database))
    plan = plan_of(scripts, revision, with_several_heads=with_several_heads)
    if plan is None:
        return []
    runner = _Runner(database, engine, scripts, report or _silent)
    runner.warn_about_edits()
    return runner.run(plan)


def plan_of(scripts: Scripts, revision: str, *, with_several_heads: bool = False) -> Plan | None:
    """Return the plan that leads to a migration; ``None`` without migrations.

    Raises:
        MultipleHeads: Two migrations follow the same one.
        UnknownRevision: No migration is called so.
    """
    target = revision if with_several_heads else _target(scripts, revision)
    if target is None:
        return None

    def plan(current: Any) -> Any:
        start: Any = current or ()
        return scripts.directory._upgrade_revs(target, start)

    return plan


def rollback(
    database: Database, steps: int = 1, *, to: str | None = None, report: Report | None = None
) -> list[AppliedMigration]:
    """Roll the last migrations back, each in a transaction of its own.

    Args:
        database: The database.
        steps: Number of migrations.
        to: Migration to return to, instead of a number; ``base`` for the empty database.
        report: Receives a line about each step.

    Returns:
        The migrations that were rolled back, in order.

    Raises:
        MigrationFailed: One failed, or cannot be rolled back; those before it stay rolled back.
        MigrationError: As for `migrate`.

    Blocks: the thread.
    """
    scripts = Scripts(migrations_folder(database))
    target = "-1" if to is None else "base" if to == "base" else scripts.find(to).revision
    with migration_engine(database) as engine:
        runner = _Runner(database, engine, scripts, report or _silent)

        def plan(current: Any) -> Any:
            return scripts.directory._downgrade_revs(target, current) if current else ()

        return runner.run(plan, limit=steps if to is None else None)


def _target(scripts: Scripts, revision: str) -> str | None:
    if revision == "heads":
        return revision if scripts.heads else None
    head = scripts.require_one_head()
    return head if revision == "head" else scripts.find(revision).revision


def _silent(line: str) -> None:
    pass


@attrs.frozen
class _Runner:
    """Runs the steps of a plan on one database."""

    database: Database
    engine: Engine
    scripts: Scripts
    report: Report

    def run(self, plan: Plan, limit: int | None = None) -> list[AppliedMigration]:
        """Take the steps of ``plan``, ``limit`` at most."""
        done: list[AppliedMigration] = []
        wait = self.database.settings.migration_wait
        with migration_lock(self.engine, wait=wait, waiting=self._waiting):
            while limit is None or len(done) < limit:
                applied = self._next(plan)
                if applied is None:
                    break
                verb = "applied" if applied.is_upgrade else "rolled back"
                self.report(f"{verb} {applied.revision.name} ({applied.seconds:.2f} s)")
                done.append(applied)
        return done

    def warn_about_edits(self) -> None:
        """Report the applied migrations whose code was changed since."""
        with self.engine.connect() as connection:
            log = read_log(connection)
        for one in self.scripts.all():
            entry = log.get(one.revision)
            if entry is not None and entry.checksum != one.checksum:
                self.report(
                    f"warning: {one.name} was edited after it had been applied here; "
                    "put the change into a new migration"
                )

    def _next(self, plan: Plan) -> AppliedMigration | None:
        """Take the first step that is left, if there is one."""
        attempts = self.database.settings.lock_attempts
        for attempt in range(1, attempts + 1):
            step = self._first_step(plan)
            if step is None:
                return None
            try:
                return self._attempt(plan, step)
            except _LockTimeout as error:
                if attempt == attempts:
                    raise _locked(step, attempts, error, self._oldest_transactions()) from error
                pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
                pause *= random.uniform(0.75, 1.25)
                self.report(f"{step.name} waits for a lock; next attempt in {pause:.1f} s")
                time.sleep(pause)
        raise AssertionError  # the last attempt returns or raises

    def _first_step(self, plan: Plan) -> Revision | None:
        with self.engine.connect() as connection:
            current = current_revisions(connection)
        self.scripts.require_known(current)
        try:
            for step in plan(current):
                return self.scripts.get(step.revision.revision)
        except CommandError as error:
            raise MigrationError(str(error)) from error
        return None

    def _attempt(self, plan: Plan, step: Revision) -> AppliedMigration | None:
        run = _Run(self.scripts)
        before = frozenset[str]()
        executed: list[str] = []
        try:
            with self.engine.connect() as connection:
                _note_statements(connection, executed)
                if step.is_transactional:
                    writing(connection)
                else:
                    autocommit(connection)
                    before = invalid_indexes(connection)
                run.take_first(connection, plan)
        except Exception as error:
            remains = self._clean_up(step, before)
            is_whole = step.is_transactional and not self._is_mysql
            if _is_lock_timeout(error) and (is_whole or not executed):
                raise _LockTimeout(str(error)) from error
            raise _failed(step, error, remains) from error
        return run.applied

    def _clean_up(self, step: Revision, before: frozenset[str]) -> str:
        """Drop what a failed migration left, and say what remains."""
        if self._is_mysql:
            return (
                "MySQL commits after each statement of DDL: those before the failed one have been "
                "executed; undo them by hand before the next attempt"
            )
        if step.is_transactional:
            return "Nothing of it was applied"
        with self.engine.connect() as connection:
            dropped = drop_invalid_indexes(autocommit(connection), before)
        names = f"The invalid index {', '.join(dropped)} was dropped. " if dropped else ""
        return f"{names}It runs outside of a transaction: what it did before stays"

    @property
    def _is_mysql(self) -> bool:
        return self.engine.dialect.name in ("mysql", "mariadb")

    def _oldest_transactions(self) -> str:
        if self.engine.dialect.name != "postgresql":
            return ""
        with self.engine.connect() as connection:
            rows = connection.execute(_OLDEST).all()
        return "".join(f"\n  process {row[0]} of {row[1]}, {row[2]} for {row[3]} s" for row in rows)

    def _waiting(self) -> None:
        self.report("another process migrates this database; waiting for it")


@attrs.define
class _Run:
    """One step on one connection."""

    scripts: Scripts
    applied: AppliedMigration | None = None

    def take_first(self, connection: Connection, plan: Plan) -> None:
        """Run the first step of ``plan`` and note it."""
        is_sqlite = connection.dialect.name == "sqlite"
        # Alembic's transactions do not include its own look at the revisions; SQLite's must.
        is_outer = is_sqlite and not is_autocommit(connection)
        with connection.begin() if is_outer else nullcontext():
            if not is_outer:
                create_log(connection)
                connection.commit()
            broken = _broken_references(connection) if is_outer else Counter[Any]()
            started = time.monotonic()

            def apply(*, step: Any, **_: object) -> None:
                if is_outer:
                    _check_references(connection, broken)
                self._note(connection, step, time.monotonic() - started)

            with environment(
                self.scripts,
                connection=connection,
                plan=lambda current: list(plan(current))[:1],
                transactional_ddl=False if is_autocommit(connection) else None,
                on_version_apply=apply,
            ) as env:
                run_environment(env)

    def _note(self, connection: Connection, step: Any, seconds: float) -> None:
        (name,) = step.up_revision_ids if step.is_upgrade else (step.up_revision_id,)
        revision = self.scripts.get(name)
        if revision is None:
            raise UnknownRevision(f"the file of {name} has disappeared")
        create_log(connection)
        if step.is_upgrade:
            note(connection, revision, seconds)
        else:
            forget(connection, name)
        self.applied = AppliedMigration(revision, seconds, step.is_upgrade)


class _LockTimeout(Exception):
    """A lock was not free in time."""


_OLDEST = text(
    "SELECT pid, coalesce(nullif(application_name, ''), usename), state,"
    " extract(epoch from now() - xact_start)::int FROM pg_stat_activity"
    " WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
    " ORDER BY xact_start LIMIT 3"
)
_READS = ("SELECT", "SHOW", "SET", "DESCRIBE")
_LOCK_STATES = frozenset(["55P03", "40P01"])  # lock_not_available, deadlock_detected
_LOCK_ERRORS = frozenset([1205, 1213])  # the same of MySQL


def _note_statements(connection: Connection, executed: list[str]) -> None:
    """Note the statements that were executed: outside of a transaction they cannot be repeated."""

    def after_execute(  # noqa: PLR0917  the signature of the event
        connection: Connection,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: Any,
        executemany: bool,
    ) -> None:
        is_own = any(name in statement for name in OWN_TABLES)
        if not is_own and not statement.lstrip().upper().startswith(_READS):
            executed.append(statement)

    event.listen(connection, "after_cursor_execute", after_execute)


def _is_lock_timeout(error: BaseException) -> bool:
    if not isinstance(error, DBAPIError) or error.orig is None:
        return False
    if getattr(error.orig, "sqlstate", None) in _LOCK_STATES:
        return True
    arguments = error.orig.args
    return bool(arguments) and arguments[0] in _LOCK_ERRORS


def _locked(step: Revision, attempts: int, error: Exception, holders: str) -> MigrationFailed:
    hint = f"; these transactions are the oldest:{holders}" if holders else ""
    return MigrationFailed(
        f"{step.name} did not get the locks that it needs in {attempts} attempts, because other "
        f"transactions hold them. Nothing of it was applied{hint}"
    )


def _failed(step: Revision, error: Exception, remains: str) -> MigrationFailed:
    if isinstance(error, DBAPIError):
        reason = f"{error.orig}\nin: {error.statement}".rstrip()
    elif isinstance(error, MigrationError):
        reason = str(error)
    else:
        reason = readable(error).rstrip()
    return MigrationFailed(f"{step.name} failed. {remains}.\n{reason}")


def _broken_references(connection: Connection) -> Counter[Any]:
    rows = connection.exec_driver_sql("PRAGMA foreign_key_check")
    return Counter((row[0], row[2]) for row in rows)


def _check_references(connection: Connection, before: Counter[Any]) -> None:
    broken = _broken_references(connection) - before
    if broken:
        pairs = ", ".join(f"{count} of {one[0]} to {one[1]}" for one, count in broken.items())
        raise MigrationError(f"foreign keys would refer to rows that do not exist: {pairs}")
