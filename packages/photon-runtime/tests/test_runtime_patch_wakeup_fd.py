"""Signals and event loops: the hub is woken, and only the main thread's loop may handle signals.

Each test is a program of its own under the patch.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from patched_programs import run_patched

pytestmark = pytest.mark.slow


def printed(source: str, tmp_path: Path) -> str:
    done = run_patched(source, tmp_path, options=("-W", "error"))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_a_loop_of_the_main_thread_handles_signals_and_gives_the_hub_its_own_back(
    tmp_path: Path,
) -> None:
    program = """
    import asyncio, os, signal, threading, time
    from photon_runtime import Event, spawn
    from photon_runtime._hub import current_hub
    from photon_runtime.patch._saved import set_wakeup_fd

    def current():
        fd = set_wakeup_fd(-1)
        set_wakeup_fd(fd, warn_on_full_buffer=False)
        return fd

    own = current()
    assert own == current_hub().poller.waker.wakeup_fd

    async def main():
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, event.set)
        assert current() != own
        loop.call_later(0.05, os.kill, os.getpid(), signal.SIGUSR1)
        await asyncio.wait_for(event.wait(), 10)
        assert loop.remove_signal_handler(signal.SIGUSR1)

    asyncio.run(main())
    assert current() == own
    assert signal.set_wakeup_fd(-1) == -1  # the hub's is not shown
    assert current() == own

    handled = Event()
    signal.signal(signal.SIGUSR1, lambda *_: handled.set())
    spawn(lambda: (time.sleep(0.05), os.kill(os.getpid(), signal.SIGUSR1)))
    print(handled.wait(10))
    """
    assert printed(program, tmp_path) == "True\n"


def test_loops_of_other_tasks_take_no_signal_from_anyone(tmp_path: Path) -> None:
    program = """
    import asyncio, os, signal, socket, threading
    from photon_runtime import scope, spawn
    from photon_runtime.patch._saved import get_signal, set_wakeup_fd

    async def main():
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            try:
                loop.add_signal_handler(number, print)
            except (RuntimeError, ValueError) as error:
                print(error)
        await asyncio.sleep(0.01)
        return get_signal(signal.SIGINT)

    def refused():
        left, right = socket.socketpair()
        with left, right:
            try:
                signal.set_wakeup_fd(left.fileno())
            except ValueError as error:
                return str(error)

    fd = set_wakeup_fd(-1)
    set_wakeup_fd(fd, warn_on_full_buffer=False)
    before = [get_signal(number) for number in signal.valid_signals()]
    assert spawn(asyncio.run, main()).result() is get_signal(signal.SIGINT)
    assert [get_signal(number) for number in signal.valid_signals()] == before
    print(spawn(refused).result())
    assert set_wakeup_fd(-1) == fd
    """
    refusal = "set_wakeup_fd only works in main thread of the main interpreter\n"
    assert printed(program, tmp_path) == refusal * 4


def test_an_interrupt_reaches_a_loop_of_the_main_thread_as_in_plain_python(tmp_path: Path) -> None:
    program = """
    import asyncio, os, signal

    async def main():
        try:
            asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGINT)
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            print("cancelled")
            raise

    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("interrupted")
    """
    assert printed(program, tmp_path) == "cancelled\ninterrupted\n"
