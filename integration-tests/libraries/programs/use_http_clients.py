"""requests, urllib3 and httpx2: many slow requests, and pools after a deadline."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import httpx2
import requests
import urllib3
from program import MANY, SLOW, at_once, perform

from photon_runtime import DeadlineExceeded, deadline

warnings.simplefilter("error")


def strike(call: Callable[[], object]) -> float:
    """Let a deadline end a call; return how long that took."""
    start = time.monotonic()
    try:
        with deadline(0.05):
            call()
    except DeadlineExceeded:
        return time.monotonic() - start
    raise AssertionError("the call was not interrupted")


def many_requests(url: str) -> object:
    """One session for all, as applications have it."""
    with requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=MANY))
        answers, seconds = at_once(lambda number: session.get(f"{url}/slow/{number}").text)
    return {"answers": answers, "seconds": seconds}


def many_by_urllib3(url: str) -> object:
    """By the pool that is there if nothing is said."""
    with urllib3.PoolManager(maxsize=MANY) as pool:
        answers, seconds = at_once(lambda n: pool.request("GET", f"{url}/slow/{n}").data.decode())
    return {"answers": answers, "seconds": seconds}


def bounded_pool(url: str) -> object:
    """Five connections, as in the clients of boto: who finds none waits for one."""
    with urllib3.connectionpool.connection_from_url(url, maxsize=5, block=True) as pool:
        answers, seconds = at_once(
            lambda number: pool.request("GET", f"/slow/{number}").data.decode(), expected=4 * SLOW
        )
        return {"answers": answers, "seconds": seconds, "connections": pool.num_connections}


def many_by_httpx2(url: str) -> object:
    """One client for all."""
    with httpx2.Client(trust_env=False) as client:
        answers, seconds = at_once(lambda number: client.get(f"{url}/slow/{number}").text)
    return {"answers": answers, "seconds": seconds}


def requests_after_deadlines(url: str) -> object:
    """Each deadline costs a connection, and the next call has one that works."""
    with requests.Session() as session:
        longest = max(strike(lambda: session.get(f"{url}/stuck/")) for _ in range(5))
        answers, seconds = at_once(lambda number: session.get(f"{url}/slow/{number}").text, 5)
    return {"answers": answers, "seconds": seconds, "longest": longest}


def bounded_pool_after_deadlines(url: str) -> object:
    """Deadlines in the middle of calls lose no place in the pool."""
    with urllib3.connectionpool.connection_from_url(url, maxsize=2, block=True) as pool:
        longest, _ = at_once(lambda _: strike(lambda: pool.request("GET", "/stuck/")), 2)
        answers, seconds = at_once(
            lambda number: pool.request("GET", f"/slow/{number}", pool_timeout=5).data.decode(), 2
        )
    return {"answers": answers, "seconds": seconds, "longest": max(longest)}


def bounded_pool_in_the_queue(url: str) -> object:
    """With its own time limit for the queue, which is shorter than the deadline, all is well.

    Without one urllib3 gives back a place that it has not got: see docs/coroutine.md.
    """

    def hurry(_: int) -> str:
        try:
            with deadline(10):
                return pool.request("GET", "/slow/1", pool_timeout=SLOW / 3).data.decode()
        except urllib3.exceptions.EmptyPoolError:
            return "full"

    with urllib3.connectionpool.connection_from_url(url, maxsize=2, block=True) as pool:
        first, _ = at_once(hurry, 6)
        answers, seconds = at_once(
            lambda number: pool.request("GET", f"/slow/{number}", pool_timeout=5).data.decode(), 2
        )
        connections = pool.num_connections
    return {
        "first": sorted(first),
        "answers": answers,
        "seconds": seconds,
        "connections": connections,
    }


def httpx2_after_deadlines(url: str) -> object:
    """The same with a client that has two connections."""
    limits = httpx2.Limits(max_connections=2)
    with httpx2.Client(trust_env=False, limits=limits, timeout=20) as client:
        longest, _ = at_once(lambda _: strike(lambda: client.get(f"{url}/stuck/")), 6)
        answers, seconds = at_once(lambda number: client.get(f"{url}/slow/{number}").text, 2)
    return {"answers": answers, "seconds": seconds, "longest": max(longest)}


def timeouts_of_their_own(url: str) -> object:
    """The libraries' timeouts are theirs: their errors, at their time."""
    start = time.monotonic()
    raised = []
    calls: list[Callable[[], object]] = [
        lambda: requests.get(f"{url}/slow/", timeout=SLOW / 3),
        lambda: urllib3.request("GET", f"{url}/slow/", timeout=SLOW / 3, retries=False),
        lambda: httpx2.get(f"{url}/slow/", timeout=SLOW / 3, trust_env=False),
    ]
    for call in calls:
        try:
            call()
        except Exception as error:
            raised.append(type(error).__name__)
    return {"raised": raised, "seconds": time.monotonic() - start}


if __name__ == "__main__":
    perform(
        many_requests,
        many_by_urllib3,
        bounded_pool,
        many_by_httpx2,
        requests_after_deadlines,
        bounded_pool_after_deadlines,
        bounded_pool_in_the_queue,
        httpx2_after_deadlines,
        timeouts_of_their_own,
    )
