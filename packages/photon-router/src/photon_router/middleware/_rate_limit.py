"""Limits requests per time window, for each client or another key.

The fields ``RateLimit-Policy`` and ``RateLimit`` are those of draft-ietf-httpapi-ratelimit-headers:
the quota and its window, and the number of requests that are left now.
"""

from __future__ import annotations

import copy
import hashlib
import ipaddress
import logging
import math
import re
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import attrs
from attrs.validators import ge, gt

from photon_runtime.callables import require_function, require_value
from photon_runtime.http import Handler, HttpError, Request, Response
from photon_runtime.signatures import require_call

from ..handlers import Middleware
from ._bucket import MemoryStore, RateStore, Taken
from ._layer import Layer, Operations, Rules, rule_for, rules_of
from ._paths import HEALTH, PathSet, is_paths

_log = logging.getLogger("photon.middleware")

EXTENSION = "x-photon-rate-limit"
_OPTIONS = ("requests", "window", "burst")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_LONGEST_KEY = 128
_OUTAGE = 60.0

KeyFunction: TypeAlias = Callable[[Request], str | None]
"""Returns the key of a request; ``None`` counts it by its address."""


def client_address(request: Request) -> str:
    """Return the address of the client, also behind trusted proxies.

    Of an IPv6 address only the first 64 bits, because a client usually has the whole network.
    """
    client = request.client
    host = client[0] if isinstance(client, tuple) else client
    if not host:
        return "unix"
    return _network(host) if ":" in host else host


@lru_cache(maxsize=4096)
def _network(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


def _as_key(value: KeyFunction | str) -> KeyFunction:
    if value == "client":
        return client_address
    if not callable(value):
        raise TypeError(
            "key is `client`, or in code a function that takes a request and returns a string, "
            f"not {value!r}"
        )
    require_call(value, "the key of a rate limit", "request")
    return value


def _as_store(value: RateStore | None) -> RateStore:
    if value is None:
        return MemoryStore()
    if not callable(getattr(value, "take", None)):
        raise TypeError("a store is passed in code, as in RateLimit(store=RedisStore(client))")
    require_function(value.take, "the store of a rate limit")
    return value


def _is_name(layer: RateLimit, field: object, value: str) -> None:
    if not _NAME.fullmatch(value):
        raise ValueError(f"a name consists of letters, digits and `_.-`, not {value!r}")


def _bounded(key: str) -> str:
    """Return a key of bounded length, so that clients cannot fill or break a store."""
    if len(key) <= _LONGEST_KEY and key.isascii():
        return f"key:{key}"
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass"))
    return f"digest:{digest.hexdigest()}"


@attrs.define(kw_only=True, eq=False)
class RateLimit(Layer):
    """Limits the requests of each client per time window, then 429 with ``Retry-After``.

    As middleware of the application it uses ``x-photon-rate-limit`` of an operation if that is
    declared: ``false`` for no limit, or an object with ``requests``, ``window`` and ``burst``; the
    requests of such an operation are counted separately. As middleware of a router it counts the
    requests of the router's handlers, after authentication.

    Attributes:
        requests: Number of requests per window, in the long run.
        window: Length of the window in seconds.
        burst: Maximum number of requests at once; ``None`` for the number of a window.
        key: The key that is counted: ``client`` for the address, or a function that takes a
            request and returns a string, or ``None`` for the address. Of a string of more than 128
            characters, or one that is not ASCII, a store gets a digest.
        name: Name of the limit, which separates it from others in one store, and is sent to
            clients.
        store: The store of the counts; by default in this process, for up to 10,000 clients.
        passes_on_failure: True if requests are not limited while the store fails; otherwise they
            are refused with 503. A failure is logged if there was none in the minute before.
        exempt_paths: Paths that are not counted, such as those that a load balancer requests
            regularly.

    Raises:
        ValueError: An option is invalid; the message gives the reason.
    """

    requests: int = attrs.field(default=100, validator=ge(1))
    window: float = attrs.field(default=60.0, validator=gt(0))
    burst: int | None = attrs.field(default=None)
    key: KeyFunction = attrs.field(default=client_address, converter=_as_key)
    name: str = attrs.field(default="default", validator=_is_name)
    store: RateStore = attrs.field(default=None, converter=_as_store)
    passes_on_failure: bool = False
    exempt_paths: Sequence[str] = attrs.field(default=HEALTH, validator=is_paths)
    _exempt: PathSet = attrs.field(init=False, repr=False)
    _capacity: int = attrs.field(init=False, repr=False)
    _rate: float = attrs.field(init=False, repr=False)
    _policy: str = attrs.field(init=False, repr=False)
    _rules: Rules[RateLimit | None] = attrs.field(init=False, repr=False, factory=dict)
    _failed_at: float = attrs.field(init=False, repr=False, default=-math.inf)

    def __attrs_post_init__(self) -> None:
        """Compute capacity and rate of the bucket."""
        if self.burst is not None and self.burst < 1:
            raise ValueError(f"burst must be at least 1, not {self.burst}")
        if not math.isfinite(self.window):
            raise ValueError(f"window must be a number of seconds, not {self.window}")
        self._exempt = PathSet(self.exempt_paths)
        self._capacity = self.requests if self.burst is None else self.burst
        self._rate = self.requests / self.window
        self._policy = f'"{self.name}";q={self.requests};w={math.ceil(self.window)}'

    def bind(self, operations: Operations) -> Middleware:
        """Read ``x-photon-rate-limit`` of the operations."""
        bound = copy.copy(self)
        bound._rules = {
            key: self._of_operation(value, route.operation_id or f"{key[1]}{route.template}")
            for key, (route, value) in rules_of(operations, EXTENSION).items()
        }
        return bound

    def _of_operation(self, value: Any, name: str) -> RateLimit | None:
        if value is False:
            return None
        if not isinstance(value, dict) or not value.keys() <= set(_OPTIONS):
            raise ValueError(
                f"{name}: {EXTENSION} is false or an object with any of {', '.join(_OPTIONS)}"
            )
        try:
            own = re.sub(r"[^A-Za-z0-9_.-]", "-", name)
            return attrs.evolve(self, **{"burst": None, "name": own, **value})
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: {EXTENSION}: {error.args[0]}") from None

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Take a token, or refuse."""
        if request.raw_path in self._exempt:
            return call_next(request)
        limit = rule_for(request, self._rules, self) if self._rules else self
        if limit is None:
            return call_next(request)
        result = limit._take(request)
        if result is None:
            return call_next(request)
        if not result.is_granted:
            raise limit._refusal(result)
        response = call_next(request)
        response.headers += limit._fields(result)
        return response

    def _take(self, request: Request) -> Taken | None:
        key = None if self.key is client_address else require_value(self.key(request), self.key)
        own = f"address:{client_address(request)}" if key is None else _bounded(key)
        try:
            return self.store.take(f"{self.name}:{own}", capacity=self._capacity, rate=self._rate)
        except Exception as error:
            self._log_failure()
            if self.passes_on_failure:
                return None
            raise HttpError(
                503, "the rate limit is unavailable", headers={"retry-after": "1"}
            ) from error

    def _log_failure(self) -> None:
        """Log the current exception, once per outage, because every request fails."""
        now = time.monotonic()
        if now - self._failed_at > _OUTAGE:
            _log.exception("the store of the rate limit %r failed", self.name)
        self._failed_at = now

    def _refusal(self, result: Taken) -> HttpError:
        seconds = max(1, math.ceil((1.0 - result.left) / self._rate))
        return HttpError(
            429,
            f"too many requests; try again in {seconds} s",
            headers={"retry-after": str(seconds), **dict(self._fields(result))},
        )

    def _fields(self, result: Taken) -> list[tuple[str, str]]:
        reset = math.ceil((self._capacity - result.left) / self._rate)
        left = f'"{self.name}";r={int(result.left)};t={reset}'
        return [("ratelimit-policy", self._policy), ("ratelimit", left)]
