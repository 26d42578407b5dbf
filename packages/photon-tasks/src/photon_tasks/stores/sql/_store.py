"""`SqlStore`: jobs in SQLite or PostgreSQL, as rows beside those of the application."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import time
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine

from photon_runtime.wakeups import wake as wake_processes

from ...errors import StoreRefused
from ...records import (
    AttemptOutcome,
    Beat,
    Claim,
    Claims,
    Delivery,
    Enqueued,
    JobFilter,
    JobRecord,
    JobState,
    NewJob,
    QueueDepth,
    Recovered,
    ScheduleRecord,
    WorkerInfo,
    WorkerRecord,
)
from . import _finishing, _people
from ._claiming import Claiming
from ._connections import Connections
from ._delivering import deliver, insert, is_plain
from ._grammar import Dialect, Grammar
from ._listening import SqliteListener, listen_to_postgresql
from ._records import job_record, worker_record
from ._schema import make_tables
from ._statements import Statements
from ._transaction import Transaction, as_json

T = TypeVar("T")
_DRIVERS = {"postgresql": "psycopg", "sqlite": "pysqlite"}
_MANY_DEAD_ROWS = 20_000
_SQLITE = (3, 35)  # RETURNING


class SqlStore:
    """The jobs of an application in a database; see `JobStore`.

    What a loss of power may take is what the database may lose: nothing that was committed, as
    PostgreSQL and `photon_lifeguard.DatabaseSettings` are set by default. With ``synchronous =
    "normal"`` for SQLite, or ``synchronous_commit = off`` for PostgreSQL, the jobs of the last
    moments can be lost, or run a second time. A killed process loses nothing either way.

    Args:
        engine: An engine of SQLite, or of PostgreSQL with psycopg: that of a
            `photon_lifeguard.Database`, or any other one.
        clock: Returns the time in seconds since the epoch; by default the machine's for SQLite,
            and the server's for PostgreSQL.

    Attributes:
        name: ``sqlite`` or ``postgresql``.
        engine: The engine.

    Raises:
        StoreRefused: The engine is of another database or driver.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], float] | None = None) -> None:
        """Prepare the statements; nothing is opened."""
        dialect = _dialect_of(engine)
        self.name: str = dialect
        self.engine = engine
        self._grammar = Grammar(dialect, has_clock=clock is not None)
        self._sql = Statements(self._grammar)
        self._connections = Connections(engine)
        if clock is None and dialect == "sqlite":
            clock = time
        self._now: Callable[[], dict[str, Any]] = (
            dict if clock is None else lambda: {"now": clock()}
        )
        self._gone: set[str] = set()
        self._claiming = Claiming(self._single, self._in_transaction)

    # -- life -------------------------------------------------------------------------------------

    def open(self) -> None:
        """Make the tables, if they do not exist; several processes may do so at once.

        Raises:
            StoreUnavailable: The database cannot be reached.
            StoreRefused: The user of the database must not make them, or a later version of Photon
                has made them.

        Blocks: the calling task.
        """
        try:
            make_tables(self._connections, self._grammar)
        except StoreRefused as error:
            if "permission denied" not in str(error):
                raise
            raise StoreRefused(
                f"{error}. The store makes its tables photon_job* itself: let the user of the "
                "database create tables, or start once with one that may"
            ) from error

    def close(self) -> None:
        """Do nothing: the connections belong to the engine."""

    # -- enqueueing -------------------------------------------------------------------------------

    def joins(self, database: object) -> bool:
        """Return whether ``database`` is an engine of the same database."""
        if not isinstance(database, Engine):
            return False
        if database is self.engine:
            return True
        path = self.engine.url.database
        is_in_memory = self.name == "sqlite" and (not path or ":memory:" in path)
        return database.url == self.engine.url and not is_in_memory

    def deliver(self, delivery: Delivery, *, connection: Any = None) -> Sequence[Enqueued]:
        """Enqueue jobs, and send events."""
        if connection is not None:
            return self._deliver_within(delivery, connection)
        if is_plain(delivery):
            single = self._single()
            outcomes = insert(single, delivery.jobs)
            self._wake(single)
            return outcomes
        return self._in_transaction(lambda transaction: deliver(transaction, delivery))

    def _deliver_within(self, delivery: Delivery, connection: Connection) -> Sequence[Enqueued]:
        execute = self._connections.joined(connection)
        transaction = Transaction(execute, self._sql, self._now)
        outcomes = deliver(transaction, delivery)
        if transaction.listeners:
            self._connections.after_commit(connection, partial(self._send_wakeups, transaction))
        return outcomes

    def listen(self, wake: Callable[[], object]) -> None:
        """Call ``wake`` whenever jobs may have become queued."""
        if self.name == "postgresql":
            listen_to_postgresql(self.engine, wake)
            return
        listener = SqliteListener(self.engine)
        try:
            self._single().run(self._sql.add_listener, address=listener.address)
            listener.listen(wake)
        finally:
            listener.close()  # the next process that wakes it removes the address

    # -- workers ----------------------------------------------------------------------------------

    def register(self, worker: WorkerInfo, lease: float) -> None:
        """Note a worker."""
        self._single().run(
            self._sql.register,
            id=worker.id,
            host=worker.host,
            pid=worker.pid,
            queues=as_json([*worker.queues]),
            concurrency=worker.concurrency,
            lease=lease,
        )

    def beat(self, worker: str, lease: float) -> Beat:
        """Extend the lease of a worker."""
        single = self._single()
        if not single.run(self._sql.beat, worker=worker, lease=lease):
            return Beat(is_known=False)
        rows = single.run(self._sql.cancelled, worker=worker)
        return Beat(is_known=True, cancelled=[Claim(*row) for row in rows])

    def unregister(self, worker: str) -> None:
        """Remove a worker, and queue its jobs again."""
        self._claiming.forget(worker)
        self._in_transaction(
            lambda transaction: _take_from(
                transaction, self._sql.remove_worker, self._sql.release, worker
            )
        )

    def workers(self) -> Sequence[WorkerRecord]:
        """Return all workers."""
        return [worker_record(row) for row in self._single().run(self._sql.workers)]

    def recover(self, worker: str, beats: int) -> Recovered:
        """Take the jobs from a worker that has lost its lease."""
        states = self._in_transaction(
            lambda transaction: _take_from(
                transaction,
                self._sql.remove_silent_worker,
                self._sql.recover,
                worker,
                beats=beats,
            )
        )
        return Recovered(
            [job for job, state in states if state == "queued"],
            [job for job, state in states if state == "dead"],
        )

    def claim(self, worker: str, limit: int, queues: Sequence[str] = ()) -> Claims:
        """Claim jobs that are due."""
        return self._claiming.claim(worker, limit, queues)

    def finish(self, worker: str, outcomes: Sequence[AttemptOutcome]) -> Sequence[bool]:
        """Record what has become of attempts."""
        recorded: set[str] = set()
        plain = [each for each in outcomes if _finishing.is_plain(each)]
        if plain:
            recorded = _finishing.complete(self._single(), worker, plain)
        if rest := [each for each in outcomes if each.claim.job not in recorded]:
            recorded |= self._in_transaction(
                lambda transaction: _finishing.finish(transaction, worker, rest)
            )
        return [each.claim.job in recorded for each in outcomes]

    # -- running jobs -----------------------------------------------------------------------------

    def set_progress(self, worker: str, claim: Claim, progress: str) -> bool:
        """Set the progress of a job."""
        return bool(
            self._single().run(
                self._sql.set_progress,
                job=claim.job,
                worker=worker,
                attempt=claim.attempt,
                progress=progress,
            )
        )

    def steps(self, job: str) -> Mapping[str, str]:
        """Return the recorded steps of a job."""
        return {row[0]: row[1] for row in self._single().run(self._sql.steps, job=job)}

    def set_step(self, worker: str, claim: Claim, name: str, value: str) -> bool:
        """Record a step of a job."""
        return bool(
            self._single().run(
                self._sql.set_step,
                job=claim.job,
                worker=worker,
                attempt=claim.attempt,
                name=name,
                value=value,
            )
        )

    def take_event(self, worker: str, claim: Claim, name: str, step: str) -> str | None:
        """Move the oldest event of a name to the steps."""

        def take(transaction: Transaction) -> str | None:
            mine = {"job": claim.job, "worker": worker, "attempt": claim.attempt}
            if not transaction.run(self._sql.mine, **mine):
                return None
            rows = transaction.run(self._sql.take_event, job=claim.job, name=name)
            if not rows:
                return None
            payload: str = rows[0][0]
            transaction.run(self._sql.set_step, **mine, name=step, value=payload)
            return payload

        return self._in_transaction(take)

    # -- people -----------------------------------------------------------------------------------

    def job(self, job: str) -> JobRecord | None:
        """Return a job."""
        rows = self._single().run(self._sql.job, job=job)
        return job_record(rows[0]) if rows else None

    def jobs(
        self, choice: JobFilter, *, limit: int = 100, before: str | None = None
    ) -> Sequence[JobRecord]:
        """Return jobs, the newest first."""
        rows = _people.find(self._single(), self._grammar, choice, limit, before)
        return [job_record(row) for row in rows]

    def depths(self) -> Sequence[QueueDepth]:
        """Return the number of jobs for each queue and state."""
        return [
            QueueDepth(queue, JobState(state), jobs, max(oldest or 0.0, 0.0))
            for queue, state, jobs, oldest in self._single().run(self._sql.depths)
        ]

    def cancel(self, job: str) -> JobRecord | None:
        """Cancel a job, or request it."""

        def cancel(transaction: Transaction) -> JobRecord | None:
            rows = transaction.run(self._sql.cancel, job=job)
            if not rows:
                rows = transaction.run(self._sql.job, job=job)
                return job_record(rows[0]) if rows else None
            record = job_record(rows[0])
            if record.state is JobState.CANCELLED:
                transaction.ids(self._sql.free_ended, [job])
            return record

        return self._in_transaction(cancel)

    def requeue(self, choice: JobFilter) -> int:
        """Queue jobs anew."""
        return self._in_steps(_people.requeue, choice, _people.REQUEUED)

    def purge(self, choice: JobFilter) -> int:
        """Remove jobs that do not run."""
        return self._in_steps(_people.purge, choice, _people.REMOVED)

    def tidy(self, keep_dead: float) -> int:
        """Remove what is not kept any more; at most `_people.STEP` jobs."""
        return self._in_transaction(lambda transaction: _people.tidy(transaction, keep_dead))

    def _in_steps(
        self,
        step: Callable[[Transaction, Sequence[str]], int],
        choice: JobFilter,
        states: Sequence[str],
    ) -> int:
        changed, ids = 0, [""]
        while True:
            ids = _people.next_ids(self._single(), self._grammar, choice, states, ids[-1])
            if not ids:
                return changed
            changed += self._in_transaction(partial(_with_jobs, step, ids))

    # -- schedules --------------------------------------------------------------------------------

    def schedules(self) -> Mapping[str, ScheduleRecord]:
        """Return the schedules that are known."""
        rows = self._single().run(self._sql.schedules)
        return {row[0]: ScheduleRecord(*row) for row in rows}

    def set_schedule(self, record: ScheduleRecord, expected: ScheduleRecord | None) -> bool:
        """Replace what is known of a schedule."""
        return _set_schedule(self._single(), record, expected)

    def fire(
        self, record: ScheduleRecord, expected: ScheduleRecord, jobs: Sequence[NewJob]
    ) -> bool:
        """Replace what is known of a schedule, and enqueue jobs."""

        def fire(transaction: Transaction) -> bool:
            if not _set_schedule(transaction, record, expected):
                return False
            deliver(transaction, Delivery(jobs))
            return True

        return self._in_transaction(fire)

    # -- operation --------------------------------------------------------------------------------

    def clock(self) -> float:
        """Return the time by the store's clock."""
        return float(self._single().run(self._sql.clock)[0][0])

    def notify(self) -> None:
        """Call what listens to the store, in all processes."""
        self._in_transaction(Transaction.wake)

    def warnings(self) -> Sequence[str]:
        """Return a warning about dead rows that are not removed."""
        if self.name != "postgresql":
            return ()
        [(living, dead)] = self._single().run(self._sql.rows)
        if dead <= _MANY_DEAD_ROWS or dead <= living:
            return ()
        return [
            f"the table photon_jobs has {dead} dead rows and {living} living ones: autovacuum does "
            "not keep up; look for transactions that stay open, and run VACUUM photon_jobs"
        ]

    def _single(self) -> Transaction:
        return Transaction(self._connections.single, self._sql, self._now)

    def _in_transaction(self, work: Callable[[Transaction], T]) -> T:
        """Call ``work`` in a transaction, and wake the listeners after the commit."""
        used: list[Transaction] = []

        def run(execute: Any) -> T:
            transaction = Transaction(execute, self._sql, self._now)
            used[:] = [transaction]
            return work(transaction)

        result = self._connections.repeated(run)
        self._wake(used[0])
        return result

    def _wake(self, transaction: Transaction) -> None:
        """Wake the listeners that were noted, and remove those that have gone."""
        self._send_wakeups(transaction)
        while self._gone:
            self._single().run(self._sql.remove_listener, address=self._gone.pop())

    def _send_wakeups(self, transaction: Transaction) -> None:
        """Wake the listeners that were noted. Does not wait: a connection is still in use."""
        if transaction.listeners:
            self._gone.update(wake_processes([*transaction.listeners]))


def _with_jobs(
    step: Callable[[Transaction, Sequence[str]], int], ids: Sequence[str], transaction: Transaction
) -> int:
    return step(transaction, ids)


def _take_from(
    transaction: Transaction, remove: str, release: str, worker: str, **parameters: Any
) -> list[tuple[str, str]]:
    """Remove a worker, and take its jobs; return their ids and states."""
    if not transaction.run(remove, worker=worker, **parameters):
        return []
    rows = transaction.run(release, worker=worker)
    if ended := [row[0] for row in rows if row[1] != "queued"]:
        transaction.ids(transaction.sql.free_ended, ended)
    if len(ended) < len(rows):
        transaction.wake()
    return [(row[0], row[1]) for row in rows]


def _set_schedule(
    transaction: Transaction, record: ScheduleRecord, expected: ScheduleRecord | None
) -> bool:
    values = {"name": record.name, "text": record.text, "last": record.last}
    if expected is None:
        return bool(transaction.run(transaction.sql.insert_schedule, **values))
    rows = transaction.run(
        transaction.sql.replace_schedule,
        **values,
        old_text=expected.text,
        old_last=expected.last,
    )
    return bool(rows)


def _dialect_of(engine: Engine) -> Dialect:
    name, driver = engine.dialect.name, engine.dialect.driver
    if name not in _DRIVERS:
        raise StoreRefused(
            f"jobs cannot be kept in {name}: set [tasks] url to a database of SQLite "
            "(sqlite:///jobs.db) or PostgreSQL (postgresql://...), or to a redis:// server"
        )
    if driver != _DRIVERS[name]:
        raise StoreRefused(
            f"jobs in {name} need the driver {_DRIVERS[name]}, and the engine has {driver}: write "
            f"its address as {name}+{_DRIVERS[name]}://"
        )
    version = engine.dialect.loaded_dbapi.sqlite_version_info if name == "sqlite" else _SQLITE
    if version < _SQLITE:
        raise StoreRefused(
            f"jobs in SQLite need version 3.35 or later, and Python has "
            f"{engine.dialect.loaded_dbapi.sqlite_version}: use a newer Python, or PostgreSQL"
        )
    return cast("Dialect", name)
