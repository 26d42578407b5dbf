"""`watch`: measures where the primary is and how far the replicas have come.

Theory of operation. Each server has a task and a connection of its own, so one that is paused or
unreachable delays nothing but its own measurement. A question ends after half a second. A server
that has failed three times in succession is asked once per second.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import monotonic

import photon_runtime as rt

from ._observer import ReplicaObserver
from ._probe import Probe
from ._replica import Replica
from ._timeline import PrimaryTimeline

_log = logging.getLogger("photon.database.replicas")
_INTERVALS = (0.02, 0.25)
_SHARE = 0.25
_QUICK_ATTEMPTS = 3
_MAX_PAUSE = 1.0
_INTERRUPT_AFTER = 1.0
_PRIMARY = "SELECT (pg_current_wal_lsn() - '0/0')::bigint"
_REPLICA = "SELECT pg_is_in_recovery(), (pg_last_wal_replay_lsn() - '0/0')::bigint"


def watch(
    primary: Probe,
    replicas: Sequence[Replica],
    timeline: PrimaryTimeline,
    observer: ReplicaObserver,
    *,
    max_lag: float,
) -> None:
    """Measure the primary and the replicas until the task is cancelled.

    Args:
        primary: Connection to the primary.
        replicas: The replicas.
        timeline: Receives the positions of the primary.
        observer: Receives the lags.
        max_lag: Seconds by which a replica may be behind; a quarter of it is the interval, between
            0.02 and 0.25 seconds.

    Blocks: the calling task, for ever.
    """
    interval = min(max(max_lag * _SHARE, _INTERVALS[0]), _INTERVALS[1])
    with rt.scope() as tasks:
        tasks.spawn(_repeat, _PrimaryWatch(primary, timeline), interval)
        for replica in replicas:
            replica.watched_by_this_thread()
            tasks.spawn(_repeat, _ReplicaWatch(replica, primary, timeline, observer), interval)


class _PrimaryWatch:
    """Measures the primary."""

    def __init__(self, probe: Probe, timeline: PrimaryTimeline) -> None:
        self._probe = probe
        self._timeline = timeline
        self._is_known = True

    def measure(self) -> None:
        asked = monotonic()
        [position] = self._probe.ask(_PRIMARY)
        self._timeline.note(asked, position)
        if not self._is_known:
            _log.info("the position of the primary is known again")
        self._is_known = True

    def failed(self, error: Exception) -> None:
        if self._is_known:
            _log.warning("the position of the primary is unknown: %s", _reason(error))
        self._is_known = False

    def close(self) -> None:
        self._probe.close()


class _ReplicaWatch:
    """Measures one replica."""

    def __init__(
        self,
        replica: Replica,
        primary: Probe,
        timeline: PrimaryTimeline,
        observer: ReplicaObserver,
    ) -> None:
        self._replica = replica
        self._primary = primary
        self._timeline = timeline
        self._observer = observer
        self._responded = monotonic()

    def measure(self) -> None:
        replica = self._replica
        is_standby, replayed = replica.probe.ask(_REPLICA)
        self._responded = now = monotonic()
        if self._is_of_another_cluster():
            replica.out_of_service("it belongs to another cluster than the primary")
        else:
            replica.measured(self._timeline, is_standby, replayed, now)
        self._observer.measured(replica.name, replica.lag(now))

    def failed(self, error: Exception) -> None:
        self._replica.out_of_service(_reason(error))
        self._observer.measured(self._replica.name, float("inf"))
        if monotonic() - self._responded >= _INTERRUPT_AFTER:
            self._replica.interrupt()

    def close(self) -> None:
        self._replica.probe.close()

    def _is_of_another_cluster(self) -> bool:
        clusters = (self._primary.cluster, self._replica.probe.cluster)
        return None not in clusters and clusters[0] != clusters[1]


def _repeat(server: _PrimaryWatch | _ReplicaWatch, interval: float) -> None:
    failures = 0
    try:
        while True:
            begun = monotonic()
            try:
                server.measure()
                failures = 0
            except Exception as error:
                failures += 1
                server.failed(error)
            used = monotonic() - begun
            pause = max(interval - used, interval / 2)
            rt.sleep(pause if failures < _QUICK_ATTEMPTS else _MAX_PAUSE)
    finally:
        server.close()


def _reason(error: Exception) -> str:
    if isinstance(error, rt.DeadlineExceeded):
        return "it does not respond"
    return str(error).strip() or type(error).__name__
