"""Libraries on top of asyncio: each coroutine has an event loop of its own."""

from __future__ import annotations

import asyncio
import logging
import time
import warnings
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import asgiref.sync
import asyncpg  # type: ignore[import-untyped]
import httpx
import psycopg
import redis.asyncio
import websockets.asyncio.client
import websockets.asyncio.server
from lateness import many
from program import MANY, SLOW, at_once, perform
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from photon_runtime import DeadlineExceeded, deadline, spawn

warnings.simplefilter("error")


def by_anyio(_: str) -> object:
    """`anyio.run` with a task group, a time limit, threads and the way back into the loop."""

    def work(number: int) -> int:
        time.sleep(SLOW / 3)
        return anyio.from_thread.run(back, number)

    async def back(number: int) -> int:
        await anyio.sleep(SLOW / 3)
        return number

    async def part(number: int, answers: list[int]) -> None:
        answers.append(await anyio.to_thread.run_sync(work, number))

    async def main(number: int) -> int:
        with anyio.move_on_after(SLOW / 3):
            await anyio.sleep(30)
        answers: list[int] = []
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(part, number, answers)
        [answer] = set(answers)
        return answer

    anyio.run(anyio.sleep, 0)  # imports
    return many(lambda number: anyio.run(main, number))


def by_portal(_: str) -> object:
    """A portal into a loop that runs in a thread of its own."""

    async def main(number: int) -> int:
        await anyio.sleep(SLOW)
        return number

    def call(number: int) -> int:
        with anyio.from_thread.start_blocking_portal() as portal:
            return portal.call(main, number)

    anyio.run(anyio.sleep, 0)  # imports
    return many(call)


def by_asgiref(_: str) -> object:
    """`async_to_sync` and, inside of it, `sync_to_async` in the calling coroutine."""

    def work(number: int) -> int:
        time.sleep(SLOW / 2)
        return number

    async def main(number: int) -> int:
        await asyncio.sleep(SLOW / 2)
        return await asgiref.sync.sync_to_async(work)(number)

    found = many(lambda number: asgiref.sync.async_to_sync(main)(number))
    start = time.monotonic()
    try:
        with deadline(SLOW / 3):
            asgiref.sync.async_to_sync(asyncio.sleep)(SLOW)
    except DeadlineExceeded:
        return {**found, "struck_after": time.monotonic() - start}
    raise AssertionError("the deadline has ended nothing")


def by_httpx(url: str) -> object:
    """`httpx.AsyncClient`, one client in each coroutine."""
    context = httpx.create_ssl_context()  # takes long, so not in each call

    async def main(number: int) -> str:
        async with httpx.AsyncClient(verify=context, trust_env=False, timeout=20) as client:
            return (await client.get(f"{url}/slow/{number}")).text

    asyncio.run(main(0))  # imports
    found = many(lambda number: asyncio.run(main(number)))
    try:
        with deadline(SLOW / 3):
            asyncio.run(main(1))
    except DeadlineExceeded:
        return found
    raise AssertionError("the deadline has ended nothing")


def by_asyncpg(url: str) -> object:
    """A connection and a pool of asyncpg; what a deadline interrupts ends on the server."""

    async def main(number: int) -> int:
        query = "SELECT $1::int, pg_sleep($2)"
        connection = await asyncpg.connect(url)
        try:
            first = await connection.fetchval(query, number, SLOW / 2)
        finally:
            await connection.close()
        async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
            second = await pool.fetchval(query, number, SLOW / 2)
        assert first == second
        return int(second)

    async def wait() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("SELECT 'left', pg_sleep(30)")
        finally:
            await connection.close()

    async def left() -> int:
        connection = await asyncpg.connect(url)
        try:
            return int(
                await connection.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT ''left''%'"
                    " AND state = 'active'"
                )
            )
        finally:
            await connection.close()

    found = many(lambda number: asyncio.run(main(number)))
    try:
        with deadline(SLOW):
            asyncio.run(wait())
    except DeadlineExceeded:
        return {**found, "left": asyncio.run(left())}
    raise AssertionError("the deadline has ended nothing")


def by_sqlalchemy(url: str) -> object:
    """The asynchronous engine runs its code in greenlets of its own; a listener waits in them."""

    def connect() -> AsyncEngine:
        engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
        event.listen(engine.sync_engine, "before_cursor_execute", lambda *_: time.sleep(SLOW / 3))
        return engine

    async def main(number: int) -> int:
        try:
            async with AsyncSession(engines[number]) as session:
                query = text("SELECT CAST(:number AS int), pg_sleep(:seconds)")
                values = {"number": number, "seconds": SLOW / 3}
                return int((await session.execute(query, values)).one()[0])
        finally:
            await engines[number].dispose()

    engines = [connect() for _ in range(MANY)]
    at_once(lambda number: asyncio.run(main(number)))  # imports, and inspects the server
    return many(lambda number: asyncio.run(main(number)))


def by_psycopg(url: str) -> object:
    """Asynchronous connections of psycopg, beside the adapter of the patch for the others."""

    async def main(number: int) -> int:
        async with await psycopg.AsyncConnection.connect(url) as connection:
            query = "SELECT %s::int, pg_sleep(%s)"
            row = await (await connection.execute(query, [number, SLOW])).fetchone()
            assert row is not None
            return int(row[0])

    asyncio.run(main(0))  # imports
    return many(lambda number: asyncio.run(main(number)))


def by_redis(url: str) -> object:
    """redis-py's asynchronous client, which waits in the server."""

    async def main(number: int) -> int:
        async with redis.asyncio.from_url(url) as client:
            await client.set(f"async:{number}", 100 + number)
            await client.blpop([f"async:none:{number}"], timeout=SLOW)
            return int(await client.getdel(f"async:{number}") or 0) - 100

    asyncio.run(main(0))  # imports
    return many(lambda number: asyncio.run(main(number)))


def by_websockets(_: str) -> object:
    """A server and its client in each loop."""

    async def echo(connection: websockets.asyncio.server.ServerConnection) -> None:
        async for message in connection:
            await asyncio.sleep(SLOW)
            await connection.send(message)

    async def main(number: int) -> int:
        async with websockets.asyncio.server.serve(echo, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with websockets.asyncio.client.connect(f"ws://127.0.0.1:{port}") as client:
                await client.send(str(number))
                return int(await client.recv())

    asyncio.run(main(0))  # imports
    return many(lambda number: asyncio.run(main(number)))


def by_grpc(_: str) -> object:
    """`grpc.aio`: clients in 20 loops, and their server in one more, all in one process."""
    logging.getLogger("photon.runtime.patch").setLevel(logging.ERROR)  # the rest of it is in C
    import grpc

    ports: list[int] = []
    stop = asyncio.Event()

    async def answer(request: bytes, _: object) -> bytes:
        await asyncio.sleep(SLOW)
        return request

    async def serve() -> None:
        server = grpc.aio.server()
        methods: Any = {"Slow": grpc.unary_unary_rpc_method_handler(answer)}
        generic = grpc.method_handlers_generic_handler("test.Test", methods)
        server.add_generic_rpc_handlers((generic,))
        ports.append(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
        await stop.wait()
        await server.stop(None)

    async def main(number: int) -> int:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{ports[0]}") as channel:
            method: Any = channel.unary_unary("/test.Test/Slow")
            return int(await method(b"%d" % number))

    loop = asyncio.new_event_loop()
    serving = spawn(loop.run_until_complete, serve())
    while not ports:
        time.sleep(0.01)
    found = many(lambda number: asyncio.run(main(number)))
    loop.call_soon_threadsafe(stop.set)
    serving.join()
    loop.close()
    return found


if __name__ == "__main__":
    perform(
        by_anyio,
        by_portal,
        by_asgiref,
        by_httpx,
        by_asyncpg,
        by_sqlalchemy,
        by_psycopg,
        by_redis,
        by_websockets,
        by_grpc,
    )
