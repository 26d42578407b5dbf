"""The threads in which SQLite works for the tasks of one hub.

They are not those of `offload`, so that slow queries do not keep file work and look-ups of names
waiting. A thread only ever computes or waits for the disk: waits for a lock of the database are
waits in the hub, so the threads cannot all be taken by callers that wait for another one.

A thread belongs to a call, not to a connection: a thousand open connections need no thread. There
are as many as there are calls at the same time, up to `_MAX_THREADS`; the limit is far above the
number of processors, so that short statements do not wait for long ones.
"""

from __future__ import annotations

from ..._hub import Hub
from ..._offload import OffloadPool

_MAX_THREADS = 64


class Threads(OffloadPool):
    """The threads of one hub."""

    @classmethod
    def of(cls, hub: Hub) -> Threads:
        """Return the threads of ``hub``."""
        found = hub.resources.get(cls)
        if not isinstance(found, cls):
            found = hub.resources[cls] = cls(hub, max_threads=_MAX_THREADS)
        return found
