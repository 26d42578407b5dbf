"""A worker on a file of SQLite, for tests of what workers do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from sqlalchemy import create_engine

import photon_runtime as rt
from photon_runtime.observability import Meter
from photon_tasks import EnqueuedJob, JobState, Task, Tasks, TasksSettings
from photon_tasks.records import JobRecord
from photon_tasks.registry import Registry
from photon_tasks.stores import JobStore
from photon_tasks.stores.sql import SqlStore
from photon_tasks.worker import Worker

ENDED = (JobState.COMPLETED, JobState.DEAD, JobState.CANCELLED, JobState.PARKED)


@attrs.frozen
class Running:
    """A worker that runs.

    Attributes:
        tasks: The tasks that it works for.
        worker: The worker.
    """

    tasks: Tasks
    worker: Worker

    def ended(self, job: EnqueuedJob[Any] | str, *, seconds: float = 10.0) -> JobRecord:
        """Wait for the end of a job, and return it."""
        return self.wait(job, ENDED, seconds=seconds)

    def wait(
        self, job: EnqueuedJob[Any] | str, states: Sequence[JobState], *, seconds: float = 10.0
    ) -> JobRecord:
        """Wait until a job is in one of these states, and return it."""
        id_ = job if isinstance(job, str) else job.id
        with rt.deadline(seconds):
            while True:
                record = self.tasks.store.job(id_)
                assert record is not None
                if record.state in states:
                    return record
                rt.sleep(0.005)


@contextmanager
def opened(path: Path) -> Iterator[JobStore]:
    """Yield a store on a file."""
    engine = create_engine(f"sqlite:///{path}")
    store = SqlStore(engine)
    try:
        yield store
    finally:
        store.close()
        engine.dispose()


def run_with_worker(
    path: Path,
    tasks: Sequence[Task[..., Any]],
    main: Callable[[Running], object],
    *,
    concurrency: int | None = None,
    queues: Sequence[str] = (),
    prepare: Callable[[Tasks], object] = lambda tasks: None,
    **settings: Any,
) -> None:
    """Call ``main`` with a worker that runs."""

    def run() -> None:
        with opened(path) as store:
            store.open()
            options = {"poll_interval": 0.05, "lease": 1.0, **settings}
            of_application = Tasks(
                TasksSettings(**options),
                store,
                Registry(tasks),
                Meter(),
                open_store=lambda: opened(path),
            )
            with of_application.current():
                prepare(of_application)
                worker = Worker(of_application, concurrency=concurrency, queues=queues)
                of_application.when_delivered(worker.wake)
                running = rt.spawn(worker.run)
                try:
                    main(Running(of_application, worker))
                finally:
                    worker.stop()
                    assert running.join(20)

    rt.run(run)
