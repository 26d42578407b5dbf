"""Jobs as the scripts read and return them: arrays in MessagePack, with false for `None`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ...records import (
    AttemptOutcome,
    Claim,
    ClaimedJob,
    Claims,
    Delivery,
    JobFilter,
    JobRecord,
    JobState,
    NewJob,
    ScheduleRecord,
    WorkerInfo,
)
from .._job_text import decode_jobs, storable

encode = msgspec.msgpack.encode
decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder().decode


def job_array(job: NewJob) -> list[Any]:
    """Return a new job as ``enqueue`` of the scripts reads it."""
    unique = job.unique
    key = (unique.key, unique.until, float(unique.seconds)) if unique else (False, "", 0)
    return [
        *(job.id, job.task, job.queue, job.arguments, job.priority, job.max_attempts),
        *(_or_false(job.due), job.delay, job.keep),
        *key,
        *(job.trace, job.owner, _or_false(job.group), _or_false(job.then)),
    ]


def delivery_array(delivery: Delivery) -> tuple[list[Any], list[Any], list[Any]]:
    """Return a delivery as ``deliver`` of the scripts reads it."""
    groups = [
        (each.id, each.size, [job_array(job) for job in decode_jobs(each.then or "[]")])
        for each in delivery.groups
    ]
    jobs = [job_array(each) for each in delivery.jobs]
    return groups, jobs, [(each.job, each.name, each.payload) for each in delivery.events]


def outcome_array(outcome: AttemptOutcome) -> tuple[Any, ...]:
    """Return an outcome as the script ``finish`` reads it."""
    delivery = outcome.delivery
    return (
        outcome.claim.job,
        outcome.claim.attempt,
        outcome.state,
        _or_false(outcome.delay),
        _or_false(outcome.event),
        _or_false(outcome.result),
        _or_false(storable(outcome.error)),
        outcome.keep,
        outcome.gives_back,
        delivery_array(delivery) if delivery else False,
    )


def choice_array(choice: JobFilter, ids: Sequence[str] | None) -> list[Any]:
    """Return a choice, with some of its ids, as ``choose`` of the scripts reads it."""
    names = [list(choice.states), list(choice.tasks), list(choice.queues)]
    return [False if ids is None else list(ids), *names, choice.min_age]


def claims(reply: Any) -> Claims:
    """Return what the script ``claim`` has returned."""
    if reply is None:
        return Claims(())
    jobs, next_due = decode(reply)
    return Claims(tuple(map(_claimed, jobs)), None if next_due is False else next_due)


def _claimed(values: Sequence[Any]) -> ClaimedJob:
    """Return a job of the script ``claim``, which has the order."""
    attempts, claims, task, arguments, priority, max_attempts, waited, keep = values[:8]
    trace, owner, group, then, job, queue, lost = values[8:]
    return ClaimedJob(
        claim=Claim(job, attempts),
        task=task,
        queue=queue,
        arguments=arguments,
        priority=priority,
        max_attempts=max_attempts,
        claims=claims,
        lost=lost,
        waited=waited,
        keep=keep,
        trace=trace or "",
        owner=owner or "",
        group=group or None,
        then=then or None,
    )


def record(values: Sequence[Any]) -> JobRecord:
    """Return a record of the scripts; ``RECORD`` of the scripts has the order."""
    (job, task, queue, state, arguments, priority, attempts, max_attempts) = values[:8]
    (enqueued, due, started, ended, worker, progress, result, error) = values[8:16]
    (event, unique, owner, trace, group, then, is_cancelled) = values[16:]
    return JobRecord(
        id=job,
        task=task,
        queue=queue,
        state=JobState(state),
        arguments=arguments,
        priority=int(priority),
        attempts=int(attempts),
        max_attempts=int(max_attempts),
        enqueued=float(enqueued),
        due=_time(due),
        started=_time(started),
        ended=_time(ended),
        worker=worker or None,
        progress=_or_none(progress),
        result=_or_none(result),
        error=_or_none(error),
        event=_or_none(event),
        unique=_or_none(unique),
        owner=owner or "",
        trace=trace or "",
        group=group or None,
        then=then or None,
        is_cancelled=bool(is_cancelled),
    )


def worker_text(info: WorkerInfo) -> bytes:
    """Return what a worker introduces itself with."""
    return msgspec.json.encode((info.host, info.pid, list(info.queues), info.concurrency))


def worker_info(worker: str, text: str) -> WorkerInfo:
    """Read what `worker_text` has written."""
    host, pid, queues, concurrency = msgspec.json.decode(text)
    return WorkerInfo(id=worker, host=host, pid=pid, queues=tuple(queues), concurrency=concurrency)


def schedule_text(schedule: ScheduleRecord | None) -> bytes:
    """Return what is stored of a schedule, always the same for equal ones; empty for ``None``."""
    return b"" if schedule is None else encode((schedule.text, float(schedule.last)))


def schedule_record(name: bytes, text: bytes) -> ScheduleRecord:
    """Read what `schedule_text` has written."""
    return ScheduleRecord(name.decode(), *decode(text))


def _or_false(value: Any) -> Any:
    return False if value is None else value


def _or_none(value: Any) -> Any:
    return None if value is False else value


def _time(value: Any) -> float | None:
    return None if value is False else float(value)
