"""`Worker`: it claims as many jobs as have room, and starts them.

Theory of operation. Jobs are coroutines of one hub. One task claims: whenever a slot is free and
jobs may be due. It learns that from the notifications of the store, from jobs that were enqueued in
this process, from the time at which the next job is due, and once in ``poll_interval`` without a
reason. A claim takes no more jobs than slots are free, so no job waits in the memory of a worker
while another one is idle.

A worker that stops claims nothing more, lets its jobs end for ``shutdown_timeout``, and cancels the
others: they are queued again, and their attempt does not count. A worker that has lost its lease
cancels its jobs, which belong to others by now, and goes on under another id.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import socket
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, final

import photon_runtime as rt
from photon_runtime.backoff import Backoff
from photon_runtime.escapes import in_service

from ..errors import StoreUnavailable
from ..records import AttemptOutcome, Beat, Claim, ClaimedJob, Recovered, WorkerInfo
from ..schedules import scheduler_of
from ._attempt import Attempt, Ending
from ._finishing import Finishing
from ._heart import Heart
from ._recovery import Recovery
from ._suspects import Suspects

if TYPE_CHECKING:
    from ..current import Tasks

_log = logging.getLogger("photon.tasks")
_TIMEOUT = 30.0
_AFTER_CANCELLATION = 5.0
_TO_GIVE_BACK = 5.0


@final
class Worker:
    """Runs the jobs of an application in this process.

    Args:
        tasks: The tasks of the application.
        queues: Queues to take jobs from; empty for all.
        concurrency: Maximum number of jobs at the same time.
        patience: Seconds that jobs have to end when it stops; by default ``[tasks]
            shutdown_timeout``.

    Attributes:
        id: Its current id in the store.
        started: Number of attempts that it has begun.
    """

    def __init__(
        self,
        tasks: Tasks,
        *,
        queues: Sequence[str] = (),
        concurrency: int | None = None,
        patience: float | None = None,
    ) -> None:
        """Note what it works for; nothing is opened."""
        settings = tasks.settings
        self._tasks = tasks
        self._store = tasks.store
        self._queues = tuple(queues)
        self._concurrency = concurrency or settings.concurrency
        self._patience = settings.shutdown_timeout if patience is None else patience
        self._wake = rt.Event()
        self._stop = rt.Event()
        self._attempts: dict[Claim, Attempt] = {}
        self._ended = rt.Event()
        self._finishing = Finishing(self._store, self._recorded)
        self._heart = Heart(tasks.open_store, settings.lease, self._beaten)
        self._recovery = Recovery(
            self._store,
            settings.lease,
            settings.keep_dead,
            own=lambda: self.id,
            recovered=self._recovered,
        )
        self._scheduler = scheduler_of(tasks)
        self._suspects = Suspects()
        self._context = contextvars.copy_context()
        self._is_lost = False
        self._is_draining = False
        self.started = 0
        self.id = ""

    @property
    def running(self) -> int:
        """Number of jobs that run."""
        return len(self._attempts)

    def stop(self) -> None:
        """Claim nothing more, so that `run` ends. Does not wait."""
        self._stop.set()
        self._wake.set()

    def drain(self) -> None:
        """Claim nothing more, so that `run` ends; until `stop`, jobs have all the time they need.

        Does not wait.
        """
        self._is_draining = True
        self._wake.set()

    def wake(self) -> None:
        """Look for jobs now: some may have been enqueued. Does not wait."""
        self._wake.set()

    def run(self) -> None:
        """Run jobs until `stop` or `drain` is called.

        Blocks: the calling task, until its jobs have ended or were cancelled.
        """
        self._context = contextvars.copy_context()
        with in_service(), rt.scope() as helpers:
            helpers.spawn(self._listen)
            helpers.spawn(self._recovery.run)
            helpers.spawn(self._finishing.run)
            helpers.spawn(self._scheduler.run)
            try:
                with self._heart.beating():
                    try:
                        self._claim_until_stopped()
                    finally:
                        with rt.shield():
                            self._end_jobs()
            finally:
                helpers.cancel()

    # -- claiming ---------------------------------------------------------------------------------

    def _claim_until_stopped(self) -> None:
        backoff = Backoff()
        while not (self._stop.is_set() or self._is_draining):
            self._wake.clear()
            try:
                with rt.deadline(_TIMEOUT):
                    wait = self._claim()
                backoff.reset()
            except (StoreUnavailable, rt.DeadlineExceeded) as error:
                _log.warning("jobs cannot be claimed: %s", error)
                wait = backoff.delay()
                self._stop.wait(wait)
                continue
            except Exception:
                _log.exception("jobs cannot be claimed")
                self._stop.wait(backoff.delay())
                continue
            if wait is None or wait > 0:
                self._wake.wait(wait)

    def _claim(self) -> float | None:
        """Claim and start jobs; return the seconds to wait, ``None`` for a slot or a wake-up."""
        if not self.id or self._is_lost:
            self._register()
        free = self._concurrency - len(self._attempts)
        if free <= 0 or len(self._finishing) >= self._concurrency:
            return None  # the end of an attempt, and the record of its outcome, wake it
        worker = self.id
        claims = self._store.claim(worker, free, self._queues)
        admitted, returned = self._suspects.admit(claims.jobs)
        self._give_back(returned, worker)
        for claimed in admitted:
            self._start(claimed, worker)
        if len(claims.jobs) == free:
            return None if len(self._attempts) >= self._concurrency else 0.0
        interval = self._tasks.settings.poll_interval
        return interval if claims.next_due is None else min(interval, claims.next_due)

    def _give_back(self, outcomes: Sequence[AttemptOutcome], worker: str) -> None:
        """Give jobs back before others start."""
        if not outcomes:
            return
        try:
            with rt.deadline(_TO_GIVE_BACK):
                self._store.finish(worker, outcomes)
        except Exception as error:
            _log.warning("%d jobs cannot be given back yet: %s", len(outcomes), error)
            for each in outcomes:
                self._finishing.add(worker, each)

    def _register(self) -> None:
        worker = uuid.uuid4().hex
        info = WorkerInfo(
            id=worker,
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=self._queues,
            concurrency=self._concurrency,
        )
        self._store.register(info, self._tasks.settings.lease)
        self.id = self._heart.worker = worker
        self._is_lost = False

    def _start(self, claimed: ClaimedJob, worker: str) -> None:
        attempt = Attempt(claimed, worker, self._tasks)
        self._attempts[claimed.claim] = attempt
        self.started += 1
        self._context.copy().run(rt.spawn, self._run_attempt, attempt)

    def _run_attempt(self, attempt: Attempt) -> None:
        claim = attempt.claimed.claim
        try:
            outcome = attempt.run()
        finally:
            del self._attempts[claim]
            self._suspects.ended(claim)
            self._ended.set()
            self._wake.set()
        if outcome is not None:
            self._finishing.add(attempt.worker, outcome)

    def _recorded(self, outcome: AttemptOutcome, is_accepted: bool) -> None:
        if not is_accepted:
            self._tasks.observer.refused("outcome")
        if len(self._finishing) < self._concurrency:
            self._wake.set()

    # -- news from the store ----------------------------------------------------------------------

    def _listen(self) -> None:
        backoff = Backoff()
        while True:
            try:
                self._store.listen(self._notified(backoff))
            except (StoreUnavailable, rt.DeadlineExceeded) as error:
                _log.info("notifications about jobs were interrupted: %s", error)
            except Exception:
                _log.exception("notifications about jobs were interrupted")
            rt.sleep(backoff.delay())

    def _notified(self, backoff: Backoff) -> Callable[[], None]:
        def wake() -> None:
            backoff.reset()
            self._wake.set()

        return wake

    def _beaten(self, worker: str, beat: Beat) -> None:
        """React to a heartbeat, in the hub of the worker."""
        if worker != self.id:
            return
        if not beat.is_known:
            _log.error(
                "this worker has lost its lease, because its heartbeats did not reach the store "
                "for [tasks] lease = %g s: its %d jobs belong to others now",
                self._tasks.settings.lease,
                len(self._attempts),
            )
            self._is_lost = True
            self._tasks.observer.refused("renewal")
            for each in list(self._attempts.values()):
                each.end(Ending.LOST)
            self._wake.set()
            return
        for claim in beat.cancelled:
            attempt = self._attempts.get(claim)
            if attempt is not None:
                attempt.end(Ending.CANCELLED)

    def _recovered(self, recovered: Recovered) -> None:
        self._tasks.observer.recovered(recovered)
        if recovered.queued:
            self._wake.set()

    # -- stopping ---------------------------------------------------------------------------------

    def _end_jobs(self) -> None:
        while self._is_draining and self._attempts and not self._stop.is_set():
            self._wake.clear()
            self._wake.wait()
        self._wait_for_jobs(self._patience)
        if self._attempts:
            is_setting = self._patience == self._tasks.settings.shutdown_timeout
            _log.warning(
                "%d jobs have not ended within %s%g s: they are cancelled, and queued again",
                len(self._attempts),
                "[tasks] shutdown_timeout = " if is_setting else "",
                self._patience,
            )
            for attempt in list(self._attempts.values()):
                attempt.end(Ending.STOPPED)
            self._wait_for_jobs(_AFTER_CANCELLATION)
        try:
            with rt.deadline(_AFTER_CANCELLATION):
                self._finishing.wait_until_empty()
                if self.id and not self._attempts:
                    self._store.unregister(self.id)
        except Exception as error:
            _log.warning("this worker could not sign off, its lease has to expire: %s", error)

    def _wait_for_jobs(self, seconds: float) -> None:
        with contextlib.suppress(rt.DeadlineExceeded), rt.deadline(seconds):
            while self._attempts:
                self._ended.clear()
                self._ended.wait()
