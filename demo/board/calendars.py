"""The calendars of the team: a service elsewhere, and a slow one.

This is a stand-in that waits as a call over the network would. The waiting is what matters: it is
an ordinary call that blocks its own coroutine and nothing else.
"""

from __future__ import annotations

import zlib

from photon import sleep


def free_hours(name: str, *, delay: float) -> int:
    """Return how many hours somebody has left this week.

    Args:
        name: Whose calendar.
        delay: Seconds that the service takes.

    Blocks: the calling coroutine, for ``delay`` seconds.
    """
    sleep(delay)
    return zlib.crc32(name.encode()) % 20
