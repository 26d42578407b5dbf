"""redis-py: commands that wait, pools, subscriptions and locks."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from program import MANY, SLOW, at_once, perform

from photon_runtime import DeadlineExceeded, deadline, scope

warnings.simplefilter("error")


@contextmanager
def client_of(url: str, pool: redis.ConnectionPool | None = None) -> Iterator[Any]:
    """Make a client of an empty database; the library's types of answers say little."""
    pool = redis.ConnectionPool.from_url(url) if pool is None else pool
    client: Any = redis.Redis(connection_pool=pool)
    try:
        client.flushdb()
        yield client
    finally:
        pool.disconnect()


def many_commands(url: str) -> object:
    """Each waits for an item that does not come, then asks for one that is there."""
    with client_of(url) as client:

        def call(number: int) -> int:
            assert client.blpop(f"nothing:{number}", timeout=SLOW) is None
            client.set(f"number:{number}", number)
            return int(client.get(f"number:{number}"))

        answers, seconds = at_once(call)
    return {"answers": answers, "seconds": seconds}


def bounded_pool(url: str) -> object:
    """Five connections: who finds none waits for one."""
    pool = redis.BlockingConnectionPool.from_url(url, max_connections=5, timeout=20)
    with client_of(url, pool) as client:

        def call(number: int) -> int:
            client.blpop("nothing", timeout=SLOW)
            return int(client.echo(number))

        answers, seconds = at_once(call, expected=4 * SLOW)
        connected = int(client.info("clients")["connected_clients"])
    return {"answers": answers, "seconds": seconds, "connections": connected}


def pool_after_deadlines(url: str) -> object:
    """Deadlines in the middle of commands and in the queue for a connection lose no place.

    Nor do they leave a command behind on the server that takes what comes later.
    """
    pool = redis.BlockingConnectionPool.from_url(url, max_connections=2, timeout=20)
    with client_of(url, pool) as client:

        def impatient(_: int) -> float:
            start = time.monotonic()
            try:
                with deadline(0.05):
                    client.blpop("queue", timeout=30)
            except DeadlineExceeded:
                return time.monotonic() - start
            raise AssertionError("the call was not interrupted")

        longest, _ = at_once(impatient, 6)
        time.sleep(0.05)  # for the server to see that they have gone
        client.rpush("queue", "kept")
        kept = client.lpop("queue").decode()
        answers, _ = at_once(lambda number: int(client.echo(number)), MANY)
    return {"answers": answers, "kept": kept, "longest": max(longest)}


def subscription(url: str) -> object:
    """One listens in a thread of the library while others publish."""
    heard: list[str] = []
    with client_of(url) as client, client.pubsub() as listener:
        listener.subscribe(news=lambda message: heard.append(message["data"].decode()))
        thread = listener.run_in_thread(sleep_time=0.05)

        def publish(number: int) -> None:
            while client.publish("news", str(number)) == 0:
                time.sleep(0.01)

        with scope() as tasks:
            for number in range(MANY):
                tasks.spawn(publish, number)
        expires = time.monotonic() + 10
        while len(heard) < MANY and time.monotonic() < expires:
            time.sleep(0.01)
        thread.stop()
        thread.join(10)
        return {"answers": sorted(map(int, heard)), "alive": thread.is_alive()}


def locks(url: str) -> object:
    """The library's lock, and a pipeline under it: nobody overtakes anybody."""
    with client_of(url) as client:

        def add(_: int) -> None:
            with client.lock("lock", timeout=20, sleep=0.005):
                value = int(client.get("count") or 0)
                with client.pipeline() as pipe:
                    pipe.set("count", value + 1)
                    pipe.execute()

        with scope() as tasks:
            for number in range(MANY):
                tasks.spawn(add, number)
        return {"count": int(client.get("count"))}


if __name__ == "__main__":
    perform(
        many_commands,
        bounded_pool,
        pool_after_deadlines,
        subscription,
        locks,
    )
