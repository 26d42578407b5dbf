"""What is checked of a server before it is used: its version, and what it does with the jobs.

Not all of it is an error: a cache that holds jobs may be what its users want, for a while.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from photon_runtime.drivers.redis import Connections, ResponseError

from ...errors import StoreRefused

_log = logging.getLogger("photon.tasks")

OLDEST: Final = (7, 0)


def check_server(connections: Connections) -> list[str]:
    """Return what endangers jobs on a server, as texts for people.

    Raises:
        StoreRefused: The server is too old.
        RedisError: It does not answer.

    Blocks: the calling task.
    """
    info, save = connections.call([("INFO",), ("CONFIG", "GET", "save")])
    if isinstance(info, ResponseError):
        return []  # a user without that right; what is missing shows when it is used
    facts = _facts(info)
    version = tuple(int(part) for part in facts.get("redis_version", "7.0").split(".")[:2])
    if version < OLDEST:
        raise StoreRefused(
            f"Redis {facts['redis_version']} is too old for jobs: 7.0 is the oldest version that "
            "refuses a whole script when it has no memory left, instead of a part of it"
        )
    warnings = []
    is_stored = facts.get("aof_enabled") == "1" or _is_saved(save)
    if not is_stored:
        warnings.append(
            "it stores nothing on disk: a restart loses all jobs. Set appendonly yes (which may "
            "lose the last second) and, to lose nothing at all, appendfsync always"
        )
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        warnings.append(
            f"its maxmemory-policy is {policy}: it removes jobs when its memory is full. Set "
            "maxmemory-policy noeviction"
        )
    return warnings


def _is_saved(reply: Any) -> bool:
    """Return whether snapshots are stored; true if the server does not say."""
    return isinstance(reply, ResponseError) or (len(reply) > 1 and bool(reply[1]))


def _facts(info: bytes) -> dict[str, str]:
    lines = info.decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
