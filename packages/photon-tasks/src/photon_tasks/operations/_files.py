"""Jobs written to a file, and enqueued again from it.

The file has one JSON object for each line, so a million jobs need little memory, and tools for
lines can choose among them.
"""

from __future__ import annotations

import datetime
import itertools
import json
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, TextIO

from ..current import Tasks
from ..errors import TasksError
from ..records import Delivery, JobFilter, JobRecord, JobState, NewJob, UniqueKey
from ..stores import JobStore
from ._members import job_members
from ._selection import selected

_BATCH = 200


def write_jobs(jobs: Iterable[JobRecord], file: TextIO) -> int:
    """Write jobs, one for each line; return how many. Blocks: the calling task."""
    count = 0
    for each in jobs:
        file.write(json.dumps(job_members(each), ensure_ascii=False, separators=(",", ":")) + "\n")
        count += 1
    return count


def purge_all(store: JobStore, choice: JobFilter, dump: Path | None) -> int:
    """Remove the jobs that match, and return how many.

    Args:
        store: The store.
        choice: Which jobs.
        dump: File that they are written to before; then only those are removed.

    Raises:
        OSError: The file cannot be written; nothing was removed.

    Blocks: the calling task.
    """
    if dump is None:
        return store.purge(choice)
    written: list[str] = []
    with dump.open("w", encoding="utf-8") as file:
        for each in selected(store, choice):
            if each.state is not JobState.RUNNING:
                write_jobs([each], file)
                written.append(each.id)
        file.flush()
        os.fsync(file.fileno())
    removed = 0
    for start in range(0, len(written), _BATCH):
        ids = written[start : start + _BATCH]
        removed += store.purge(JobFilter(ids=ids, states=choice.states))
    return removed


def import_jobs(tasks: Tasks, path: Path, states: Collection[JobState]) -> tuple[int, int]:
    """Enqueue jobs of a file of `write_jobs` that were in one of these states.

    They keep their ids, so an import may be repeated: a job that exists stays as it is. Their
    attempts begin anew. They belong to no group any more.

    Returns:
        The number of jobs that were enqueued, and of those that exist.

    Raises:
        TasksError: A line is not a job.
        OSError: The file cannot be read.

    Blocks: the calling task.
    """
    enqueued = existing = 0
    with path.open(encoding="utf-8") as file:
        jobs = (
            job
            for number, line in enumerate(file, 1)
            if (job := _job(tasks, line, states, f"{path}:{number}")) is not None
        )
        while batch := list(itertools.islice(jobs, _BATCH)):
            outcomes = tasks.deliver(Delivery(batch))
            new = sum(each.is_new for each in outcomes)
            enqueued += new
            existing += len(outcomes) - new
    return enqueued, existing


def _job(tasks: Tasks, line: str, states: Collection[JobState], place: str) -> NewJob | None:
    if not line.strip():
        return None
    try:
        members: dict[str, Any] = json.loads(line)
        state = JobState(members["state"])
        if state not in states:
            return None
        unique = members["unique"]
        return NewJob(
            id=members["id"],
            task=members["task"],
            queue=members["queue"],
            arguments=json.dumps(members["arguments"], ensure_ascii=False, separators=(",", ":")),
            priority=members["priority"],
            max_attempts=members["max_attempts"],
            due=_time(members["due"]) if state is JobState.SCHEDULED else None,
            unique=UniqueKey(unique) if unique else None,
            keep=tasks.settings.keep_completed,
            trace=members["trace"],
            owner=members["owner"],
            then=members["then"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise TasksError(f"{place}: this line is not a job: {error!r}") from error


def _time(text: str | None) -> float | None:
    return None if text is None else datetime.datetime.fromisoformat(text).timestamp()
