"""The workloads of ``tools/bench/coroutines.py`` on Photon's runtime.

Each function does the workload ``number`` times and returns the seconds that took.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable

import photon_runtime as rt

MESSAGE = b"x" * 100


def spawn(number: int) -> float:
    """Spawn ``number`` tasks, a thousand at a time, and wait for the end of each."""

    def nothing() -> None:
        return None

    began = time.perf_counter()
    for _ in range(number // 1000):
        for task in [rt.spawn(nothing) for _ in range(1000)]:
            task.join()
    return time.perf_counter() - began


def switch(number: int) -> float:
    """Let two tasks give each other their turn: two switches each."""

    def turns() -> None:
        for _ in range(number):
            rt.yield_now()

    began = time.perf_counter()
    first, second = rt.spawn(turns), rt.spawn(turns)
    first.join()
    second.join()
    return time.perf_counter() - began


def channel(number: int) -> float:
    """Send an item to a task and receive its answer."""
    there: rt.Channel[int] = rt.Channel(1)
    back: rt.Channel[int] = rt.Channel(1)

    def answer() -> None:
        for _ in range(number):
            back.send(there.receive())

    rt.spawn(answer)
    began = time.perf_counter()
    for item in range(number):
        there.send(item)
        back.receive()
    return time.perf_counter() - began


def lock(number: int) -> float:
    """Hand two locks to and fro: each task waits for the one that the other frees."""
    mine, yours = rt.Lock(), rt.Lock()
    mine.acquire()
    yours.acquire()

    def answer() -> None:
        for _ in range(number // 2):
            yours.acquire()
            mine.release()

    answering = rt.spawn(answer)
    began = time.perf_counter()
    for _ in range(number // 2):
        yours.release()
        mine.acquire()
    took = time.perf_counter() - began
    answering.join()
    return took


def contended_lock(number: int) -> float:
    """Let two tasks take one lock in turn, each giving up its turn while it holds it."""
    wanted = rt.Lock()

    def take() -> None:
        for _ in range(number // 2):
            with wanted:
                rt.yield_now()

    began = time.perf_counter()
    first, second = rt.spawn(take), rt.spawn(take)
    first.join()
    second.join()
    return time.perf_counter() - began


def free_lock(number: int) -> float:
    """Take and free a lock that nobody else wants."""
    wanted = rt.Lock()
    began = time.perf_counter()
    for _ in range(number):
        wanted.acquire()
        wanted.release()
    return time.perf_counter() - began


def free_channel(number: int) -> float:
    """Put an item into a channel with room and take it out again, in one task."""
    items: rt.Channel[int] = rt.Channel(1)
    began = time.perf_counter()
    for item in range(number):
        items.send(item)
        items.receive()
    return time.perf_counter() - began


def echo(number: int) -> float:
    """Send 100 bytes over TCP to a task and receive them again."""
    listener = rt.Socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()

    def answer() -> None:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := connection.recv(4096):
            connection.sendall(data)
        connection.close()

    rt.spawn(answer)
    with rt.create_connection(listener.getsockname()) as client:
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
    rt.run(work, number // 10)  # warm up
    print(rt.run(work, number))
