"""Token buckets, and where they are kept.

Theory of operation. A bucket holds up to ``capacity`` tokens and is filled at a steady ``rate``.
Each request takes one; where there is none, it has to wait until there is. Nothing fills the
buckets in the background: when one is asked for, it gets what has been due since it was last.

Memory: each worker has buckets of its own, so that with four workers a client may do up to four
times as much. There are at most ``max_keys`` of them; then the one that was not used for longest
is given up, which is the one that is fullest, as a rule.

Redis: all workers and machines share the buckets. A script does the whole step in the server, by
the server's clock, so that no two can take the same token; a bucket that would be full again
expires.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import attrs
from attrs.validators import ge


class Taken(NamedTuple):
    """What came of taking a token.

    Attributes:
        is_granted: Whether there was one.
        left: Tokens that are left, with fractions.
    """

    is_granted: bool
    left: float


class RateStore(Protocol):
    """Where buckets are kept."""

    def take(self, key: str, *, capacity: float, rate: float) -> Taken:
        """Take a token.

        Args:
            key: Whose bucket.
            capacity: Tokens that it holds at most.
            rate: Tokens that it gets per second.

        Blocks: the calling task, if the store is elsewhere.
        """
        ...


@attrs.define(kw_only=True, eq=False)
class MemoryStore:
    """Keeps buckets in this process.

    Attributes:
        max_keys: How many at most.
        clock: The time in seconds.
    """

    max_keys: int = attrs.field(default=10_000, validator=ge(1))
    clock: Callable[[], float] = attrs.field(default=time.monotonic, repr=False)
    _buckets: OrderedDict[str, tuple[float, float]] = attrs.field(
        init=False, repr=False, factory=OrderedDict
    )
    _lock: threading.Lock = attrs.field(init=False, repr=False, factory=threading.Lock)

    def take(self, key: str, *, capacity: float, rate: float) -> Taken:
        """Take a token; see `RateStore`."""
        with self._lock:  # of other threads alone: within, no task ever waits
            now = self.clock()
            tokens, since = self._buckets.pop(key, (capacity, now))
            tokens = min(capacity, tokens + max(0.0, now - since) * rate)
            is_granted = tokens >= 1.0
            if is_granted:
                tokens -= 1.0
            self._buckets[key] = tokens, now
            if len(self._buckets) > self.max_keys:
                self._buckets.popitem(last=False)
        return Taken(is_granted, tokens)

    def __len__(self) -> int:
        """Return how many buckets there are."""
        return len(self._buckets)


# A number that a script returns is cut down to an integer: hence the texts.
_SCRIPT = """
local capacity, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'since')
local tokens = tonumber(bucket[1]) or capacity
local since = tonumber(bucket[2]) or now
tokens = math.min(capacity, tokens + math.max(0, now - since) * rate)
local granted = 0
if tokens >= 1 then
  granted = 1
  tokens = tokens - 1
end
local left, since = string.format('%.6f', tokens), string.format('%.6f', now)
redis.call('HSET', KEYS[1], 'tokens', left, 'since', since)
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) / rate * 1000) + 1000)
return {granted, left}
"""


class RedisClient(Protocol):
    """What is needed of a client of Redis; ``redis.Redis`` has it."""

    def register_script(self, script: str) -> Callable[..., Any]:
        """Return a function that runs the script: ``script(keys=[...], args=[...])``."""
        ...


class RedisStore:
    """Keeps buckets in Redis or Valkey, for all workers and machines.

    Args:
        client: A client with the interface of redis-py. Its sockets must cooperate, as they do
            under ``photon run``, and it should have a short ``socket_timeout``.
        prefix: Put before all keys.

    Example:
        ``app.middleware(RateLimit(requests=100, store=RedisStore(redis.Redis(socket_timeout=1))))``
    """

    def __init__(self, client: RedisClient, *, prefix: str = "photon:rate:") -> None:
        """Prepare the script; nothing is sent yet."""
        self._run = client.register_script(_SCRIPT)
        self._prefix = prefix

    def __repr__(self) -> str:
        """Show the prefix."""
        return f"RedisStore(prefix={self._prefix!r})"

    def take(self, key: str, *, capacity: float, rate: float) -> Taken:
        """Take a token; see `RateStore`.

        Raises:
            Exception: Whatever the client raises when Redis is not there.
        """
        granted, left = self._run(keys=[self._prefix + key], args=[capacity, rate])
        return Taken(bool(granted), float(left))
