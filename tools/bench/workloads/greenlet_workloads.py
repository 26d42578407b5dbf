"""The workloads of ``tools/bench/coroutines.py`` on greenlets, whoever schedules them.

Each function does the workload ``number`` times and returns the seconds that took. What differs
between runtimes is given in; what is called in a measured loop is a local name there, so the loop
itself costs the same with each.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

MESSAGE = b"x" * 100


class Runtime(NamedTuple):
    """What schedules the greenlets; typed loosely, since its packages are not of one environment.

    Attributes:
        run: Calls a function, with arguments, as the first greenlet and returns its result.
        spawn: Starts another one and returns what has ``join()``.
        give_way: Lets the others have their turn.
        lock: Makes a lock.
        channel: Makes a queue for one item and returns what puts it in, and what takes it out.
        socket: Makes a TCP socket.
        connect: Connects one to an address.
    """

    run: Callable[..., float]
    spawn: Callable[[Callable[[], object]], Any]
    give_way: Callable[[], object]
    lock: Callable[[], Any]
    channel: Callable[[], tuple[Callable[[int], object], Callable[[], int]]]
    socket: Callable[[], Any]
    connect: Callable[[Any], Any]


def spawn(runtime: Runtime, number: int) -> float:
    """Spawn ``number`` tasks, a thousand at a time, and wait for the end of each."""
    spawn = runtime.spawn

    def nothing() -> None:
        return None

    began = time.perf_counter()
    for _ in range(number // 1000):
        for task in [spawn(nothing) for _ in range(1000)]:
            task.join()
    return time.perf_counter() - began


def switch(runtime: Runtime, number: int) -> float:
    """Let two tasks give each other their turn: two switches each."""
    give_way = runtime.give_way

    def turns() -> None:
        for _ in range(number):
            give_way()

    return _both(runtime, turns)


def channel(runtime: Runtime, number: int) -> float:
    """Send an item to a task and receive its answer."""
    send, receive_there = runtime.channel()
    send_back, receive = runtime.channel()

    def answer() -> None:
        for _ in range(number):
            send_back(receive_there())

    runtime.spawn(answer)
    began = time.perf_counter()
    for item in range(number):
        send(item)
        receive()
    return time.perf_counter() - began


def lock(runtime: Runtime, number: int) -> float:
    """Hand two locks to and fro: each task waits for the one that the other frees."""
    mine, yours = runtime.lock(), runtime.lock()
    mine.acquire()
    yours.acquire()

    def answer() -> None:
        for _ in range(number // 2):
            yours.acquire()
            mine.release()

    answering = runtime.spawn(answer)
    began = time.perf_counter()
    for _ in range(number // 2):
        yours.release()
        mine.acquire()
    took = time.perf_counter() - began
    answering.join()
    return took


def contended_lock(runtime: Runtime, number: int) -> float:
    """Let two tasks take one lock in turn, each giving up its turn while it holds it.

    Where who releases may take it again before the one that waits, it is seldom handed over.
    """
    wanted, give_way = runtime.lock(), runtime.give_way

    def take() -> None:
        for _ in range(number // 2):
            with wanted:
                give_way()

    return _both(runtime, take)


def free_lock(runtime: Runtime, number: int) -> float:
    """Take and free a lock that nobody else wants."""
    wanted = runtime.lock()
    began = time.perf_counter()
    for _ in range(number):
        wanted.acquire()
        wanted.release()
    return time.perf_counter() - began


def free_channel(runtime: Runtime, number: int) -> float:
    """Put an item into a channel with room and take it out again, in one task."""
    send, receive = runtime.channel()
    began = time.perf_counter()
    for item in range(number):
        send(item)
        receive()
    return time.perf_counter() - began


def echo(runtime: Runtime, number: int) -> float:
    """Send 100 bytes over TCP to a task and receive them again."""
    listener = runtime.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()

    def answer() -> None:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := connection.recv(4096):
            connection.sendall(data)
        connection.close()

    runtime.spawn(answer)
    with runtime.connect(listener.getsockname()) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        for _ in range(number):
            client.sendall(MESSAGE)
            client.recv(4096)
        took = time.perf_counter() - began
    listener.close()
    return took


def _both(runtime: Runtime, work: Callable[[], object]) -> float:
    """Return the seconds that two tasks take to do the same beside each other."""
    began = time.perf_counter()
    first, second = runtime.spawn(work), runtime.spawn(work)
    first.join()
    second.join()
    return time.perf_counter() - began


WORKLOADS = {
    work.__name__: work
    for work in (spawn, switch, channel, lock, contended_lock, echo, free_lock, free_channel)
}


def main(runtime: Runtime) -> None:
    """Do the workload that the command line names, as often as it says, and print the seconds."""
    work, number = WORKLOADS[sys.argv[1]], int(sys.argv[2])
    runtime.run(work, runtime, number // 10)  # warm up
    print(runtime.run(work, runtime, number))
