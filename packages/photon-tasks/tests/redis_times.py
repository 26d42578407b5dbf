"""`advance_times`: a later time for the jobs in a Redis, whose clock cannot be moved."""

from __future__ import annotations

from typing import Any

import redis

_PREFIX = "{photon:jobs}:"
_JOB_TIMES = ("e", "d", "b", "z", "y")
_SORTED_BY_TIME = ("due", "ended", "dead", "workers")


def advance_times(url: str, seconds: float) -> None:
    """Move all times of the jobs of a server into the past."""
    with redis.Redis.from_url(url) as client:
        for key in [*client.scan_iter(f"{_PREFIX}*")]:
            kind, _, rest = key.decode().removeprefix(_PREFIX).partition(":")
            if kind == "j" and rest:
                _move_fields(client, key, _JOB_TIMES, seconds)
            elif kind == "w" and rest:
                _move_fields(client, key, ("started",), seconds)
            elif kind in _SORTED_BY_TIME or (kind == "d" and rest):
                scores = client.zrange(key, 0, -1, withscores=True)
                client.zadd(key, {member: score - seconds for member, score in scores})
            elif (left := client.pttl(key)) > 0:
                client.pexpire(key, max(0, round(left - seconds * 1000)))


def _move_fields(client: Any, key: bytes, names: tuple[str, ...], seconds: float) -> None:
    for name in names:
        time = client.hget(key, name)
        if time is not None:
            client.hset(key, name, f"{float(time) - seconds:.6f}")
