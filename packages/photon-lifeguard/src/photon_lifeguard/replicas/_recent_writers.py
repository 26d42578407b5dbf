"""The positions of the last writes of clients, for those that do not carry them.

Theory of operation. An entry is needed for as long as a replica that may be read can be behind it,
which is ``max_replica_lag``. It is dropped after that time, so the memory is small; its size is
bounded all the same. When it is full, the oldest entry is merged into one that counts for all
clients: reads may go to the primary needlessly then, and are never too old.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

import attrs

_MAX_CLIENTS = 10_000


@attrs.frozen
class _Write:
    position: int
    expires: float


class RecentWriters:
    """The clients of one process that have written lately.

    Args:
        lifetime: Seconds for which a write is remembered.
        max_clients: Maximum number of clients that are remembered one by one.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        lifetime: float,
        *,
        max_clients: int = _MAX_CLIENTS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Begin without clients."""
        self._lifetime = lifetime
        self._max_clients = max_clients
        self._clock = clock
        self._writes: OrderedDict[bytes, _Write] = OrderedDict()
        self._of_others = _Write(0, 0.0)

    def __len__(self) -> int:
        """Return the number of clients that are remembered one by one."""
        return len(self._writes)

    def note(self, client: bytes, position: int) -> None:
        """Note that a client has written. Does not wait.

        Args:
            client: Identity of the client.
            position: Position after its commit.
        """
        now = self._clock()
        position = max(position, self._position(client, now))
        self._writes[client] = _Write(position, now + self._lifetime)
        self._writes.move_to_end(client)
        self._drop(now)

    def position(self, client: bytes) -> int:
        """Return the position that the reads of a client must have; zero for any. Does not wait."""
        now = self._clock()
        others = self._of_others
        position = self._position(client, now)
        return max(position, others.position) if others.expires > now else position

    def _position(self, client: bytes, now: float) -> int:
        write = self._writes.get(client)
        return write.position if write is not None and write.expires > now else 0

    def _drop(self, now: float) -> None:
        """Drop the entries that have expired, and merge those that are too many."""
        while self._writes:
            client, write = next(iter(self._writes.items()))
            if write.expires > now:
                if len(self._writes) <= self._max_clients:
                    return
                others = self._of_others
                position = max(write.position, others.position if others.expires > now else 0)
                self._of_others = _Write(position, max(write.expires, others.expires))
            self._writes.pop(client, None)
