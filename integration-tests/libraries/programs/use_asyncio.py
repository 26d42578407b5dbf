"""asyncio: an event loop in each of many coroutines at once."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from lateness import many
from program import MANY, SLOW, perform

from photon_runtime import DeadlineExceeded, deadline, spawn

warnings.simplefilter("error")

NUMBER: contextvars.ContextVar[int] = contextvars.ContextVar("NUMBER")


def in_loops(call: Callable[[int], Any], count: int = MANY) -> dict[str, Any]:
    """Make many calls at once beside a probe; nothing of their loops may be left."""
    found = many(call, count)
    assert asyncio._get_running_loop() is None
    assert tuple(sys.get_asyncgen_hooks()) == (None, None)
    assert sys.get_coroutine_origin_tracking_depth() == 0
    return found


def runs(_: str) -> object:
    """`asyncio.run` with tasks, groups and time limits inside."""

    async def part(number: int) -> int:
        await asyncio.sleep(SLOW / 2)
        return number

    async def main(number: int) -> int:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(SLOW / 2):
                await asyncio.Event().wait()
        except TimeoutError:
            pass
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(part(number)) for _ in range(3)]
        assert asyncio.get_running_loop() is asyncio.get_event_loop() is loop
        assert asyncio.all_tasks() == {asyncio.current_task()}
        [answer] = {part.result() for part in parts}
        return answer

    return in_loops(lambda number: asyncio.run(main(number), debug=number % 2 == 0))


def loops_by_hand(_: str) -> object:
    """`asyncio.Runner`, and loops that the caller makes, sets and closes."""

    async def main(number: int) -> int:
        await asyncio.sleep(SLOW / 2)
        NUMBER.set(number)
        return number

    def by_runner(number: int) -> int:
        with asyncio.Runner() as runner:
            runner.run(main(number))
            assert runner.get_loop() is not None
            return runner.run(asyncio.wait_for(main(number), 10))

    def by_hand(number: int) -> int:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(main(-1))
            assert asyncio.get_event_loop_policy().get_event_loop() is loop
            return loop.run_until_complete(main(number))
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    return in_loops(lambda number: (by_hand if number % 2 else by_runner)(number))


def waits_inside(_: str) -> object:
    """Calls of the patch that wait inside of an ``async def`` hold up their own loop only."""

    def other() -> bool:
        return asyncio._get_running_loop() is None

    async def main(number: int) -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        clean = spawn(other)
        thread = threading.Thread(target=lambda: states.append(other()))
        thread.start()
        time.sleep(SLOW / 2)
        thread.join()
        assert clean.result()
        assert asyncio.get_running_loop() is loop
        assert asyncio.current_task() is task
        await asyncio.sleep(SLOW / 2)
        assert asyncio.get_running_loop() is loop
        return number

    states: list[bool] = []
    found = in_loops(lambda number: asyncio.run(main(number)))
    assert all(states)
    return found


def other_threads(_: str) -> object:
    """Executors, and wake-ups of a loop from elsewhere."""

    def work(number: int) -> int:
        assert asyncio._get_running_loop() is None
        time.sleep(SLOW / 3)
        return number

    async def answer(number: int) -> int:
        await asyncio.sleep(SLOW / 3)
        return number

    async def main(number: int) -> int:
        loop = asyncio.get_running_loop()
        NUMBER.set(number)
        assert await asyncio.to_thread(lambda: NUMBER.get()) == number
        assert await asyncio.to_thread(work, number) == number
        assert await loop.run_in_executor(None, work, number) == number
        event = asyncio.Event()
        spawn(lambda: loop.call_soon_threadsafe(event.set))
        await asyncio.wait_for(event.wait(), 10)
        asked = spawn(lambda: asyncio.run_coroutine_threadsafe(answer(number), loop).result(10))
        while not asked.done:
            await asyncio.sleep(0.01)
        return asked.result()

    return in_loops(lambda number: asyncio.run(main(number)))


def generators(_: str) -> object:
    """Asynchronous generators that are left are closed by their own loops."""
    closed: list[int] = []
    kept: list[AsyncIterator[int]] = []

    async def numbers(number: int) -> AsyncIterator[int]:
        loop = asyncio.get_running_loop()
        try:
            while True:
                await asyncio.sleep(SLOW / 3)
                yield number
        finally:
            await asyncio.sleep(SLOW / 30)
            assert asyncio.get_running_loop() is loop
            closed.append(number)

    async def main(number: int) -> int:
        async for _ in numbers(number):
            break
        kept.append(numbers(number))  # closed at the end of the loop
        return await anext(kept[-1])

    found = in_loops(lambda number: asyncio.run(main(number)))
    assert len(closed) % (2 * MANY) == 0
    assert set(closed) == set(range(MANY))
    return found


def processes(_: str) -> object:
    """Child processes; each is waited for by its own loop."""

    async def main(number: int) -> int:
        child = await asyncio.create_subprocess_exec(
            "sh", "-c", f"sleep {SLOW}; echo {number}", stdout=asyncio.subprocess.PIPE
        )
        output, _ = await child.communicate()
        assert child.returncode == 0
        return int(output)

    return in_loops(lambda number: asyncio.run(main(number)), 8)


def streams(_: str) -> object:
    """A server and its client, in one loop for each coroutine."""

    async def main(number: int) -> int:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            line = await reader.readline()
            await asyncio.sleep(SLOW)
            writer.write(line)
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(echo, "localhost", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("localhost", port)
            writer.write(f"{number}\n".encode())
            line = await reader.readline()
            writer.close()
            await writer.wait_closed()
        return int(line)

    return in_loops(lambda number: asyncio.run(main(number)))


def deadlines(_: str) -> object:
    """A deadline ends the wait, after the loop has cleaned up."""
    cleaned: list[int] = []

    async def part(number: int) -> None:
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(SLOW / 3)
            cleaned.append(number)

    async def waits(number: int) -> None:
        other = asyncio.create_task(part(number))
        await part(number)
        await other

    async def blocks(number: int) -> None:
        try:
            time.sleep(30)
        finally:
            cleaned.extend((number, number))

    def call(number: int) -> int:
        main: Callable[[int], Coroutine[Any, Any, None]] = blocks if number % 4 == 0 else waits
        try:
            with deadline(SLOW / 2):
                asyncio.run(main(number))
        except DeadlineExceeded:
            return number
        raise AssertionError("the deadline has ended nothing")

    found = in_loops(call)
    assert sorted(set(cleaned)) == list(range(MANY))
    assert len(cleaned) % (2 * MANY) == 0
    return found


if __name__ == "__main__":
    perform(
        runs,
        loops_by_hand,
        waits_inside,
        other_threads,
        generators,
        processes,
        streams,
        deadlines,
    )
