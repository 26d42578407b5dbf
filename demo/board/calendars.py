"""The calendars of the team: a slow remote service.

This is a replacement that waits as a call over the network would: an ordinary call that blocks its
own coroutine and nothing else.
"""

from __future__ import annotations

import zlib

from photon import sleep


def free_hours(name: str, *, delay: float) -> int:
    """Return the free hours of a member this week.

    Args:
        name: The member.
        delay: Seconds until the service responds.

    Blocks: the calling coroutine, for ``delay`` seconds.
    """
    sleep(delay)
    return zlib.crc32(name.encode()) % 20
