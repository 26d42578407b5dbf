"""`JobResults`: the results of messages are those of their jobs."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Final

from dramatiq.message import Message
from dramatiq.results import ResultBackend, ResultFailure, ResultMissing, ResultTimeout
from dramatiq.results.backend import DEFAULT_TIMEOUT

import photon_runtime as rt

from ..current import current_tasks
from ..records import JobRecord, JobState
from ._broker import job_id

_FIRST_POLL: Final = 0.01
_LAST_POLL: Final = 0.5
_ENDED: Final = (JobState.COMPLETED, JobState.DEAD, JobState.PARKED, JobState.CANCELLED)


class JobResults(ResultBackend):  # type: ignore[misc, unused-ignore]
    """A backend of dramatiq's middleware `Results` that needs no server.

    ::

        broker.add_middleware(Results(backend=JobResults()))
    """

    def get_result(
        self, message: Message[Any], *, block: bool = False, timeout: int | None = None
    ) -> Any:
        """Return the result of a message.

        Args:
            message: The message.
            block: True to wait for it.
            timeout: Maximum number of milliseconds to wait; by default 10 seconds.

        Raises:
            ResultMissing: There is none so far.
            ResultTimeout: There was none in time.
            ResultFailure: The message was rejected.

        Blocks: the calling task.
        """
        id_ = job_id(message.message_id)
        if not block:
            record = current_tasks().store.job(id_)
            if record is None or record.state not in _ENDED:
                raise ResultMissing(message)
            return _value(record)
        interval = _FIRST_POLL
        limit = (DEFAULT_TIMEOUT if timeout is None else timeout) / 1000
        with contextlib.suppress(rt.DeadlineExceeded), rt.deadline(limit):
            while True:
                record = current_tasks().store.job(id_)
                if record is not None and record.state in _ENDED:
                    return _value(record)
                rt.sleep(interval)
                interval = min(interval * 1.5, _LAST_POLL)
        raise ResultTimeout(message)

    def store_result(self, message: Message[Any], result: Any, ttl: int) -> None:
        """Do nothing: the job keeps it."""

    def store_exception(self, message: Message[Any], exception: Exception, ttl: int) -> None:
        """Do nothing: the job keeps it."""


def _value(record: JobRecord) -> Any:
    if record.state is JobState.COMPLETED:
        return None if record.result is None else json.loads(record.result)
    error = record.error or f"the job is {record.state}"
    last = error.strip().rpartition("\n")[2]
    kind, separator, text = last.partition(": ")
    raise ResultFailure(f"actor raised {last}", kind.rpartition(".")[2] if separator else "", text)
