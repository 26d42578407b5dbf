"""`Replicas`: the replicas of one database, and which of them a read may go to."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

import attrs
from sqlalchemy import Engine

import photon_runtime as rt

from ..pool import maintain
from ._client import ClientPosition
from ._monitor import watch
from ._observer import ReplicaObserver
from ._probe import Probe
from ._replica import Replica
from ._timeline import PrimaryTimeline

_WINDOW = 60.0
_MARGIN = 2.0
"""Seconds for which positions are kept beyond the limit of the lag: cookies expire at whole
seconds, and a commit with ``synchronous_commit = off`` is in the log only 0.6 seconds later."""


@attrs.frozen
class ReplicaStatus:
    """The state of one replica.

    Attributes:
        name: Host, port and database.
        is_usable: True if reads go to it.
        lag: Seconds by which it may be behind; infinite if that is unknown.
        problem: The reason why it is not used; empty if it is.
    """

    name: str
    is_usable: bool
    lag: float
    problem: str


class Replicas:
    """The replicas of one database.

    Args:
        primary: Engine of the primary.
        probe: The monitor's connection to the primary.
        replicas: The replicas.
        max_lag: Seconds by which a replica may be behind and still be read.

    Attributes:
        primary: Engine of the primary.
        max_lag: Seconds by which a replica may be behind and still be read.
        observer: Is informed of reads and lags; set it before `life`.
    """

    def __init__(
        self,
        primary: Engine,
        probe: Probe,
        replicas: Sequence[Replica],
        *,
        max_lag: float,
    ) -> None:
        """Begin with unmeasured replicas, which are not used."""
        self.primary = primary
        self.max_lag = max_lag
        self.observer = ReplicaObserver()
        self._probe = probe
        self._replicas = tuple(replicas)
        self._timeline = PrimaryTimeline(max(_WINDOW, 2 * max_lag))
        self._client: ContextVar[ClientPosition | None] = ContextVar(
            "photon_client_position", default=None
        )

    def __iter__(self) -> Iterator[Replica]:
        """Iterate over the replicas."""
        return iter(self._replicas)

    def status(self) -> list[ReplicaStatus]:
        """Return the state of each replica. Does not wait."""
        now = monotonic()
        return [
            ReplicaStatus(
                each.name,
                each.is_current(now),
                each.lag(now),
                each.problem or ("" if each.is_current(now) else "its last measurement is too old"),
            )
            for each in self._replicas
        ]

    @property
    def lifetime(self) -> float:
        """Seconds after which every replica that may be read has passed a position."""
        return self.max_lag + _MARGIN

    # -- reads -------------------------------------------------------------------------------------

    def choose(self, last: Replica | None = None) -> Replica | None:
        """Return the replica that the next read of the current client goes to. Does not wait.

        Args:
            last: The replica that the session has read from; it is that one or the primary then.

        Returns:
            The usable one with the fewest connections in use; ``None`` for the primary.
        """
        now = monotonic()
        candidates = self._replicas if last is None else (last,)
        current = [replica for replica in candidates if replica.is_current(now)]
        if not current:
            self.observer.fell_back("unusable")
            return None
        client = self._client.get()
        required = 0 if client is None else client.required
        recent = [replica for replica in current if replica.replayed >= required]
        if not recent:
            self.observer.fell_back("position")
            return None
        if last is not None:
            return last
        free = [replica for replica in recent if replica.pool.in_use < replica.pool.limits.size]
        if not free:
            self.observer.fell_back("busy")
            return None
        return min(free, key=lambda replica: (replica.pool.in_use, random.random()))

    # -- writes ------------------------------------------------------------------------------------

    def wrote(self, position: int) -> None:
        """Note that the current client has committed a write at ``position``. Does not wait."""
        client = self._client.get()
        if client is None:
            client = ClientPosition(self.lifetime)
            self._client.set(client)
        client.wrote(position)

    def begin_client(
        self, earlier: Callable[[], int], remember: Callable[[int], object]
    ) -> ClientPosition:
        """Begin the work of a client in the current context; see `ClientPosition`."""
        client = ClientPosition(self.lifetime, earlier=earlier, remember=remember)
        self._client.set(client)
        return client

    # -- life --------------------------------------------------------------------------------------

    @contextmanager
    def life(self) -> Iterator[None]:
        """Measure the replicas and keep their pools in order during the block.

        Blocks: the calling task at the end, until the connections are closed.
        """
        tasks = [rt.spawn(maintain, replica.pool) for replica in self._replicas]
        tasks.append(
            rt.spawn(
                watch,
                self._probe,
                self._replicas,
                self._timeline,
                self.observer,
                max_lag=self.max_lag,
            )
        )
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                task.join()
            self.close()

    def close(self) -> None:
        """Close the connections to the replicas, and do not use them until they are measured."""
        for replica in self._replicas:
            replica.is_in_service = False
            replica.engine.dispose()
