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
    def of(cls, settings: DatabaseSettings) -> PoolLimits:
        """Return the limits in ``settings``."""
        return cls(
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
