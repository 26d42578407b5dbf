"""Heartbeats, from another thread.

Theory of operation. A job that computes blocks the scheduler of its worker, and must not lose its
lease for that. So heartbeats come from a hub of their own, on another thread, with a store of
their own. They end with the process, however it ends. What a heartbeat brings back (jobs to cancel,
a lost lease) is posted to the hub of the worker.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, final

import photon_runtime as rt
from photon_runtime.backoff import Backoff
from photon_runtime.hub_threads import HubThread, current_hub

from ..errors import StoreUnavailable
from ..records import Beat

if TYPE_CHECKING:
    from ..stores import JobStore

_log = logging.getLogger("photon.tasks")
_BEATS_OF_LEASE = 4
"""Heartbeats in the time of a lease: three of them may be lost."""


@final
class Heart:
    """The heartbeats of a worker.

    Args:
        open_store: Returns a store for the other hub; called there.
        lease: Seconds of the lease.
        beaten: Called in the worker's hub with the id of the worker and each `Beat`.
    """

    def __init__(
        self,
        open_store: Callable[[], contextlib.AbstractContextManager[JobStore]],
        lease: float,
        beaten: Callable[[str, Beat], object],
    ) -> None:
        """Note what to call."""
        self._open_store = open_store
        self._lease = lease
        self._beaten = beaten
        self.worker = ""

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Send heartbeats during the block. Blocks: for a moment at the beginning and the end."""
        post = current_hub().post
        thread = rt.offload(HubThread)
        try:
            thread.begin(self._run, post)
            yield
        finally:
            with rt.shield():
                rt.offload(thread.close)

    def _run(self, post: Callable[[Callable[[], object]], object]) -> None:
        backoff = Backoff()
        while True:
            try:
                with self._open_store() as store:
                    while True:
                        self._beat(store, post)
                        backoff.reset()
                        rt.sleep(self._lease / _BEATS_OF_LEASE)
            except (StoreUnavailable, rt.DeadlineExceeded) as error:
                _log.warning("a heartbeat of this worker has failed: %s", error)
            except Exception:
                _log.exception("a heartbeat of this worker has failed")
            rt.sleep(min(backoff.delay(), self._lease / _BEATS_OF_LEASE))

    def _beat(self, store: JobStore, post: Callable[[Callable[[], object]], object]) -> None:
        worker = self.worker
        if not worker:
            return
        with rt.deadline(self._lease / _BEATS_OF_LEASE):
            beat = store.beat(worker, self._lease)
        if not beat.is_known or beat.cancelled:
            post(lambda: self._beaten(worker, beat))
