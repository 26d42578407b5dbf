# mypy: disable-error-code="import-not-found, import-untyped"
"""The workloads of ``tools/bench/coroutines.py`` on asyncio with uvloop.

Function for function they are those of ``greenlet_workloads``. The echo uses streams, which are
asyncio's way to write what the others write with sockets.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine

import uvloop

MESSAGE = b"x" * 100


async def spawn(number: int) -> float:
    """Make ``number`` tasks, a thousand at a time, and await each."""

    async def nothing() -> None:
        return None

    began = time.perf_counter()
    for _ in range(number // 1000):
        for task in [asyncio.create_task(nothing()) for _ in range(1000)]:
            await task
    return time.perf_counter() - began


async def switch(number: int) -> float:
    """Let two tasks give each other their turn."""

    async def turns() -> None:
        for _ in range(number):
            await asyncio.sleep(0)

    began = time.perf_counter()
    await asyncio.gather(turns(), turns())
    return time.perf_counter() - began


async def channel(number: int) -> float:
    """Put an item into a queue for a task and get its answer."""
    there: asyncio.Queue[int] = asyncio.Queue(1)
    back: asyncio.Queue[int] = asyncio.Queue(1)

    async def answer() -> None:
        for _ in range(number):
            await back.put(await there.get())

    answering = asyncio.create_task(answer())
    began = time.perf_counter()
    for item in range(number):
        await there.put(item)
        await back.get()
    took = time.perf_counter() - began
    await answering
    return took


async def lock(number: int) -> float:
    """Hand two locks to and fro: each task waits for the one that the other frees."""
    mine, yours = asyncio.Lock(), asyncio.Lock()
    await mine.acquire()
    await yours.acquire()

    async def answer() -> None:
        for _ in range(number // 2):
            await yours.acquire()
            mine.release()

    answering = asyncio.create_task(answer())
    began = time.perf_counter()
    for _ in range(number // 2):
        yours.release()
        await mine.acquire()
    took = time.perf_counter() - began
    await answering
    return took


async def contended_lock(number: int) -> float:
    """Let two tasks take one lock in turn, each giving up its turn while it holds it."""
    wanted = asyncio.Lock()

    async def take() -> None:
        for _ in range(number // 2):
            async with wanted:
                await asyncio.sleep(0)

    began = time.perf_counter()
    await asyncio.gather(take(), take())
    return time.perf_counter() - began


async def free_lock(number: int) -> float:
    """Take and free a lock that nobody else wants."""
    wanted = asyncio.Lock()
    began = time.perf_counter()
    for _ in range(number):
        await wanted.acquire()
        wanted.release()
    return time.perf_counter() - began


async def free_channel(number: int) -> float:
    """Put an item into a queue with room and get it again, in one task."""
    items: asyncio.Queue[int] = asyncio.Queue(1)
    began = time.perf_counter()
    for item in range(number):
        await items.put(item)
        await items.get()
    return time.perf_counter() - began


async def echo(number: int) -> float:
    """Send 100 bytes over TCP to a task and receive them again."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    began = time.perf_counter()
    for _ in range(number):
        writer.write(MESSAGE)
        await writer.drain()
        await reader.read(4096)
    took = time.perf_counter() - began
    writer.close()
    server.close()
    return took


WORKLOADS: dict[str, Callable[[int], Coroutine[None, None, float]]] = {
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
    uvloop.run(work(number // 10))  # warm up
    print(uvloop.run(work(number)))
