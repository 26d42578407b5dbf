"""`TasksHealth`: whether a process that serves may receive requests, as far as jobs are concerned.

Theory of operation. All processes share one store. If its outage made them unready, a load balancer
would take all of them out at once, and an outage of jobs would be an outage of the application:
pages that enqueue nothing would fail, and so would handlers whose jobs wait in the outbox. So an
outage does not count; a handler that needs the store answers 503, and ``photon_jobs_store_up`` and
the log show the outage.

Two states do count, because they are of this process alone, or of this deploy:

- The store has never responded since the start: its address may be wrong. The process before this
  one goes on serving until it does.
- The worker in this process has ended though nothing has stopped it: its jobs stay, and a restart
  helps.

The check reads what is known and waits for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from .errors import TasksError

if TYPE_CHECKING:
    import photon_runtime as rt


@final
class TasksHealth:
    """What is known about the store and the worker of one process."""

    def __init__(self) -> None:
        """Begin before the start, and without tasks."""
        self._awaits_store = False
        self._worker: rt.Task[None] | None = None

    def store_awaited(self) -> None:
        """Note that the store has to respond before requests are received."""
        self._awaits_store = True

    def store_opened(self) -> None:
        """Note that the store has responded."""
        self._awaits_store = False

    def worker_started(self, worker: rt.Task[None]) -> None:
        """Note the task of the worker."""
        self._worker = worker

    def check(self) -> None:
        """Check; see the module. Does not wait.

        Raises:
            TasksError: The process must not receive requests.
        """
        if self._awaits_store:
            raise TasksError("the store of jobs has not responded since the start")
        if self._worker is not None and self._worker.done:
            raise TasksError("the worker of this process has ended")
