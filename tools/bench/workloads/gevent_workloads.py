# mypy: disable-error-code="import-not-found, import-untyped"
"""The workloads of ``tools/bench/coroutines.py`` on gevent, function for function.

Each function does the workload ``number`` times and returns the seconds that took.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import gevent
from gevent import socket
from gevent.lock import BoundedSemaphore
from gevent.queue import Queue

MESSAGE = b"x" * 100


def spawn(number: int) -> float:
    """Spawn ``number`` greenlets, a thousand at a time, and wait for the end of each."""

    def nothing() -> None:
        return None

    began = time.perf_counter()
    for _ in range(number // 1000):
        for task in [gevent.spawn(nothing) for _ in range(1000)]:
            task.join()
    return time.perf_counter() - began


def switch(number: int) -> float:
    """Let two greenlets give each other their turn."""

    def turns() -> None:
        for _ in range(number):
            gevent.sleep(0)

    began = time.perf_counter()
    gevent.joinall([gevent.spawn(turns), gevent.spawn(turns)])
    return time.perf_counter() - began


def channel(number: int) -> float:
    """Put an item into a queue for a greenlet and get its answer."""
    there, back = Queue(1), Queue(1)

    def answer() -> None:
        for _ in range(number):
            back.put(there.get())

    gevent.spawn(answer)
    began = time.perf_counter()
    for item in range(number):
        there.put(item)
        back.get()
    return time.perf_counter() - began


def lock(number: int) -> float:
    """Hand two locks to and fro: each greenlet waits for the one that the other frees."""
    mine, yours = BoundedSemaphore(1), BoundedSemaphore(1)
    mine.acquire()
    yours.acquire()

    def answer() -> None:
        for _ in range(number // 2):
            yours.acquire()
            mine.release()

    answering = gevent.spawn(answer)
    began = time.perf_counter()
    for _ in range(number // 2):
        yours.release()
        mine.acquire()
    took = time.perf_counter() - began
    answering.join()
    return took


def contended_lock(number: int) -> float:
    """Let two greenlets want one lock, each giving up its turn while it holds it.

    Who releases may take it again before the one that waits: gevent's lock is seldom handed over.
    """
    wanted = BoundedSemaphore(1)

    def take() -> None:
        for _ in range(number // 2):
            with wanted:
                gevent.sleep(0)

    began = time.perf_counter()
    gevent.joinall([gevent.spawn(take), gevent.spawn(take)])
    return time.perf_counter() - began


def free_lock(number: int) -> float:
    """Take and free a lock that nobody else wants."""
    wanted = BoundedSemaphore(1)
    began = time.perf_counter()
    for _ in range(number):
        wanted.acquire()
        wanted.release()
    return time.perf_counter() - began


def free_channel(number: int) -> float:
    """Put an item into a queue with room and get it again, in one greenlet."""
    items = Queue(1)
    began = time.perf_counter()
    for item in range(number):
        items.put(item)
        items.get()
    return time.perf_counter() - began


def echo(number: int) -> float:
    """Send 100 bytes over TCP to a greenlet and receive them again."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()

    def answer() -> None:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := connection.recv(4096):
            connection.sendall(data)
        connection.close()

    gevent.spawn(answer)
    with socket.create_connection(listener.getsockname()) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        for _ in range(number):
            client.sendall(MESSAGE)
            client.recv(4096)
        took = time.perf_counter() - began
    listener.close()
    return took


WORKLOADS: dict[str, Callable[[int], float]] = {
    work.__name__: work
    for work in (
        spawn,
        switch,
        channel,
        lock,
        contended_lock,
        echo,
        free_lock,
        free_channel,
    )
}

if __name__ == "__main__":
    work, number = WORKLOADS[sys.argv[1]], int(sys.argv[2])
    gevent.spawn(work, number // 10).get()  # warm up
    print(gevent.spawn(work, number).get())
