"""Jobs that are run by the call that enqueues them: the mode ``inline``, for tests.

Theory of operation. The jobs are in a store as in any other mode, with attempts and outcomes, so a
test sees what production does. Only the worker differs: it is the calling task, it has no
heartbeats, and it ends when no job is due. Jobs that these jobs enqueue are run as well, one after
another and not inside of each other.
"""

from __future__ import annotations

import contextvars
import os
import uuid
from contextvars import ContextVar
from typing import TYPE_CHECKING

from ..records import WorkerInfo
from ._attempt import Attempt

if TYPE_CHECKING:
    from ..current import Tasks

_LEASE = 3600.0


def run_due(tasks: Tasks, *, raises: bool = True) -> int:
    """Run all jobs that are due, until none is left.

    Args:
        tasks: The tasks of the application.
        raises: True to raise the error of the first attempt that has failed, when all have ended.

    Returns:
        Number of attempts. Zero inside of a job that is run this way: the jobs follow it.

    Raises:
        BaseException: What a task has raised, if ``raises``.

    Blocks: the calling task, as the jobs do.
    """
    if _IS_RUNNING.get():
        return 0
    return contextvars.copy_context().run(_run_due, tasks, raises)


def _run_due(tasks: Tasks, raises: bool) -> int:
    _IS_RUNNING.set(True)
    store = tasks.store
    worker = uuid.uuid4().hex
    store.register(WorkerInfo(id=worker, host="inline", pid=os.getpid()), _LEASE)
    errors: list[BaseException] = []
    count = 0
    try:
        while claims := store.claim(worker, 1).jobs:
            for claimed in claims:
                attempt = Attempt(claimed, worker, tasks)
                outcome = contextvars.copy_context().run(attempt.run)
                count += 1
                if outcome is not None:
                    store.finish(worker, [outcome])
                if attempt.error is not None:
                    errors.append(attempt.error)
    finally:
        store.unregister(worker)
    if errors and raises:
        raise errors[0]
    return count


_IS_RUNNING: ContextVar[bool] = ContextVar("photon_inline_jobs", default=False)
