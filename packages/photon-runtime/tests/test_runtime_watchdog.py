from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import io
import logging
import os
import pdb
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

import photon_runtime as rt
from photon_runtime._hub import current_hub
from photon_runtime._watchdog import SchedulerBlock, Watchdog
from photon_runtime.http import Handler, Request, Response, ServerSettings, listen, serve

pytestmark = pytest.mark.slow


def hold_the_hub(until: Callable[[], bool]) -> None:
    """Compute, as far as anybody can see."""
    limit = time.monotonic() + 5
    while not until() and time.monotonic() < limit:
        pass


def test_a_task_that_holds_the_hub_is_named_with_its_line() -> None:
    holds: list[SchedulerBlock] = []

    def main() -> int:
        watchdog = Watchdog(current_hub(), threshold=0.02, report=holds.append)
        watchdog.start()
        rt.spawn(hold_the_hub, lambda: bool(holds)).join()
        watchdog.close()
        return watchdog.blocked

    assert rt.run(main) == 1
    assert holds[0].task is not None
    assert holds[0].task.name == "hold_the_hub"
    assert "while not until()" in holds[0].stack or "pass" in holds[0].stack
    assert "photon_runtime/_hub.py" not in holds[0].stack


def test_one_hold_is_reported_once() -> None:
    holds: list[SchedulerBlock] = []

    def main() -> None:
        watchdog = Watchdog(current_hub(), threshold=0.01, report=holds.append)
        watchdog.start()
        end = time.monotonic() + 0.2
        hold_the_hub(lambda: time.monotonic() > end)
        watchdog.close()

    rt.run(main)
    assert len(holds) == 1


def test_waiting_is_no_holding() -> None:
    holds: list[SchedulerBlock] = []

    def main() -> None:
        watchdog = Watchdog(current_hub(), threshold=0.01, report=holds.append)
        watchdog.start()
        for _ in range(10):
            rt.sleep(0.01)
        watchdog.close()

    rt.run(main)
    assert holds == []


def test_holds_are_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    def main() -> int:
        rt.watch_hub(threshold=0.02)
        hold_the_hub(lambda: rt.stats().blocked > 0)
        return rt.stats().blocked

    with caplog.at_level(logging.WARNING, logger="photon.runtime"):
        assert rt.run(main) == 1
    assert "has blocked the scheduler for over 0.02 s" in caplog.text
    assert "offload()" in caplog.text


def test_the_watchdog_ends_with_its_hub() -> None:
    before = threading.active_count()
    watchdogs = []

    def main() -> None:
        watchdogs.append(rt.watch_hub(threshold=0.01))

    rt.run(main)
    hub_turns = watchdogs[0]._hub.turns
    rt.run(rt.sleep, 0.03)
    assert watchdogs[0]._ended.is_set()
    assert watchdogs[0]._hub.turns == hub_turns
    assert threading.active_count() == before


def test_a_hub_has_one_watchdog() -> None:
    def main() -> tuple[bool, bool]:
        first = rt.watch_hub()
        second = rt.watch_hub()
        return first._ended.is_set(), second._ended.is_set()

    assert rt.run(main) == (True, False)


def test_a_server_that_starts_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    class Slow:
        @contextlib.contextmanager
        def start(self, *, development: bool = False) -> Iterator[Handler]:
            time.sleep(0.1)
            yield handler

    def handler(request: Request) -> Response:
        holds.append(rt.stats().blocked)
        hold_the_hub(lambda: rt.stats().blocked > 0)
        holds.append(rt.stats().blocked)
        return Response(body=b"held")

    def ask() -> None:
        with socket.create_connection(listener.getsockname(), 10) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while client.recv(65536):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    def ready() -> None:
        asking.start()
        time.sleep(0.1)

    holds: list[int] = []
    asking = threading.Thread(target=ask)
    listener = listen("127.0.0.1", 0)
    with caplog.at_level(logging.WARNING, logger="photon.runtime"):
        serve(
            Slow(), sockets=[listener], settings=ServerSettings(block_threshold=0.02), ready=ready
        )
    asking.join()
    assert holds == [0, 1]
    assert caplog.text.count("has blocked the scheduler") == 1


# -- code that keeps the interpreter's lock, processes that were stopped, and debuggers ------------


def watch(function: Callable[[], object], threshold: float = 0.05) -> list[SchedulerBlock]:
    """Return what is reported while a task runs a function, and shortly afterwards."""
    blocks: list[SchedulerBlock] = []

    def main() -> None:
        watchdog = Watchdog(current_hub(), threshold=threshold, report=blocks.append)
        watchdog.start()
        rt.sleep(2 * threshold)
        rt.spawn(function).join()
        rt.sleep(4 * threshold)
        watchdog.close()

    rt.run(main)
    return blocks


def keep_the_lock() -> None:
    ctypes.PyDLL(None).usleep(500_000)


@pytest.mark.skipif(sys.platform != "linux", reason="waits of threads are counted on Linux only")
def test_code_in_c_that_keeps_the_lock_is_reported_afterwards() -> None:
    (block,) = watch(keep_the_lock)
    assert block.kept_lock
    assert block.task is not None
    assert block.task.name == "keep_the_lock"
    assert "usleep(500_000)" in block.stack
    assert block.seconds > 0.2


@pytest.mark.skipif(sys.platform != "linux", reason="waits of threads are counted on Linux only")
def test_threads_that_keep_the_lock_are_shown() -> None:
    (block,) = watch(lambda: rt.offload(keep_the_lock))
    assert block.kept_lock
    assert block.task is None


@pytest.mark.skipif(sys.platform != "linux", reason="waits of threads are counted on Linux only")
def test_process_that_was_stopped_is_no_block() -> None:
    def be_stopped() -> None:
        own = os.getpid()
        script = f"kill -STOP {own}; sleep 0.5; kill -CONT {own}"
        with subprocess.Popen(["sh", "-c", script]) as process:
            while process.poll() is None:
                rt.sleep(0.01)

    assert [block for block in watch(be_stopped, 0.1) if block.kept_lock] == []


class SlowPerson:
    """Types a command of a debugger after some thought, which blocks the scheduler."""

    def readline(self) -> str:
        end = time.monotonic() + 0.3
        hold_the_hub(lambda: time.monotonic() > end)
        return "continue\n"


@pytest.mark.parametrize("thread", ["of the hub", "other"])
def test_nothing_is_reported_at_the_prompt_of_a_debugger(thread: str) -> None:
    def stop_here() -> None:
        debugger = pdb.Pdb(stdin=SlowPerson(), stdout=io.StringIO(), nosigint=True)  # type: ignore[arg-type]  # all it needs
        debugger.set_trace()

    if thread == "of the hub":
        assert watch(stop_here) == []
    else:
        end = time.monotonic() + 0.2
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            prompt = pool.submit(stop_here)
            assert watch(lambda: hold_the_hub(lambda: time.monotonic() > end)) == []
            prompt.result()
