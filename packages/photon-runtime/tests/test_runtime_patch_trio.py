"""trio in tasks, in a program under the patch."""

from __future__ import annotations

from pathlib import Path

import pytest

from patched_programs import run_patched

pytestmark = pytest.mark.slow


def test_each_task_may_run_trio_and_a_deadline_lets_it_clean_up(tmp_path: Path) -> None:
    program = """
    import signal, time, trio
    from photon_runtime import DeadlineExceeded, deadline, scope

    async def main(number):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 0.1)
        time.sleep(0.1)
        return await trio.to_thread.run_sync(lambda: trio.from_thread.run(back, number))

    async def back(number):
        await trio.sleep(0.1)
        return number

    async def stuck(number):
        try:
            await trio.sleep(30)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.05)
            cleaned.append(number)

    def struck(number):
        try:
            with deadline(0.1):
                trio.run(stuck, number)
        except DeadlineExceeded:
            return number

    cleaned = []
    handler = signal.getsignal(signal.SIGINT)
    start = time.monotonic()
    with scope() as tasks:
        runs = [tasks.spawn(trio.run, main, number) for number in range(10)]
        ends = [tasks.spawn(struck, number) for number in range(10)]
    assert [run.result() for run in runs] == [end.result() for end in ends] == list(range(10))
    assert trio.run(main, 10) == 10
    assert struck(10) == 10
    assert sorted(cleaned) == list(range(11))
    assert signal.getsignal(signal.SIGINT) is handler
    try:
        trio.run(lambda: 3)
    except TypeError as error:
        print(error)
    print(time.monotonic() - start < 5)
    """
    done = run_patched(program, tmp_path, options=("-W", "error"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Trio expected an async function")
    assert done.stdout.endswith("True\n")
