"""Token buckets in memory or in Redis.

Theory of operation. A bucket holds up to ``capacity`` tokens and is filled at a steady ``rate``.
Each request takes one token; if the bucket is empty, the request is refused. Buckets are not filled
in the background: when a token is taken, the bucket first gets the tokens that have accrued since
its last use.

Memory: each worker has buckets of its own, so that with four workers a client may send up to four
times as many requests. There are at most ``max_keys`` buckets; then the least recently used one is
discarded, which is usually the fullest.

Redis: all workers and machines share the buckets. A script does the whole step in the server, by
the server's clock, so that two requests cannot take the same token; a bucket that would be full
again expires.
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
    """The result of taking a token.

    Attributes:
        is_granted: True if a token was available.
        left: Number of tokens that are left, with fractions.
    """

    is_granted: bool
    left: float


class RateStore(Protocol):
    """A store of token buckets."""

    def take(self, key: str, *, capacity: float, rate: float) -> Taken:
        """Take a token.

        Args:
            key: The key of the bucket.
            capacity: Maximum number of tokens in the bucket.
            rate: Tokens per second that are added to the bucket.

        Blocks: the calling task, if the store is remote.
        """
        ...


@attrs.define(kw_only=True, eq=False)
class MemoryStore:
    """A store of buckets in this process.

    Attributes:
        max_keys: Maximum number of buckets.
        clock: Function that returns the time in seconds.
    """

    max_keys: int = attrs.field(default=10_000, validator=ge(1))
    clock: Callable[[], float] = attrs.field(default=time.monotonic, repr=False)
    _buckets: OrderedDict[str, tuple[float, float]] = attrs.field(
        init=False, repr=False, factory=OrderedDict
    )
    _lock: threading.Lock = attrs.field(init=False, repr=False, factory=threading.Lock)

    def take(self, key: str, *, capacity: float, rate: float) -> Taken:
        """Take a token; see `RateStore`."""
        with self._lock:  # guards against other threads only: tasks never wait inside of it
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
        """Return the number of buckets."""
        return len(self._buckets)


# Redis truncates a number that a script returns to an integer: hence the strings.
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
    """The required interface of a Redis client; ``redis.Redis`` implements it."""

    def register_script(self, script: str) -> Callable[..., Any]:
        """Return a function that runs the script: ``script(keys=[...], args=[...])``."""
        ...


class RedisStore:
    """A store of buckets in Redis or Valkey, for all workers and machines.

    Args:
        client: A client with the interface of redis-py. Its sockets must cooperate, as they do
            under ``photon run``, and it should have a short ``socket_timeout``.
        prefix: Prefix of all keys.

    Example:
        ``app.middleware(RateLimit(requests=100, store=RedisStore(redis.Redis(socket_timeout=1))))``
    """

    def __init__(self, client: RedisClient, *, prefix: str = "photon:rate:") -> None:
        """Prepare the script without sending anything yet."""
        self._run = client.register_script(_SCRIPT)
        self._prefix = prefix

    def __repr__(self) -> str:
        """Show the prefix."""
        return f"RedisStore(prefix={self._prefix!r})"

    def take(self, key: str, *, capacity: float, rate: float) -> Taken:
        """Take a token; see `RateStore`.

        Raises:
            Exception: Any exception that the client raises if Redis is unavailable.
        """
        granted, left = self._run(keys=[self._prefix + key], args=[capacity, rate])
        return Taken(bool(granted), float(left))
