"""Ids of jobs, and keys of what applications name.

Ids are UUIDs of version 7 (RFC 9562, section 5.7). They begin with the time in milliseconds, so
jobs that are enqueued one after another are near each other in an index, and lists of jobs are in
the order of their making. Within a process the order is strict: 12 bits count the ids of a
millisecond, and the time never goes back.

Unique keys, steps and events have names of any length and content, and stores have limits: an index
of PostgreSQL takes 2700 bytes and no zero byte. `key_of` keeps what is usual as it is.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Callable
from typing import Final, final

_COUNTER_BITS = 12
_LONGEST_KEY: Final = 500
_SHOWN: Final = 100


@final
class JobIds:
    """Makes ids in strictly increasing order.

    Args:
        clock: Returns the time in seconds since the epoch.
    """

    __slots__ = ("_clock", "_last")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Begin at the current time."""
        self._clock = clock
        self._last = 0

    def new(self) -> str:
        """Return an id. Does not wait."""
        now = int(self._clock() * 1000) << _COUNTER_BITS
        self._last = max(now, self._last + 1)
        milliseconds, counter = divmod(self._last, 1 << _COUNTER_BITS)
        random = int.from_bytes(os.urandom(8)) & (1 << 62) - 1
        value = milliseconds << 80 | 7 << 76 | counter << 64 | 2 << 62 | random
        return str(uuid.UUID(int=value & (1 << 128) - 1))


def key_of(name: str) -> str:
    """Return what stores keep for a name: the name, or its beginning and a digest of all of it."""
    data = name.encode(errors="surrogatepass")
    shown = name.replace("\0", "\ufffd").encode(errors="replace").decode()
    if shown == name and len(data) <= _LONGEST_KEY:
        return name
    return f"{shown[:_SHOWN]}…{hashlib.sha256(data).hexdigest()}"
