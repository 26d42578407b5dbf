"""The statements about jobs, in the words of one database.

Every statement is atomic. ``photon_jobs`` is locked in no particular order by statements that name
their jobs; a deadlock between two of them is repeated by `Connections`. Those that look for jobs
skip what others have locked.
"""

from __future__ import annotations

from typing import Final

from ._grammar import Grammar
from ._schema import DELAYED, ENDED, QUEUED, RUNNING

PROMOTED: Final = 1000
"""Maximum number of jobs that become queued in one step, because they are due."""

_CLAIMED: Final = (
    "id, attempts, task, queue, arguments, priority, max_attempts, claims, "
    "started - due, keep, trace, owner, group_id, follow, unique_until, number, "
    "lost"
)
RECORD: Final = (
    "id, task, queue, state, arguments, priority, attempts, max_attempts, enqueued, due, started, "
    "ended, worker, progress, result, error, event, unique_key, owner, trace, group_id, follow, "
    "cancel"
)
_MINE: Final = f"id = :job AND worker = :worker AND attempts = :attempt AND {RUNNING}"
# A job whose cancellation was requested is not tried again.
_NEXT_STATE: Final = (
    "CASE WHEN cancel = 1 AND r.state IN ('failed', 'waiting', 'queued') THEN 'cancelled' "
    "ELSE r.state END"
)
_ENDING: Final = (
    "photon_jobs.id = r.job AND {unsearched worker} = :worker AND attempts = r.attempt "
    "AND {unsearched photon_jobs.state} = 'running'"
)
_FINISH: Final = f"""
    UPDATE photon_jobs SET
        state = {_NEXT_STATE},
        attempts = attempts - r.gives_back,
        lost = lost * r.gives_back,
        due = CASE WHEN r.state IN ('failed', 'waiting') THEN {{now}} + r.delay ELSE due END,
        ended = CASE WHEN {_NEXT_STATE} IN ('completed', 'dead', 'cancelled', 'parked')
            THEN {{now}} END,
        expires = CASE {_NEXT_STATE} WHEN 'completed' THEN {{now}} + r.keep
            WHEN 'cancelled' THEN {{now}}
                + CASE r.state WHEN 'cancelled' THEN r.keep ELSE photon_jobs.keep END
            WHEN 'dead' THEN {{now}} WHEN 'parked' THEN {{now}} END,
        worker = NULL,
        batch = NULL,
        event = CASE WHEN r.state = 'waiting' THEN r.event END,
        result = r.result,
        error = CASE WHEN r.state = 'completed' THEN NULL ELSE coalesce(r.error, photon_jobs.error)
            END
    FROM {{rows job:text attempt:int state:text delay:real event:text result:text error:text
        keep:real gives_back:int}}
    WHERE {_ENDING}
"""


class Statements:
    """The statements of a store."""

    def __init__(self, grammar: Grammar) -> None:
        """Fill the names in."""
        sql = grammar
        listeners = sql.either(
            postgresql="pg_notify('photon_jobs', '')",
            sqlite="(SELECT group_concat(address, char(10)) FROM photon_job_listeners)",
        )
        self.clock = sql("SELECT {now}")
        self.rows = (
            "SELECT coalesce(sum(n_live_tup), 0)::bigint, coalesce(sum(n_dead_tup), 0)::bigint "
            "FROM pg_stat_user_tables WHERE relid = to_regclass('photon_jobs')"
        )
        self.wake = sql(f"SELECT {listeners}")

        self.add_listener = "INSERT INTO photon_job_listeners VALUES (:address)"
        self.remove_listener = "DELETE FROM photon_job_listeners WHERE address = :address"
        self._enqueueing(sql, listeners)
        self._claiming(sql)
        self._finishing(sql)
        self._running(sql)
        self._workers(sql)
        self._people(sql)
        self._schedules(sql)

    def _enqueueing(self, sql: Grammar, listeners: str) -> None:
        insert = """
            INSERT INTO photon_jobs (id, task, queue, state, priority, max_attempts, enqueued, due,
                keep, unique_key, unique_until, group_id, owner, trace, arguments, follow)
            SELECT id, task, queue,
                CASE WHEN due IS NULL AND delay <= 0 THEN 'queued' ELSE 'scheduled' END,
                priority, max_attempts, {now}, coalesce(due, {now} + delay), keep, {unique},
                "group", owner, trace, arguments, "then"
            FROM {rows id:text task:text queue:text arguments:text priority:int max_attempts:int
                due:real delay:real unique:json keep:real trace:text owner:text group:text
                then:text}
            WHERE true ON CONFLICT (id) DO NOTHING RETURNING id, {listeners}
        """
        unique = sql.either(
            postgresql="\"unique\" ->> 'key', \"unique\" ->> 'until'",
            sqlite="json_extract(\"unique\", '$.key'), json_extract(\"unique\", '$.until')",
        )
        self.insert = sql(insert.replace("{unique}", unique).replace("{listeners}", listeners))
        self.existing = sql("SELECT id FROM photon_jobs WHERE id {in ids}")
        self.insert_keys = sql("""
            INSERT INTO photon_job_keys (key, job, until, expires)
            SELECT key, job, until, CASE WHEN until = 'period' THEN {now} + seconds END
            FROM {rows key:text job:text until:text seconds:real}
            WHERE true ORDER BY key ON CONFLICT (key) DO NOTHING RETURNING key
        """)
        self.holders = sql("""
            SELECT key, job, coalesce(expires <= {now}, false) FROM photon_job_keys
            WHERE key {in ids}
        """)
        self.free_expired = sql(
            "DELETE FROM photon_job_keys WHERE key {in ids} AND expires <= {now}"
        )
        self.free_jobs = sql("DELETE FROM photon_job_keys WHERE job {in ids}")
        self.free_ended = sql(
            "DELETE FROM photon_job_keys WHERE job {in ids} AND until <> 'period'"
        )
        self.free_started = sql(
            "DELETE FROM photon_job_keys WHERE job {in ids} AND until = 'start'"
        )
        self.insert_groups = sql("""
            INSERT INTO photon_job_groups (id, remaining, follow, made)
            SELECT id, size, "then", {now} FROM {rows id:text size:int then:text}
            WHERE true ON CONFLICT (id) DO NOTHING RETURNING id, remaining
        """)
        self.count_down = sql("""
            UPDATE photon_job_groups SET remaining = remaining - :jobs WHERE id = :group
            RETURNING remaining, follow
        """)
        self.remove_group = sql("DELETE FROM photon_job_groups WHERE id = :group")
        self.lock_jobs = sql("""
            SELECT id, state, event FROM photon_jobs WHERE id {in ids} ORDER BY id {for_update}
        """)
        self.insert_events = sql("""
            INSERT INTO photon_job_events (job, name, payload)
            SELECT job, name, payload FROM {rows job:text name:text payload:text}
        """)
        next_number = sql.either(
            postgresql="nextval('photon_jobs_number')",
            sqlite="(SELECT max(number) FROM photon_jobs) + 1",
        )
        self.awake = sql(f"""
            UPDATE photon_jobs SET state = 'queued', due = {{now}}, event = NULL,
                number = {next_number}
            WHERE id = :job AND state = 'waiting' AND event = :event RETURNING id
        """)

    def _claiming(self, sql: Grammar) -> None:
        self.look = sql(f"""
            WITH RECURSIVE names(queue) AS (
                SELECT min(queue) FROM photon_jobs WHERE {QUEUED}
                UNION ALL
                SELECT (SELECT min(queue) FROM photon_jobs j
                    WHERE {QUEUED} AND j.queue > names.queue)
                FROM names WHERE names.queue IS NOT NULL
            )
            SELECT queue, (SELECT min(due) FROM photon_jobs WHERE {DELAYED}) - {{now}} FROM names
        """)
        self.promote = sql.either(
            postgresql=f"""
                UPDATE photon_jobs SET state = 'queued', number = r.number, event = NULL
                FROM (
                    SELECT id, nextval('photon_jobs_number') AS number FROM (
                        SELECT id FROM photon_jobs WHERE {DELAYED} AND due <= {{now}}
                        ORDER BY due, number LIMIT {PROMOTED} {{skip_locked}}
                    ) AS ordered
                ) AS r
                WHERE photon_jobs.id = r.id RETURNING photon_jobs.id
            """,
            sqlite=f"""
                UPDATE photon_jobs SET state = 'queued', event = NULL, number = r.later
                FROM (
                    SELECT number AS earlier, (SELECT max(number) FROM photon_jobs)
                        + row_number() OVER (ORDER BY due, number) AS later
                    FROM photon_jobs WHERE {DELAYED} AND due <= {{now}}
                    ORDER BY due, number LIMIT {PROMOTED}
                ) AS r
                WHERE photon_jobs.number = r.earlier RETURNING id
            """,
        )
        claim = """
            UPDATE photon_jobs SET state = 'running', worker = :worker, attempts = attempts + 1,
                claims = claims + 1, started = {now}, batch = :batch, progress = NULL
        """
        self.claim = sql.either(
            postgresql=f"""
                WITH known AS MATERIALIZED (
                    SELECT id FROM photon_job_workers WHERE id = :worker AND refused < :batch
                    FOR KEY SHARE
                ), chosen AS MATERIALIZED (
                    SELECT j.id FROM known CROSS JOIN LATERAL (
                        SELECT id FROM photon_jobs WHERE {QUEUED} AND queue = :queue
                        ORDER BY priority DESC, number LIMIT :limit FOR UPDATE SKIP LOCKED
                    ) AS j
                )
                {claim} WHERE id IN (SELECT id FROM chosen) RETURNING {_CLAIMED}
            """,
            sqlite=f"""
                {claim} WHERE number IN (
                    SELECT number FROM photon_jobs WHERE {QUEUED} AND queue = :queue
                    ORDER BY priority DESC, number LIMIT :limit
                ) AND EXISTS (
                    SELECT 1 FROM photon_job_workers WHERE id = :worker AND refused < :batch
                )
                RETURNING {_CLAIMED}
            """,
        )
        self.lock_worker = sql("SELECT id FROM photon_job_workers WHERE id = :worker {for_update}")
        self.refuse_batch = sql(
            "UPDATE photon_job_workers SET refused = :batch WHERE id = :worker AND refused < :batch"
        )
        self.give_back = sql(f"""
            UPDATE photon_jobs SET state = 'queued', worker = NULL, attempts = attempts - 1,
                claims = claims - 1, batch = NULL
            WHERE worker = :worker AND batch = :batch AND {RUNNING} RETURNING id
        """)

    def _finishing(self, sql: Grammar) -> None:
        # What `finish` comes to for most outcomes: each member of the rows and each condition
        # costs time for each job.
        self.complete = sql(f"""
            UPDATE photon_jobs SET state = 'completed', lost = 0, ended = {{now}},
                expires = {{now}} + r.keep, worker = NULL, batch = NULL, event = NULL,
                result = r.result, error = NULL
            FROM {{rows job:text attempt:int result:text keep:real}}
            WHERE {_ENDING} AND unique_until IS NULL AND group_id IS NULL RETURNING photon_jobs.id
        """)
        self.finish = sql(
            f"{_FINISH} RETURNING photon_jobs.id, photon_jobs.state, unique_until, group_id"
        )
        self.expected_events = sql("""
            SELECT j.id, j.event FROM photon_jobs j WHERE j.id {in ids} AND j.state = 'waiting'
            AND EXISTS (
                SELECT 1 FROM photon_job_events e WHERE e.job = j.id AND e.name = j.event
            )
        """)

    def _running(self, sql: Grammar) -> None:
        self.set_progress = sql(
            f"UPDATE photon_jobs SET progress = :progress WHERE {_MINE} RETURNING id"
        )
        self.steps = sql("SELECT name, value FROM photon_job_steps WHERE job = :job")
        self.set_step = sql.either(
            postgresql=f"""
                WITH mine AS MATERIALIZED (
                    SELECT id FROM photon_jobs WHERE {_MINE} FOR SHARE
                )
                INSERT INTO photon_job_steps (job, name, value)
                SELECT id, :name, :value FROM mine
                ON CONFLICT (job, name) DO UPDATE SET value = excluded.value RETURNING job
            """,
            sqlite=f"""
                INSERT INTO photon_job_steps (job, name, value)
                SELECT id, :name, :value FROM photon_jobs WHERE {_MINE}
                ON CONFLICT (job, name) DO UPDATE SET value = excluded.value RETURNING job
            """,
        )
        self.mine = sql(f"SELECT id FROM photon_jobs WHERE {_MINE} {{for_update}}")
        self.take_event = sql("""
            DELETE FROM photon_job_events WHERE number = (
                SELECT min(number) FROM photon_job_events WHERE job = :job AND name = :name
            ) RETURNING payload
        """)

    def _workers(self, sql: Grammar) -> None:
        self.register = sql("""
            INSERT INTO photon_job_workers
                (id, host, pid, queues, concurrency, beats, expires, started)
            VALUES (:id, :host, :pid, :queues, :concurrency, 0, {now} + :lease, {now})
            ON CONFLICT (id) DO UPDATE SET expires = excluded.expires RETURNING id
        """)
        self.beat = sql("""
            UPDATE photon_job_workers SET beats = beats + 1, expires = {now} + :lease
            WHERE id = :worker RETURNING id
        """)
        self.cancelled = sql(
            f"SELECT id, attempts FROM photon_jobs WHERE {RUNNING} AND worker = :worker "
            "AND cancel = 1"
        )
        self.workers = sql(f"""
            SELECT id, host, pid, queues, concurrency, beats, expires - {{now}}, started,
                (SELECT count(*) FROM photon_jobs WHERE {RUNNING} AND worker = w.id)
            FROM photon_job_workers AS w ORDER BY started, id
        """)
        self.remove_worker = sql("DELETE FROM photon_job_workers WHERE id = :worker RETURNING id")
        self.remove_silent_worker = sql(
            "DELETE FROM photon_job_workers WHERE id = :worker AND beats = :beats RETURNING id"
        )
        self.release = sql(f"""
            UPDATE photon_jobs SET
                state = CASE WHEN cancel = 1 THEN 'cancelled' ELSE 'queued' END,
                ended = CASE WHEN cancel = 1 THEN {{now}} END,
                expires = CASE WHEN cancel = 1 THEN {{now}} + keep END,
                worker = NULL, batch = NULL, attempts = attempts - 1
            WHERE {RUNNING} AND worker = :worker RETURNING id, state, attempts
        """)
        dead = "cancel = 0 AND attempts >= max_attempts"
        self.recover = sql(f"""
            UPDATE photon_jobs SET
                state = CASE WHEN cancel = 1 THEN 'cancelled' WHEN {dead} THEN 'dead'
                    ELSE 'queued' END,
                ended = CASE WHEN cancel = 1 OR {dead} THEN {{now}} END,
                expires = CASE WHEN cancel = 1 THEN {{now}} + keep WHEN {dead} THEN {{now}} END,
                error = CASE WHEN cancel = 0 THEN 'the worker ' || worker || ' has ended during '
                    || 'attempt ' || attempts || ' of ' || max_attempts ELSE error END,
                worker = NULL, batch = NULL, lost = lost + 1
            WHERE {RUNNING} AND worker = :worker RETURNING id, state, attempts
        """)

    def _people(self, sql: Grammar) -> None:
        self.job = sql(f"SELECT {RECORD} FROM photon_jobs WHERE id = :job")
        self.depths = sql(f"""
            SELECT queue, 'queued', count(*), {{now}} - min(due) FROM photon_jobs WHERE {QUEUED}
            GROUP BY queue
            UNION ALL
            SELECT queue, state, count(*), {{now}} - min(enqueued) FROM photon_jobs WHERE {DELAYED}
            GROUP BY queue, state
            UNION ALL
            SELECT queue, 'running', count(*), {{now}} - min(enqueued) FROM photon_jobs
            WHERE {RUNNING} GROUP BY queue
            UNION ALL
            SELECT queue, state, count(*), {{now}} - min(enqueued) FROM photon_jobs WHERE {ENDED}
            GROUP BY state, queue
        """)
        self.cancel = sql(f"""
            UPDATE photon_jobs SET
                cancel = CASE WHEN {RUNNING} THEN 1 ELSE cancel END,
                state = CASE WHEN {RUNNING} THEN state ELSE 'cancelled' END,
                ended = CASE WHEN {RUNNING} THEN ended ELSE {{now}} END,
                expires = CASE WHEN {RUNNING} THEN expires ELSE {{now}} + keep END,
                event = CASE WHEN {RUNNING} THEN event END
            WHERE id = :job AND state NOT IN ('completed', 'dead', 'cancelled')
            RETURNING {RECORD}
        """)
        self.lock_states = sql("""
            SELECT id, unique_key, unique_until FROM photon_jobs
            WHERE id {in ids} AND state {in states} ORDER BY id {skip_locked}
        """)
        anew = """
            state = 'queued', due = {now}, attempts = 0, lost = 0, cancel = 0, ended = NULL,
            expires = NULL, event = NULL, error = NULL, result = NULL, progress = NULL
        """
        self.requeue = sql.either(
            postgresql=f"""
                UPDATE photon_jobs SET {anew}, number = r.later FROM (
                    SELECT id, nextval('photon_jobs_number') AS later FROM (
                        SELECT id FROM photon_jobs WHERE id {{in ids}} ORDER BY id
                    ) AS ordered
                ) AS r
                WHERE photon_jobs.id = r.id RETURNING photon_jobs.id
            """,
            sqlite=f"""
                UPDATE photon_jobs SET {anew}, number = r.later FROM (
                    SELECT number AS earlier, (SELECT max(number) FROM photon_jobs)
                        + row_number() OVER (ORDER BY id) AS later
                    FROM photon_jobs WHERE id {{in ids}}
                ) AS r
                WHERE photon_jobs.number = r.earlier RETURNING id
            """,
        )
        self.remove_jobs = sql("DELETE FROM photon_jobs WHERE id {in ids}")
        self.remove_steps = sql("DELETE FROM photon_job_steps WHERE job {in ids}")
        self.remove_events = sql("DELETE FROM photon_job_events WHERE job {in ids}")
        self.queues_of_ended = sql(f"""
            WITH RECURSIVE names(queue) AS (
                SELECT min(queue) FROM photon_jobs WHERE {ENDED} AND state = :state
                UNION ALL
                SELECT (SELECT min(queue) FROM photon_jobs j
                    WHERE {ENDED} AND state = :state AND j.queue > names.queue)
                FROM names WHERE names.queue IS NOT NULL
            )
            SELECT queue FROM names WHERE queue IS NOT NULL
        """)
        self.kept_too_long = sql(f"""
            SELECT id FROM photon_jobs
            WHERE {ENDED} AND state = :state AND queue = :queue AND expires <= {{now}} - :keep
            ORDER BY expires LIMIT :limit {{skip_locked}}
        """)
        self.expired_keys = sql("DELETE FROM photon_job_keys WHERE expires <= {now}")
        self.abandoned_groups = sql("""
            DELETE FROM photon_job_groups WHERE made <= {now} - :keep AND NOT EXISTS (
                SELECT 1 FROM photon_jobs WHERE group_id = photon_job_groups.id
            )
        """)

    def _schedules(self, sql: Grammar) -> None:
        self.schedules = sql("SELECT name, text, last FROM photon_job_schedules ORDER BY name")
        self.insert_schedule = sql("""
            INSERT INTO photon_job_schedules (name, text, last) VALUES (:name, :text, :last)
            ON CONFLICT (name) DO NOTHING RETURNING name
        """)
        self.replace_schedule = sql("""
            UPDATE photon_job_schedules SET text = :text, last = :last
            WHERE name = :name AND text = :old_text AND last = :old_last RETURNING name
        """)
