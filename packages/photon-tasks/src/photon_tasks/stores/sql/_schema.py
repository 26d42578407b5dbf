"""The tables, and `make_tables`.

Theory of operation. The store makes its tables itself, under a lock, because processes start at the
same time; the fact ``version`` is the number of the last step that was made. A later version of
Photon adds steps, and never changes one. Migrations of the application do not see tables whose
names begin with ``photon_``.

``number`` is the order within a queue and a priority. A job has the greatest one when it is
enqueued, and a new one when it becomes due, so the order needs no clock. In SQLite it is the key of
the table, which costs nothing; in PostgreSQL it comes from a sequence. A job that is given back
keeps its number, and so is ahead of those behind it.

The indexes are partial, one for each thing that is searched for: jobs to claim, jobs that become
due, jobs that run, and jobs that have ended. A row is in at most one of them, and in none of those
that the hot statements read once it has ended. They hold what `JobStore.depths` counts, which so
reads no rows.

In PostgreSQL every change of a state makes another version of a row. The pages keep space for them,
and they are vacuumed after a share of the rows that suits a queue.
"""

from __future__ import annotations

from typing import Any, Final

from ...errors import StoreRefused
from ._connections import Connections, Execute
from ._grammar import Grammar

_LOCK: Final = 0x70686F746F6E4A  # "photonJ"

QUEUED: Final = "state = 'queued'"
DELAYED: Final = "state IN ('scheduled', 'failed', 'waiting')"
RUNNING: Final = "state = 'running'"
ENDED: Final = "state IN ('completed', 'dead', 'cancelled', 'parked')"

_TABLES: Final = (
    """
    CREATE TABLE photon_jobs (
        number {number},
        id {text} NOT NULL UNIQUE,
        task {text} NOT NULL,
        queue {text} NOT NULL,
        state {text} NOT NULL,
        priority {int} NOT NULL,
        attempts {int} NOT NULL DEFAULT 0,
        max_attempts {int} NOT NULL,
        claims {int} NOT NULL DEFAULT 0,
        lost {int} NOT NULL DEFAULT 0,
        enqueued {real} NOT NULL,
        due {real},
        started {real},
        ended {real},
        expires {real},
        keep {real} NOT NULL,
        worker {text},
        batch {int},
        cancel {int} NOT NULL DEFAULT 0,
        event {text},
        unique_key {text},
        unique_until {text},
        group_id {text},
        owner {text} NOT NULL,
        trace {text} NOT NULL,
        arguments {text} NOT NULL,
        follow {text},
        progress {text},
        result {text},
        error {text}
    )
    """,
    "CREATE INDEX photon_jobs_queued ON photon_jobs (queue, priority DESC, number, due{covering}) "
    f"WHERE {QUEUED}",
    f"CREATE INDEX photon_jobs_delayed ON photon_jobs (due, queue, state, enqueued) "
    f"WHERE {DELAYED}",
    f"CREATE INDEX photon_jobs_running ON photon_jobs (worker, queue, enqueued{{covering}}) "
    f"WHERE {RUNNING}",
    f"CREATE INDEX photon_jobs_ended ON photon_jobs (state, queue, expires, enqueued) "
    f"WHERE {ENDED}",
    "CREATE INDEX photon_jobs_group ON photon_jobs (group_id) WHERE group_id IS NOT NULL",
    """
    CREATE TABLE photon_job_keys (
        key {text} PRIMARY KEY, job {text} NOT NULL, until {text} NOT NULL, expires {real}
    )
    """,
    "CREATE INDEX photon_job_keys_job ON photon_job_keys (job)",
    "CREATE INDEX photon_job_keys_expires ON photon_job_keys (expires) WHERE expires IS NOT NULL",
    """
    CREATE TABLE photon_job_steps (
        job {text} NOT NULL, name {text} NOT NULL, value {text} NOT NULL, PRIMARY KEY (job, name)
    )
    """,
    """
    CREATE TABLE photon_job_events (
        number {counter}, job {text} NOT NULL, name {text} NOT NULL, payload {text} NOT NULL
    )
    """,
    "CREATE INDEX photon_job_events_job ON photon_job_events (job, name, number)",
    """
    CREATE TABLE photon_job_groups (
        id {text} PRIMARY KEY, remaining {int} NOT NULL, follow {text}, made {real} NOT NULL
    )
    """,
    """
    CREATE TABLE photon_job_workers (
        id {text} PRIMARY KEY, host {text} NOT NULL, pid {int} NOT NULL, queues {text} NOT NULL,
        concurrency {int} NOT NULL, beats {int} NOT NULL, expires {real} NOT NULL,
        started {real} NOT NULL, refused {int} NOT NULL DEFAULT 0
    )
    """,
    """
    CREATE TABLE photon_job_schedules (
        name {text} PRIMARY KEY, text {text} NOT NULL, last {real} NOT NULL
    )
    """,
)
_LISTENERS: Final = "CREATE TABLE photon_job_listeners (address TEXT PRIMARY KEY)"
_SEQUENCE: Final = "CREATE SEQUENCE photon_jobs_number"
_STORAGE: Final = (
    "ALTER SEQUENCE photon_jobs_number OWNED BY photon_jobs.number",
    "ALTER TABLE photon_jobs SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, "
    "autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0, "
    "autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 1000)",
    "ALTER TABLE photon_job_workers SET (fillfactor = 50, autovacuum_vacuum_threshold = 50, "
    "autovacuum_vacuum_scale_factor = 0)",
    "ALTER TABLE photon_job_groups SET (fillfactor = 70)",
)
_MAKE_FACTS: Final = (
    "CREATE TABLE IF NOT EXISTS photon_job_facts (name {text} PRIMARY KEY, value {text} NOT NULL)"
)


def _steps(dialect: str) -> list[tuple[str, ...]]:
    """Return the statements that lead from each version to the next one."""
    if dialect == "postgresql":
        return [(_SEQUENCE, *_TABLES, *_STORAGE)]
    return [(*_TABLES, _LISTENERS)]


def make_tables(connections: Connections, grammar: Grammar) -> None:
    """Make the tables that do not exist yet.

    Raises:
        StoreRefused: A later version of Photon has made them.

    Blocks: the calling task.
    """
    steps = _steps(grammar.dialect)
    if _is_made(connections, grammar) and _version(connections.single) == len(steps):
        return
    with connections.transaction() as execute:
        if grammar.dialect == "postgresql":
            execute(f"SELECT pg_advisory_xact_lock({_LOCK})", {})
        execute(grammar(_MAKE_FACTS), {})
        version = _version(execute)
        if version > len(steps):
            raise StoreRefused(
                f"the tables of jobs are of version {version}, and this process knows only "
                f"{len(steps)}: a later version of Photon has made them; install that version"
            )
        for step in steps[version:]:
            for statement in step:
                execute(grammar(statement), {})
        set_version = grammar(
            "INSERT INTO photon_job_facts VALUES ('version', :version) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        )
        execute(set_version, {"version": str(len(steps))})


def _is_made(connections: Connections, grammar: Grammar) -> bool:
    question = grammar.either(
        postgresql="SELECT to_regclass('photon_job_facts') IS NOT NULL",
        sqlite="SELECT count(*) FROM sqlite_master WHERE name = 'photon_job_facts'",
    )
    [row] = connections.single(question, {})
    return bool(row[0])


def _version(execute: Execute) -> int:
    rows: list[Any] = execute("SELECT value FROM photon_job_facts WHERE name = 'version'", {})
    return int(rows[0][0]) if rows else 0
