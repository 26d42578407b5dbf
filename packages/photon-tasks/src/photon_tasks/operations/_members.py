"""Jobs as members of JSON for programs, and as lines for people."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from ..records import JobRecord, JobState, QueueDepth, WorkerRecord

_JSON = ("arguments", "progress", "result")
_TIMES = ("enqueued", "due", "started", "ended")


def job_members(job: JobRecord) -> dict[str, Any]:
    """Return all that is known of a job, as members of JSON."""
    members = attrs.asdict(job)
    for name in _JSON:
        members[name] = _value(members[name])
    for name in _TIMES:
        members[name] = _time(members[name])
    return members


def job_row(job: JobRecord) -> tuple[str, ...]:
    """Return a job as cells of a list: id, state, attempts, queue, task, time, error."""
    time = job.ended or job.started or job.due or job.enqueued
    return (
        job.id,
        job.state.value,
        f"{job.attempts}/{job.max_attempts}",
        job.queue,
        job.task,
        _time(time) or "",
        _reason(job),
    )


def job_lines(job: JobRecord) -> Iterator[str]:
    """Yield what is known of a job, for people."""
    members = job_members(job)
    error = members.pop("error")
    is_cancelled = members.pop("is_cancelled")
    shown = {name: value for name, value in members.items() if value not in (None, "", {})}
    width = max(map(len, shown))
    for name, value in shown.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield f"{name:{width}}  {text}"
    if is_cancelled and job.state is JobState.RUNNING:
        yield "its cancellation is requested"
    if error:
        yield ""
        yield error.rstrip()


def depth_members(depth: QueueDepth) -> dict[str, Any]:
    """Return the jobs of a queue in a state as members of JSON."""
    return attrs.asdict(depth)


def worker_members(worker: WorkerRecord) -> dict[str, Any]:
    """Return a worker as members of JSON."""
    return {
        **attrs.asdict(worker.info),
        "queues": [*worker.info.queues],
        "running": worker.running,
        "started": _time(worker.started),
        "lease_left": round(worker.lease_left, 3),
    }


def stats_lines(depths: Sequence[QueueDepth], workers: Sequence[WorkerRecord]) -> Iterator[str]:
    """Yield the queues and the workers, for people."""
    if not depths:
        yield "no jobs"
    width = max((len(each.queue) for each in depths), default=0)
    order = [*JobState]
    for each in sorted(depths, key=lambda each: (each.queue, order.index(each.state))):
        yield f"{each.queue:{width}}  {each.state:9}  {each.jobs:7}  oldest {_age(each.oldest)}"
    if not workers:
        yield "no workers"
    for worker in workers:
        info = worker.info
        health = "" if worker.lease_left > 0 else ", its lease is over"
        yield (
            f"worker {info.id[:8]} on {info.host}, pid {info.pid}: {worker.running} of "
            f"{info.concurrency} jobs, queues {', '.join(info.queues) or 'all'}{health}"
        )


def _reason(job: JobRecord) -> str:
    """Return the last line of an error, which names it."""
    lines = (job.error or "").strip().splitlines()
    return lines[-1].strip()[:100] if lines else ""


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(seconds, 0.0):.1f} s"
