"""A job run again in this process, to find out why it fails.

Theory of operation. The function is called as a worker calls it: with its arguments, its provided
values and the middleware, in the process that asks. The record of the job does not change. Steps
that the job has recorded are not repeated; new steps, checkpoints and progress stay in memory. What
the function does elsewhere, it does: it writes to databases, sends, and enqueues.

A function that runs in a process or in a thread runs here as well, where the debugger is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import attrs

from ..calls import call_task
from ..errors import JobNotFound, TasksError
from ..job import Job, Parked, job_variable
from ..records import Claim, ClaimedJob, JobRecord

if TYPE_CHECKING:
    from ..current import Tasks
    from ..stores import JobStore
    from ..task import Task


@attrs.frozen
class Replay:
    """What has become of a replay.

    Attributes:
        result: The result, as JSON.
        error: What the function has raised.
        waits: What the job would wait for; empty if it has ended.
    """

    result: str | None = None
    error: BaseException | None = None
    waits: str = ""


def replay(tasks: Tasks, id: str) -> Replay:
    """Run a job here and now.

    Raises:
        JobNotFound: The job does not exist.
        TasksError: Its task is not known here, or its arguments do not fit.

    Blocks: the calling task, as the function does.
    """
    record = tasks.store.job(id)
    if record is None:
        raise JobNotFound(f"the job {id} does not exist, or is not kept any more")
    task = tasks.registry.get(record.task)
    if task is None:
        raise TasksError(f"the task {record.task!r} is not defined in this application")
    arguments = task.signature.decode(record.arguments)
    store, tasks.store = tasks.store, _InMemory(tasks.store)
    job = Job(_claimed(record), "replay", tasks)
    token = job_variable.set(job)
    try:
        result = call_task(tasks, _in_this_process(task), job, arguments)
        return Replay(task.signature.encode_result(result, limit=tasks.settings.max_result))
    except Parked as parked:
        event = f"the event {parked.event!r}" if parked.event else ""
        delay = f"{parked.delay:g} s" if parked.delay is not None else ""
        return Replay(waits=" or ".join(filter(None, (event, delay))))
    except Exception as error:
        return Replay(error=error)
    finally:
        job_variable.reset(token)
        tasks.store = store


def _in_this_process(task: Task[..., Any]) -> Task[..., Any]:
    here = task.with_options()
    here.options = attrs.evolve(task.options, on="loop")
    return here


def _claimed(record: JobRecord) -> ClaimedJob:
    return ClaimedJob(
        claim=Claim(record.id, max(1, record.attempts)),
        task=record.task,
        queue=record.queue,
        arguments=record.arguments,
        priority=record.priority,
        max_attempts=record.max_attempts,
        claims=2,  # it may have recorded steps
        trace=record.trace,
        owner=record.owner,
        group=record.group,
        then=record.then,
    )


@final
class _InMemory:
    """A store whose jobs cannot be changed by the job that runs."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def steps(self, job: str) -> Mapping[str, str]:
        return self._store.steps(job)

    def set_step(self, worker: str, claim: Claim, name: str, value: str) -> bool:
        return True

    def set_progress(self, worker: str, claim: Claim, progress: str) -> bool:
        json.loads(progress)
        return True

    def take_event(self, worker: str, claim: Claim, name: str, step: str) -> str | None:
        return None
