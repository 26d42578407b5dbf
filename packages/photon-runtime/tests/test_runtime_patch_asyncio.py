"""Event loops of asyncio in tasks. Programs of their own are patched; other tests are not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from photon_runtime import scope
from photon_runtime.testing import in_hub


def printed(source: str, tmp_path: Path, *, is_patched: bool = True) -> str:
    """Run a program, normally under the patch, and return what it prints."""
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(source))
    patch = ["-m", "photon_runtime.patch"] if is_patched else []
    done = subprocess.run(
        [sys.executable, "-W", "error", *patch, str(script)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@in_hub
def test_without_the_patch_loops_wait_for_each_other_and_hold_up_the_thread() -> None:
    start = time.monotonic()
    with scope() as tasks:
        loops = [
            tasks.spawn(lambda number=number: asyncio.run(asyncio.sleep(0.02, number)))  # type: ignore[misc]  # mypy and defaults
            for number in range(5)
        ]
    assert [loop.result() for loop in loops] == list(range(5))
    assert time.monotonic() - start >= 0.1


@pytest.mark.slow
def test_asyncio_that_was_imported_before_the_patch_belongs_to_tasks_too(tmp_path: Path) -> None:
    program = """
    import asyncio
    asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
    from asyncio import _set_running_loop as kept
    from photon_runtime.patch import patch_stdlib
    patch_stdlib()
    from photon_runtime import run, scope, sleep, spawn

    def own(number):
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        sleep(0)
        assert asyncio.get_event_loop_policy().get_event_loop() is loop
        loop.run_until_complete(asyncio.sleep(0.05))
        kept(loop)
        clean = spawn(asyncio._get_running_loop).result() is None
        kept(None)
        loop.close()
        return clean

    def main():
        with scope() as tasks:
            loops = [tasks.spawn(own, number) for number in range(5)]
        return [loop.result() for loop in loops]

    print(set(run(main)))
    """
    assert printed(program, tmp_path, is_patched=False) == "{True}\n"


@pytest.mark.slow
def test_loops_that_wait_in_c_are_refused_in_tasks_only(tmp_path: Path) -> None:
    (tmp_path / "uvloop.py").write_text(
        textwrap.dedent(
            """
            import asyncio
            class _Base:
                run_forever = len  # as good as any function of C
            class Loop(_Base, asyncio.AbstractEventLoop):
                pass
            """
        )
    )
    program = """
    import asyncio, sys
    import uvloop
    from photon_runtime import offload

    class Other(asyncio.AbstractEventLoop):
        run_forever = len

    def enter():
        asyncio._set_running_loop(Other())
        asyncio._set_running_loop(None)

    for call in (uvloop.Loop, enter):
        try:
            call()
        except RuntimeError as error:
            print("photon_runtime.offload" in str(error), asyncio._get_running_loop())
        offload(call)
    """
    assert printed(program, tmp_path) == "True None\n" * 2


CHAIN_FUTURE = """
import concurrent.futures
from asyncio import events, futures

def chain_future(source, destination):
    # As of CPython 3.13.12 and 3.14.3: the running loop decides whether a wake-up is needed.
    source_loop = futures._get_loop(source) if futures.isfuture(source) else None
    dest_loop = futures._get_loop(destination) if futures.isfuture(destination) else None

    def set_state(future, other):
        if futures.isfuture(future):
            futures._copy_future_state(other, future)
        else:
            futures._set_concurrent_future_state(future, other)

    def check_cancel(destination):
        if destination.cancelled():
            if source_loop is None or source_loop is events._get_running_loop():
                source.cancel()
            else:
                source_loop.call_soon_threadsafe(source.cancel)

    def call_set_state(source):
        if destination.cancelled() and dest_loop is not None and dest_loop.is_closed():
            return
        if dest_loop is None or dest_loop is events._get_running_loop():
            set_state(destination, source)
        elif not dest_loop.is_closed():
            dest_loop.call_soon_threadsafe(set_state, destination, source)

    destination.add_done_callback(check_cancel)
    source.add_done_callback(call_set_state)

futures._chain_future = chain_future
"""


@pytest.mark.slow
def test_results_of_threads_wake_a_loop_that_waits_for_nothing_else(tmp_path: Path) -> None:
    program = """
    import asyncio, threading, time
    from photon_runtime import offload, scope, spawn

    async def main(number):
        loop = asyncio.get_running_loop()
        first = await asyncio.to_thread(lambda: time.sleep(0.02) or number)
        real = await asyncio.wrap_future(in_real_thread(number))
        await loop.getaddrinfo("localhost", 80)
        inside = asyncio.sleep(0.02, number)
        asked = spawn(lambda: asyncio.run_coroutine_threadsafe(inside, loop).result())
        second = await asyncio.to_thread(asked.result)
        assert first == second == real == number
        late = loop.run_in_executor(None, threading.Event().wait, 0.2)
        await asyncio.sleep(0)
        late.cancel()
        try:
            await late
        except asyncio.CancelledError:
            return number

    def in_real_thread(number):
        future = concurrent.futures.Future()
        spawn(lambda: offload(lambda: future.set_result(number)))
        return future

    def many():
        with scope() as tasks:
            answers = [tasks.spawn(lambda n=n: asyncio.run(main(n))) for n in range(20)]
        return [answer.result() for answer in answers]

    start = time.monotonic()
    assert many() == list(range(20))
    print(time.monotonic() - start < 5)
    """
    assert printed(CHAIN_FUTURE + textwrap.dedent(program), tmp_path) == "True\n"


@pytest.mark.slow
def test_a_cancelled_run_cleans_up_and_one_that_does_not_end_is_left(tmp_path: Path) -> None:
    program = """
    import asyncio, logging, time
    from photon_runtime import DeadlineExceeded, deadline
    from photon_runtime.patch import _event_loop_end

    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it reports what is left
    assert _event_loop_end._SECONDS == 5

    async def stubborn():
        while True:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                print("cancelled")

    start = time.monotonic()
    try:
        with deadline(0.1):
            asyncio.run(stubborn())
    except DeadlineExceeded:
        print(5 <= time.monotonic() - start < 8)
    """
    assert printed(program, tmp_path) == "cancelled\nTrue\n"


@pytest.mark.slow
def test_a_deadline_is_not_lost_in_groups_of_exceptions(tmp_path: Path) -> None:
    program = """
    import asyncio, logging, time
    from photon_runtime import DeadlineExceeded, deadline

    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it reports the group

    async def block():
        time.sleep(30)

    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(block())
            group.create_task(asyncio.sleep(30))

    try:
        with deadline(0.1):
            asyncio.run(main())
    except DeadlineExceeded:
        print("exceeded")
    """
    assert printed(program, tmp_path) == "exceeded\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 has eager tasks")
def test_a_wait_in_the_first_step_of_an_eager_task_keeps_its_task(tmp_path: Path) -> None:
    program = """
    import asyncio, time
    from photon_runtime import scope

    async def part(number):
        own = asyncio.current_task()
        time.sleep(0.01)
        assert asyncio.current_task() is own
        await asyncio.sleep(0.01)
        assert asyncio.current_task() is own
        return number

    async def main(number):
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        outer = asyncio.current_task()
        parts = [asyncio.create_task(part(number)) for _ in range(3)]
        assert asyncio.current_task() is outer
        return set(await asyncio.gather(*parts))

    def many():
        with scope() as tasks:
            runs = [tasks.spawn(lambda n=n: asyncio.run(main(n))) for n in range(10)]
        return [run.result() for run in runs]

    print(many() == [{number} for number in range(10)])
    """
    assert printed(program, tmp_path) == "True\n"
