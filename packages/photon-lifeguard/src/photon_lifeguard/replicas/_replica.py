"""`Replica`: one replica, what is known of it, and the statements that it executes.

Theory of operation. The monitor puts a replica into service and takes it out. Out of service at
once: a replica that does not respond, is not a standby, belongs to another cluster, has diverged
from the primary, or lags more than the limit. Back into service after two good measurements in
succession, and after too large a lag only when the lag is below three quarters of the limit, so
that a replica near the limit does not change back and forth. Each change is logged once.

In service is not enough for a read: `is_current` decides with the lag at that moment, which grows
from one measurement to the next. So a monitor that is late makes replicas unused, not old.

A statement on a replica that stops responding would wait as long as its caller does. When the
replica has not responded for a second, such statements are interrupted, and the primary executes
them (`statement`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident

from sqlalchemy import Engine

import photon_runtime as rt
from photon_runtime.errors import NotRunning

from ..pool import WaitingPool
from ._probe import Probe
from ._timeline import PrimaryTimeline

_log = logging.getLogger("photon.database.replicas")
_RETURN = 0.75
_GOOD_MEASUREMENTS = 2
_CONNECT_TIMEOUT = 0.5


class StoppedResponding(Exception):
    """A replica stopped responding while it executed a statement."""


class Replica:
    """One replica of a database.

    Args:
        engine: Its engine.
        probe: The monitor's connection to it.
        max_lag: Seconds by which it may be behind and still be read.

    Attributes:
        name: Host, port and database, without credentials.
        is_in_service: True while the monitor considers it usable.
        replayed: Position that it had replayed at the last measurement.
        current_at: Time whose commits it shows, by the last measurement.
        problem: The reason why it is out of service; empty in service.
    """

    def __init__(self, engine: Engine, probe: Probe, *, max_lag: float) -> None:
        """Begin out of service."""
        url = engine.url
        self.engine = engine
        self.probe = probe
        self.name = f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"
        self.is_in_service = False
        self.replayed = 0
        self.current_at = float("-inf")
        self.problem = "not measured yet"
        self._max_lag = max_lag
        self._good = _GOOD_MEASUREMENTS - 1
        self._return_below = max_lag
        self._statements: set[rt.Scope] = set()
        self._monitor_thread = 0
        self._diverged_at: int | None = None
        self._earlier: tuple[float, int] | None = None

    @property
    def pool(self) -> WaitingPool:
        """The pool of its engine."""
        pool = self.engine.pool
        if not isinstance(pool, WaitingPool):
            raise TypeError(f"the engine has a pool of another class: {type(pool).__name__}")
        return pool

    def lag(self, now: float) -> float:
        """Return by how many seconds a read may be behind; infinite if that is unknown."""
        return now - self.current_at

    def is_current(self, now: float) -> bool:
        """Return whether a read at this moment sees all commits older than the limit."""
        return self.is_in_service and self.lag(now) <= self._max_lag

    # -- the monitor -------------------------------------------------------------------------------

    def measured(
        self, timeline: PrimaryTimeline, is_standby: bool, replayed: int | None, now: float
    ) -> None:
        """Evaluate a measurement.

        Args:
            timeline: Positions of the primary.
            is_standby: True if the server is in recovery.
            replayed: Position that it has replayed.
            now: Time at which it responded.

        Raises:
            Exception: It responds to the monitor, and the pool cannot connect to it.

        Blocks: the calling task, before the replica is put into service.
        """
        if timeline.newest is None:
            return  # there is nothing to compare with yet
        self.replayed = replayed or 0
        reached = timeline.reached(self.replayed)
        self.current_at = float("-inf") if reached is None else reached
        if not is_standby or replayed is None:
            self.out_of_service("the server is not a standby")
        elif self._has_diverged(timeline):
            self.out_of_service("it has changes that the primary does not have")
        elif self.lag(now) > self._max_lag:
            self.out_of_service(f"it is more than {self._max_lag:g} seconds behind")
            self._return_below = self._max_lag * _RETURN
        else:
            self._was_good(now)
        self._earlier = now, self.replayed

    def out_of_service(self, problem: str) -> None:
        """Do not use the replica until measurements are good again."""
        if self.is_in_service or self.problem == "not measured yet":
            _log.warning("the replica %s is not used: %s", self.name, problem)
        self.is_in_service = False
        self.problem = problem
        self._good = 0

    def _was_good(self, now: float) -> None:
        self._good += 1
        if self.is_in_service or self._good < _GOOD_MEASUREMENTS:
            return
        if self.lag(now) <= self._return_below:
            self._connect()
            self.is_in_service = True
            self.problem = ""
            self._return_below = self._max_lag
            _log.info("the replica %s is used (lag %.2f s)", self.name, self.lag(now))

    def _connect(self) -> None:
        """Open a connection of the pool, so that the first read does not wait or fail for it."""
        if self.pool.in_use < self.pool.limits.size:
            with rt.deadline(_CONNECT_TIMEOUT), self.engine.connect():
                pass

    def _has_diverged(self, timeline: PrimaryTimeline) -> bool:
        """Return whether the replica was ahead of a later position of the primary."""
        newest = timeline.newest
        if self._earlier is not None and newest is not None:
            time, replayed = self._earlier
            if newest[0] > time and newest[1] < replayed:
                self._diverged_at = self.replayed
        if self._diverged_at != self.replayed:
            self._diverged_at = None
        return self._diverged_at is not None

    # -- statements --------------------------------------------------------------------------------

    @contextmanager
    def statement(self) -> Iterator[None]:
        """Execute a statement inside of the block.

        Raises:
            StoppedResponding: The replica stopped responding.

        Blocks: as the statement does.
        """
        if get_ident() != self._monitor_thread or not _is_in_task():
            yield
            return
        failure: BaseException | None = None
        is_done = False
        with rt.scope() as block:
            self._statements.add(block)
            try:
                yield
                is_done = True
            except Exception as error:
                failure = error
            finally:
                self._statements.discard(block)
        if failure is not None:
            raise failure
        if not is_done:
            raise StoppedResponding(f"the replica {self.name} stopped responding")

    def watched_by_this_thread(self) -> None:
        """Note that the monitor runs in the calling thread; it can interrupt tasks of that one."""
        self._monitor_thread = get_ident()

    def interrupt(self) -> None:
        """Interrupt the statements that run. Does not wait."""
        for block in list(self._statements):
            block.cancel()


def _is_in_task() -> bool:
    try:
        rt.current_task()
    except NotRunning:
        return False
    return True
