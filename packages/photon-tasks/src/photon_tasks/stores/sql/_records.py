"""Rows of the tables as values."""

from __future__ import annotations

from typing import Any

import msgspec

from ...records import JobRecord, JobState, WorkerInfo, WorkerRecord


def job_record(row: Any) -> JobRecord:
    """Return a job; the columns are `_statements.RECORD`."""
    return JobRecord(
        id=row[0],
        task=row[1],
        queue=row[2],
        state=JobState(row[3]),
        arguments=row[4],
        priority=row[5],
        attempts=row[6],
        max_attempts=row[7],
        enqueued=row[8],
        due=row[9],
        started=row[10],
        ended=row[11],
        worker=row[12],
        progress=row[13],
        result=row[14],
        error=row[15],
        event=row[16],
        unique=row[17],
        owner=row[18],
        trace=row[19],
        group=row[20],
        then=row[21],
        is_cancelled=bool(row[22]),
    )


def worker_record(row: Any) -> WorkerRecord:
    """Return a worker; the columns are those of `Statements.workers`."""
    info = WorkerInfo(
        id=row[0],
        host=row[1],
        pid=row[2],
        queues=msgspec.json.decode(row[3], type=tuple[str, ...]),
        concurrency=row[4],
    )
    return WorkerRecord(info, row[5], row[6], row[7], row[8])
