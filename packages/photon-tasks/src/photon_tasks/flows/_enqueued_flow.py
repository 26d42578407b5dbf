"""`EnqueuedFlow`: a flow, as the code that has enqueued it sees it.

Theory of operation. All ids are known when a flow is enqueued, though most of its jobs do not exist
yet. The state is read from those that do. Cancelling a flow cancels them, and enters the others as
cancelled jobs: what follows a job that is being completed at this moment then exists already, and
is not enqueued again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Generic, TypeVar, final

import attrs
import msgspec

import photon_runtime as rt

from ..current import Tasks, current_tasks
from ..errors import JobFailed, JobNotFound
from ..records import ENDED, Delivery, JobFilter, JobRecord, JobState
from ._planning import PlannedJob

R_co = TypeVar("R_co", covariant=True)
_FIRST_POLL: Final = 0.01
_LAST_POLL: Final = 0.5
_PAGE: Final = 500
_NEVER: Final = 10 * 366 * 86_400.0
_FAILED: Final = (JobState.DEAD, JobState.PARKED, JobState.CANCELLED)


@attrs.frozen
class FlowProgress:
    """How far a flow has come.

    Attributes:
        done: Number of its calls that are completed.
        of: Number of its calls.
    """

    done: int
    of: int


@final
class EnqueuedFlow(Generic[R_co]):
    """A flow that was enqueued.

    Attributes:
        id: Id of its last job, whose result is that of the flow. The job does not exist before its
            turn.
        jobs: Ids of all of its jobs.
    """

    __slots__ = ("_decode", "_plan", "_tasks", "id", "jobs")

    def __init__(
        self, plan: Sequence[PlannedJob], tasks: Tasks, decode: Callable[[str], Any]
    ) -> None:
        """Note the jobs; `Flow.enqueue` makes it."""
        self._plan = tuple(plan)
        self._tasks = tasks
        self._decode = decode
        self.jobs: Sequence[str] = tuple(each.job.id for each in plan)
        self.id: str = self.jobs[-1]

    def __repr__(self) -> str:
        """Show the id."""
        return f"<EnqueuedFlow {self.id}>"

    def to_json(self) -> str:
        """Return the flow as a text, from which `flow_from_json` makes it again.

        It contains the arguments of the calls: keep it where they may be, and send ids to clients.
        """
        return msgspec.json.encode(self._plan).decode()

    def records(self) -> Sequence[JobRecord]:
        """Return those of its jobs that exist and are still kept. Blocks: the calling task."""
        return [*self._records(())]

    def _records(self, states: Sequence[JobState]) -> Iterator[JobRecord]:
        for begin in range(0, len(self.jobs), _PAGE):
            ids = self.jobs[begin : begin + _PAGE]
            yield from self._tasks.store.jobs(JobFilter(ids=ids, states=states), limit=_PAGE)

    def status(self) -> JobState:
        """Return its state.

        It is ``completed`` when its last job is. A flow with a job that is ``dead``, ``parked`` or
        ``cancelled`` is so itself; it continues if that job is queued again. Else it is
        ``running`` from the start of the first job.

        Raises:
            JobNotFound: None of its jobs exists; also while the transaction that it belongs to is
                open.

        Blocks: the calling task.
        """
        records = self.records()
        if not records:
            raise JobNotFound(f"no job of the flow {self.id} exists, or is kept any more")
        states = {each.state for each in records}
        if any(each.id == self.id and each.state is JobState.COMPLETED for each in records):
            return JobState.COMPLETED
        for state in _FAILED:
            if state in states:
                return state
        if len(states) == 1 and states <= {JobState.SCHEDULED, JobState.QUEUED, JobState.WAITING}:
            return states.pop()
        return JobState.RUNNING

    def progress(self) -> FlowProgress:
        """Return the number of its calls that are completed. Blocks: the calling task."""
        states = {each.id: each.state for each in self.records()}
        # What precedes an existing job is completed, even if it is not kept any more.
        reached = max((each.stage for each in self._plan if each.job.id in states), default=0)
        calls = [each for each in self._plan if each.is_call]
        done = [
            each
            for each in calls
            if each.stage < reached or states.get(each.job.id) is JobState.COMPLETED
        ]
        return FlowProgress(len(done), len(calls))

    def result(self, timeout: float | None = None) -> R_co:
        """Wait for the end of the flow, and return its result.

        Args:
            timeout: Maximum number of seconds to wait; ``None`` for no limit, zero not to wait.

        Raises:
            JobFailed: One of its jobs is dead, parked or cancelled.
            TimeoutError: It has not ended in time.

        Blocks: the calling task, until the flow has ended.
        """
        if timeout is None or timeout <= 0:
            return self._result(waits=timeout is None)
        try:
            with rt.deadline(timeout):
                return self._result(waits=True)
        except rt.DeadlineExceeded:
            raise TimeoutError(f"the flow {self.id} has not ended within {timeout:g} s") from None

    def _result(self, *, waits: bool) -> R_co:
        store = self._tasks.store
        interval = _FIRST_POLL
        while True:
            last = store.job(self.id)
            if last is not None and last.state is JobState.COMPLETED:
                result: R_co = self._decode("null" if last.result is None else last.result)
                return result
            for each in self._records(_FAILED):
                raise JobFailed(
                    f"the job {each.id} of {each.task}, of the flow {self.id}, is {each.state}: "
                    f"{each.error or ''}"
                )
            if not waits:
                raise TimeoutError(f"the flow {self.id} has not ended")
            rt.sleep(interval)
            interval = min(interval * 1.5, _LAST_POLL)

    def cancel(self) -> JobState:
        """Cancel all of its jobs; those that run at the next heartbeat of their worker.

        Nothing of the flow begins afterwards, even if a running job is completed before that.

        Returns:
            Its state; see `status`.

        Blocks: the calling task.
        """
        store = self._tasks.store
        existing = {each.id: each.state for each in self.records()}
        completed = {id for id, state in existing.items() if state is JobState.COMPLETED}
        if self.id in completed:
            return JobState.COMPLETED
        missing = [
            attrs.evolve(each.job, delay=_NEVER)
            for each in self._plan
            if each.job.id not in existing
        ]
        if missing:
            store.deliver(Delivery(missing))
        for id in self.jobs:
            if existing.get(id) not in ENDED:
                store.cancel(id)
        return self.status()


def flow_from_json(text: str) -> EnqueuedFlow[Any]:
    """Return a flow that was enqueued earlier, such as by another process.

    Its result is plain JSON: the types of tasks are not in the text.

    Args:
        text: What `EnqueuedFlow.to_json` has returned.

    Raises:
        ValueError: It is another text.
        NoTasks: The caller does not belong to a running application.
    """
    plan = _DECODER.decode(text)
    if not plan:
        raise ValueError("the text is not that of a flow: it has no jobs")
    return EnqueuedFlow(plan, current_tasks(), msgspec.json.decode)


_DECODER: Final = msgspec.json.Decoder(list[PlannedJob])
