"""`RedisStore`: jobs in a Redis or Valkey.

Theory of operation. Each call is one script, so it is atomic; see `_scripts`. What changes many
jobs is done in several calls, each with a limited number.

*Wake-ups.* Scripts publish that workers have to look: when a job is queued, and when another job
than before is the next one to become due. A claim publishes only what it has left over.

*What the server loses.* Jobs are as durable as the server is configured, which `open` looks at. A
server that has lost its data does not know its workers: they get nothing, until their next
heartbeat shows it, and they register again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from photon_runtime.errors import PhotonError

from ...errors import StoreRefused, StoreUnavailable, TasksError
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

try:
    from photon_runtime.drivers.redis import (
        AuthenticationError,
        Connections,
        NoPermissionError,
        RedisError,
        ResponseError,
        Script,
        next_message,
    )

    from . import _records as records
    from . import _scripts as scripts
    from ._server_check import check_server
except ImportError as error:
    raise PhotonError(
        "[tasks] url names a Redis, and redis is not installed: pip install 'photon-tasks[redis]'"
    ) from error

_log = logging.getLogger("photon.tasks")

_CONNECTIONS: Final = 8
_STEP: Final = 500
"""Number of jobs that one script changes, or ids that it gets."""
_PASSING: Final = (
    *("ASK", "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "MOVED", "NOREPLICAS"),
    *("OOM", "READONLY", "TRYAGAIN"),
)
"""Errors of a server that it will not have for ever."""


class RedisStore:
    """Jobs in a Redis or Valkey; see `JobStore`.

    Args:
        url: Address of the server, ``redis://`` or ``rediss://``.
        prefix: What its keys begin with: another one for each application that uses the server. It
            has a hash tag, in braces, which keeps the keys together in a cluster.

    Attributes:
        name: ``redis``.

    Raises:
        StoreRefused: The URL or the prefix is invalid.
    """

    name = "redis"

    def __init__(self, url: str, *, prefix: str = "{photon:jobs}") -> None:
        """Note the address; nothing is opened."""
        if not 0 <= prefix.find("{") < prefix.find("}") - 1:
            raise StoreRefused(f"the prefix {prefix!r} of the jobs in Redis has no {{hash tag}}")
        try:
            self._connections = Connections(url, limit=_CONNECTIONS)
        except ValueError as error:
            raise StoreRefused(f"[tasks] url: {error}") from error
        self._prefix = f"{prefix}:"
        self._calls = _ClaimCalls()

    # -- life -------------------------------------------------------------------------------------

    def open(self) -> None:
        """Check the server, and warn in the log about a configuration that may lose jobs."""
        with _translated():
            for warning in check_server(self._connections):
                _log.warning("jobs are in a Redis that may lose them: %s", warning)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._connections.close()

    # -- enqueueing -------------------------------------------------------------------------------

    def joins(self, database: object) -> bool:
        """Return false: no transaction of a database includes a Redis."""
        return False

    def deliver(self, delivery: Delivery, *, connection: Any = None) -> Sequence[Enqueued]:
        """Enqueue jobs, and send events; see `JobStore`."""
        if connection is not None:
            raise TypeError("a Redis is not a part of transactions: connection must be None")
        reply = self._run(scripts.DELIVER, records.encode(records.delivery_array(delivery)))
        return [Enqueued(*each) for each in records.decode(reply)]

    def listen(self, wake: Callable[[], object]) -> None:
        """Call ``wake`` whenever jobs may have become queued; see `JobStore`."""
        with _translated():
            connection = self._connections.connect()
            try:
                connection.send_command("SUBSCRIBE", f"{self._prefix}news")
                while True:
                    if next_message(connection)[0] != b"pong":
                        wake()
            finally:
                connection.disconnect()

    # -- workers ----------------------------------------------------------------------------------

    def register(self, worker: WorkerInfo, lease: float) -> None:
        """Note a worker; see `JobStore`."""
        self._run(scripts.REGISTER, worker.id, records.worker_text(worker), lease)

    def beat(self, worker: str, lease: float) -> Beat:
        """Extend the lease of a worker; see `JobStore`."""
        reply = self._run(scripts.BEAT, worker, lease)
        if reply is None:
            return Beat(is_known=False)
        pairs = zip(reply[::2], reply[1::2], strict=True)
        return Beat(True, [Claim(job.decode(), int(attempt)) for job, attempt in pairs])

    def unregister(self, worker: str) -> None:
        """Remove a worker, and queue its jobs again; see `JobStore`."""
        self._run(scripts.RELEASE, worker, "")
        self._calls.forget(worker)

    def workers(self) -> Sequence[WorkerRecord]:
        """Return all workers."""
        return [
            WorkerRecord(records.worker_info(worker, info), *figures)
            for worker, info, *figures in records.decode(self._run(scripts.WORKERS))
        ]

    def recover(self, worker: str, beats: int) -> Recovered:
        """Take the jobs from a worker; see `JobStore`."""
        reply = self._run(scripts.RELEASE, worker, beats)
        if reply is None:
            return Recovered()
        return Recovered(*([job.decode() for job in jobs] for jobs in reply))

    def claim(self, worker: str, limit: int, queues: Sequence[str] = ()) -> Claims:
        """Claim jobs that are due; see `JobStore`."""
        if limit <= 0:
            return Claims(())
        with self._calls.numbered(worker) as numbers:
            names, calls = records.encode(list(queues)), records.encode(numbers)
            reply = self._run(scripts.CLAIM, worker, limit, names, calls)
        if reply is None:
            self._calls.forget(worker)
        return records.claims(reply)

    def finish(self, worker: str, outcomes: Sequence[AttemptOutcome]) -> Sequence[bool]:
        """Record what has become of attempts; see `JobStore`."""
        arrays = [records.outcome_array(each) for each in outcomes]
        reply = self._run(scripts.FINISH, worker, records.encode(arrays))
        return [bool(each) for each in reply]

    # -- running jobs -----------------------------------------------------------------------------

    def set_progress(self, worker: str, claim: Claim, progress: str) -> bool:
        """Set the progress of a job; see `JobStore`."""
        return bool(self._run(scripts.PROGRESS, worker, claim.job, claim.attempt, progress))

    def steps(self, job: str) -> Mapping[str, str]:
        """Return the recorded steps of a job."""
        reply = self._call("HGETALL", f"{self._prefix}s:{job}")
        pairs = zip(reply[::2], reply[1::2], strict=True)
        return {name.decode(): value.decode() for name, value in pairs}

    def set_step(self, worker: str, claim: Claim, name: str, value: str) -> bool:
        """Record a step of a job; see `JobStore`."""
        return bool(self._run(scripts.SET_STEP, worker, claim.job, claim.attempt, name, value))

    def take_event(self, worker: str, claim: Claim, name: str, step: str) -> str | None:
        """Move the oldest event of that name to the steps; see `JobStore`."""
        reply = self._run(scripts.TAKE_EVENT, worker, claim.job, claim.attempt, name, step)
        return None if reply is None else str(reply, "utf-8")

    # -- people -----------------------------------------------------------------------------------

    def job(self, job: str) -> JobRecord | None:
        """Return a job; ``None`` if it does not exist, or is not kept any more."""
        reply = self._run(scripts.JOB, job)
        return None if reply is None else records.record(records.decode(reply))

    def jobs(
        self, choice: JobFilter, *, limit: int = 100, before: str | None = None
    ) -> Sequence[JobRecord]:
        """Return jobs, the newest first; see `JobStore`."""
        found: list[JobRecord] = []
        for each in _parts(choice):
            position: Any = before or ""
            count = 0
            while position is not False and count < limit:
                size = min(limit - count, _STEP)
                reply = self._run(scripts.JOBS, each, size, position)
                chosen, position = records.decode(reply)
                found += map(records.record, chosen)
                count += len(chosen)
        found.sort(key=lambda job: job.id, reverse=True)
        return found[:limit]

    def depths(self) -> Sequence[QueueDepth]:
        """Return the number of jobs for each queue and state that has any."""
        return [
            QueueDepth(queue, JobState(state), jobs, oldest)
            for queue, state, jobs, oldest in records.decode(self._run(scripts.DEPTHS))
        ]

    def cancel(self, job: str) -> JobRecord | None:
        """Cancel a job; see `JobStore`."""
        reply = self._run(scripts.CANCEL, job)
        return None if reply is None else records.record(records.decode(reply))

    def requeue(self, choice: JobFilter) -> int:
        """Queue jobs anew; see `JobStore`."""
        return self._change(scripts.REQUEUE, choice)

    def purge(self, choice: JobFilter) -> int:
        """Remove jobs that do not run; see `JobStore`."""
        return self._change(scripts.PURGE, choice)

    def tidy(self, keep_dead: float) -> int:
        """Remove what is not kept any more; see `JobStore`."""
        return int(self._run(scripts.TIDY, keep_dead, _STEP))

    def _change(self, script: Script, choice: JobFilter) -> int:
        changed = 0
        for each in _parts(choice):
            position: Any = ""
            while position is not False:
                count, position = records.decode(self._run(script, each, _STEP, position))
                changed += count
        return changed

    # -- schedules --------------------------------------------------------------------------------

    def schedules(self) -> Mapping[str, ScheduleRecord]:
        """Return the schedules that are known, by name."""
        reply = self._call("HGETALL", f"{self._prefix}schedules")
        found = map(records.schedule_record, reply[::2], reply[1::2])
        return {each.name: each for each in found}

    def set_schedule(self, record: ScheduleRecord, expected: ScheduleRecord | None) -> bool:
        """Replace what is known of a schedule; see `JobStore`."""
        return self._set_schedule(record, expected, b"")

    def fire(
        self, record: ScheduleRecord, expected: ScheduleRecord, jobs: Sequence[NewJob]
    ) -> bool:
        """Replace what is known of a schedule, and enqueue jobs; see `JobStore`."""
        delivery = records.encode(records.delivery_array(Delivery(jobs)))
        return self._set_schedule(record, expected, delivery)

    def _set_schedule(
        self, record: ScheduleRecord, expected: ScheduleRecord | None, delivery: bytes
    ) -> bool:
        texts = records.schedule_text(record), records.schedule_text(expected)
        return bool(self._run(scripts.SET_SCHEDULE, record.name, *texts, delivery))

    # -- operation --------------------------------------------------------------------------------

    def notify(self) -> None:
        """Call what listens to the store, in all processes."""
        with _translated():
            self._connections.call([["PUBLISH", f"{self._prefix}news", ""]])

    def warnings(self) -> Sequence[str]:
        """Return warnings about a configuration that may lose jobs."""
        with _translated():
            return [
                f"jobs are in a Redis that may lose them: {warning}"
                for warning in check_server(self._connections)
            ]

    def clock(self) -> float:
        """Return the time by the server's clock, in seconds since the epoch."""
        seconds, microseconds = self._call("TIME")
        return int(seconds) + int(microseconds) / 1e6

    # -- calls ------------------------------------------------------------------------------------

    def _run(self, script: Script, *arguments: Any) -> Any:
        with _translated():
            [reply] = self._connections.run(script, [(1, self._prefix, *arguments)])
            return reply

    def _call(self, *command: Any) -> Any:
        with _translated():
            [reply] = self._connections.call([command])
            if isinstance(reply, ResponseError):
                raise reply
            return reply


class _ClaimCalls:
    """The numbers of claims: which of them were answered, and which were not."""

    def __init__(self) -> None:
        """Begin without any."""
        self._last: dict[str, int] = {}
        self._answered: dict[str, list[int]] = {}
        self._unanswered: dict[str, list[int]] = {}

    @contextmanager
    def numbered(self, worker: str) -> Iterator[tuple[int, list[int], list[int]]]:
        """Yield the number of a call, and earlier ones with and without an answer."""
        number = self._last[worker] = self._last.get(worker, 0) + 1
        answered = self._answered.pop(worker, [])
        unanswered = self._unanswered.pop(worker, [])
        try:
            yield number, answered, unanswered
        except BaseException:
            self._answered.setdefault(worker, []).extend(answered)
            self._unanswered.setdefault(worker, []).extend([*unanswered, number])
            raise
        self._answered.setdefault(worker, []).append(number)

    def forget(self, worker: str) -> None:
        """Forget a worker that has ended."""
        for each in (self._last, self._answered, self._unanswered):
            each.pop(worker, None)


def _parts(choice: JobFilter) -> Iterable[bytes]:
    """Return a choice as scripts read it, with a limited number of ids each."""
    if choice.ids is None:
        yield records.encode(records.choice_array(choice, None))
        return
    ids = sorted(set(choice.ids))
    for start in range(0, len(ids), _STEP):
        part = ids[start : start + _STEP]
        yield records.encode(records.choice_array(choice, part))


@contextmanager
def _translated() -> Iterator[None]:
    """Raise errors of redis-py as what they mean for a store."""
    try:
        yield
    except RedisError as error:
        raise _store_error(error) from error


def _store_error(error: RedisError) -> TasksError:
    text = f"Redis: {str(error) or type(error).__name__}"
    if isinstance(error, (AuthenticationError, NoPermissionError)):
        return StoreRefused(text)
    if type(error) is ResponseError and not str(error).startswith(_PASSING):
        return StoreRefused(text)
    return StoreUnavailable(text)
