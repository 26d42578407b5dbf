"""`maintain`: the periodic work on a pool's idle connections, and the report of leaks."""

from __future__ import annotations

import logging
from time import monotonic

import photon_runtime as rt

from ._holders import Holder
from ._pool import WaitingPool

_log = logging.getLogger("photon.database.pool")
_INTERVAL = 5.0


def maintain(pool: WaitingPool, *, interval: float = _INTERVAL) -> None:
    """Close idle connections, open missing ones, check idle ones and report leaks, until cancelled.

    Args:
        pool: The pool.
        interval: Seconds between two rounds.

    Blocks: the calling task, for ever.
    """
    reported: set[Holder] = set()
    while True:
        try:
            pool.tend_idle_connections()
        except Exception as error:
            _log.warning("the idle connections could not be checked: %s", error)
        reported = _report_leaks(pool, reported)
        rt.sleep(interval)


def _report_leaks(pool: WaitingPool, reported: set[Holder]) -> set[Holder]:
    """Log the holders that are new in the list of long ones; return the list."""
    limit = pool.limits.leak_after
    if not limit:
        return set()
    long = {holder for holder in pool.holders() if monotonic() - holder.since >= limit}
    for holder in long - reported:
        _log.warning("a connection is held for more than %g seconds: %s", limit, holder)
    return long
