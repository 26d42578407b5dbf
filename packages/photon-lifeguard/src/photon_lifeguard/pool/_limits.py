"""The limits of a pool."""

from __future__ import annotations

import attrs

from .._database_settings import DatabaseSettings


@attrs.frozen
class PoolLimits:
    """The limits of one pool; see `DatabaseSettings` for their meaning."""

    size: int
    min_size: int
    acquire_timeout: float
    max_waiting: int
    connect_timeout: float
    max_lifetime: float
    idle_timeout: float
    liveness_interval: float
    leak_after: float

    @classmethod
    def of(cls, settings: DatabaseSettings, *, is_single: bool = False) -> PoolLimits:
        """Return the limits in ``settings``.

        Args:
            settings: Settings of the database.
            is_single: True for a database that is the connection itself, as one of SQLite in
                memory: there is one, and it is never replaced.
        """
        limits = cls(
            size=settings.pool_size,
            min_size=min(settings.pool_min_size, settings.pool_size),
            acquire_timeout=settings.acquire_timeout,
            max_waiting=settings.max_waiting,
            connect_timeout=settings.connect_timeout,
            max_lifetime=settings.max_lifetime,
            idle_timeout=settings.idle_timeout,
            liveness_interval=settings.liveness_interval,
            leak_after=settings.leak_after,
        )
        if is_single:
            return attrs.evolve(limits, size=1, min_size=1, max_lifetime=0, idle_timeout=0)
        return limits
