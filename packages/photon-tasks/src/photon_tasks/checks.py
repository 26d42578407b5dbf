"""The checks of ``photon doctor``: whether jobs are run, and soon.

Theory of operation. The checks look at the store as it is; no job is enqueued. Whether
notifications arrive is tried: a listener waits for one that another connection sends. Each check
has a time limit, and one that fails leaves the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias

import photon_runtime as rt
from photon_runtime.parts import Finding

from .errors import TasksError
from .records import JobFilter, JobState
from .stores import InspectedStore

if TYPE_CHECKING:
    from .current import Tasks

_Found: TypeAlias = tuple[Literal["ok", "warning", "failed"], str]
"""Status and message of a finding."""

_TIMEOUT = 5.0
_SKEW = 1.0
_LONG = 300.0
_LOOKED_AT = 1000
_LEFT = (JobState.SCHEDULED, JobState.QUEUED, JobState.WAITING, JobState.FAILED, JobState.PARKED)


def check_jobs(tasks: Tasks, *, processes: int = 1) -> Iterator[Finding]:
    """Yield what is found about the jobs of an application.

    Args:
        tasks: The tasks of the application.
        processes: Number of processes that serve it.

    Blocks: the calling task.
    """
    found = [*_guarded("jobs: store", lambda: _clock(tasks))]
    yield from found
    if any(each.status == "failed" for each in found):
        return  # everything else asks the store, too
    yield from _guarded("jobs: notifications", lambda: _notifications(tasks))
    yield from _guarded("jobs: queues", lambda: _queues(tasks))
    yield from _guarded("jobs: workers", lambda: _workers(tasks, processes))
    yield from _guarded("jobs: tasks", lambda: _unknown(tasks))
    yield from _guarded("jobs: outbox", lambda: _outbox(tasks))


def _guarded(name: str, check: Callable[[], Iterator[_Found]]) -> Iterator[Finding]:
    """Yield the findings of a check; its failure is one of them."""
    found: list[_Found] = []
    try:
        with rt.deadline(_TIMEOUT):
            found.extend(check())
    except rt.DeadlineExceeded:
        found.append(("failed", f"no response within {_TIMEOUT:g} s"))
    except TasksError as error:
        found.append(("failed", str(error)))
    for status, message in found:
        yield Finding(name, status, message)


def _clock(tasks: Tasks) -> Iterator[_Found]:
    before = time.time()
    there = tasks.store.clock()
    skew = there - (before + time.time()) / 2
    if abs(skew) > _SKEW:
        yield (
            "warning",
            f"the clock of the store is {abs(skew):.1f} s {'ahead' if skew > 0 else 'behind'}: "
            "times of enqueue_at() and of schedules differ by as much; synchronize the clocks",
        )
    if isinstance(tasks.store, InspectedStore):
        for warning in tasks.store.warnings():
            yield "warning", warning
    yield "ok", f"{tasks.store.name} responds"


def _notifications(tasks: Tasks) -> Iterator[_Found]:
    store = tasks.store
    if not isinstance(store, InspectedStore):
        return
    heard = rt.Event()
    with rt.scope() as listening:
        listening.spawn(store.listen, heard.set)
        heard.wait()  # it listens
        heard.clear()
        sent = time.monotonic()
        store.notify()
        heard.wait()
        delay = time.monotonic() - sent
        listening.cancel()
    yield "ok", f"one has arrived after {1000 * delay:.0f} ms"


def _queues(tasks: Tasks) -> Iterator[_Found]:
    depths = tasks.store.depths()
    queued = [each for each in depths if each.state is JobState.QUEUED]
    late = [each for each in queued if each.oldest > _LONG]
    for each in late:
        yield (
            "warning",
            f"jobs that wait in the queue {each.queue}: {each.jobs}, the oldest for "
            f"{each.oldest / 60:.0f} min: run more workers, or look for one that is stuck",
        )
    wrong = sum(each.jobs for each in depths if each.state in (JobState.DEAD, JobState.PARKED))
    if wrong:
        yield "warning", f"dead or parked jobs: {wrong}; `photon jobs dead` lists them"
    if not late:
        count = sum(each.jobs for each in queued)
        oldest = max((each.oldest for each in queued), default=0.0)
        shown = f", the oldest for {max(oldest, 0.0):.0f} s" if count else ""
        yield "ok", f"jobs that wait: {count}{shown}"


def _workers(tasks: Tasks, processes: int) -> Iterator[_Found]:
    workers = tasks.store.workers()
    living = [each for each in workers if each.lease_left > 0]
    if len(living) < len(workers):
        yield (
            "warning",
            f"workers that have lost their lease: {len(workers) - len(living)}; other workers take "
            "their jobs",
        )
    if tasks.mode == "queue" and not living:
        yield "warning", "no worker runs, so no job does: start `photon worker`"
        return
    if tasks.mode == "in_process" and processes > 1:
        yield (
            "warning",
            f"[tasks] mode is in_process: each of the {processes} processes that serve runs jobs, "
            'and computing ones slow requests down; mode = "queue" and `photon worker` keep them '
            "apart",
        )
    running = sum(each.running for each in living)
    yield "ok", f"workers: {len(living)}, running jobs: {running}, mode {tasks.mode}"


def _unknown(tasks: Tasks) -> Iterator[_Found]:
    jobs = tasks.store.jobs(JobFilter(states=_LEFT), limit=_LOOKED_AT)
    unknown = sorted({each.task for each in jobs if tasks.registry.get(each.task) is None})
    for name in unknown:
        yield (
            "warning",
            f"jobs of the task {name} wait, which is not defined here: they would be parked",
        )
    if not unknown:
        yield "ok", f"defined tasks: {len(tasks.registry)}"


def _outbox(tasks: Tasks) -> Iterator[_Found]:
    status = getattr(tasks.deliveries.outbox, "status", None)
    if status is None:
        return
    for name, each in status().items():
        if each.aside:
            yield (
                "failed",
                f"{each.aside} deliveries of the database {name} cannot be delivered to the store",
            )
        if each.oldest > _LONG:
            yield (
                "warning",
                f"{each.rows} deliveries wait in the database {name}, the oldest for "
                f"{each.oldest / 60:.0f} min: run a process that serves, which relays them",
            )
        elif not each.aside:
            yield "ok", f"{each.rows} deliveries wait in the database {name}"
