from __future__ import annotations

import contextvars
import socket
import threading
import time
from collections.abc import Callable

import pytest

import photon_runtime as rt
from photon_runtime import _offload
from photon_runtime.testing import in_hub

THREADS = 32
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class Gate:
    """Lets the calls of `wait` through when it is opened, and counts those inside."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.inside = 0
        self.most = 0
        self.entered = 0
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            self.inside += 1
            self.entered += 1
            self.most = max(self.most, self.inside)
        try:
            assert self.opened.wait(10)
        finally:
            with self._lock:
                self.inside -= 1


def until(condition: Callable[[], bool]) -> None:
    """Let the hub go on until ``condition`` holds."""
    with rt.deadline(5):
        while not condition():
            rt.sleep(0.001)


@in_hub
def test_a_function_runs_on_another_thread_and_has_its_result_here() -> None:
    def where(first: int, *, second: int) -> tuple[int, int]:
        return threading.get_ident(), first + second

    thread, total = rt.offload(where, 1, second=2)
    assert thread != threading.get_ident()
    assert total == 3


@in_hub
def test_the_hub_goes_on_meanwhile() -> None:
    gate, turns = Gate(), 0
    task = rt.spawn(rt.offload, gate.wait)
    until(lambda: gate.inside == 1)
    for _ in range(10):
        rt.sleep(0.0001)
        turns += 1
    assert not task.done
    gate.opened.set()
    task.result(5)
    assert turns == 10


@in_hub
def test_calls_run_at_the_same_time() -> None:
    meeting = threading.Barrier(5)
    with rt.scope() as block:
        tasks = [block.spawn(rt.offload, meeting.wait, 5) for _ in range(5)]
    assert sorted(task.result() for task in tasks) == [0, 1, 2, 3, 4]


@in_hub
def test_not_more_than_32_run_at_the_same_time_and_all_get_their_turn() -> None:
    gate = Gate()
    with rt.scope() as block:
        tasks = [block.spawn(rt.offload, gate.wait) for _ in range(THREADS + 10)]
        until(lambda: gate.inside == THREADS)
        rt.sleep(0.005)
        assert gate.inside == THREADS
        gate.opened.set()
    assert gate.most == THREADS
    assert gate.entered == len(tasks)


@in_hub
def test_calls_one_after_another_share_a_thread() -> None:
    assert len({rt.offload(threading.get_ident) for _ in range(20)}) == 1


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("y"), StopIteration()])
@in_hub
def test_an_error_of_the_function_is_the_callers(error: Exception) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        rt.offload(fail)
    assert caught.value is error
    assert caught.traceback[-1].name == "fail"
    assert rt.offload(lambda: "still fine") == "still fine"


@in_hub
def test_the_function_sees_a_copy_of_the_callers_context() -> None:
    def ask_and_change() -> str:
        seen = variable.get()
        variable.set("changed in the thread")
        return seen

    variable.set("the caller's")
    assert rt.offload(ask_and_change) == "the caller's"
    assert variable.get() == "the caller's"


@in_hub
def test_the_function_must_not_wait_in_the_hub() -> None:
    with pytest.raises(rt.NotRunning):
        rt.offload(rt.yield_now)


@in_hub
def test_blocking_offloads_every_call() -> None:
    @rt.blocking
    def where(*, suffix: str) -> tuple[int, str]:
        """Tell."""
        return threading.get_ident(), suffix

    assert where.__name__ == "where"
    assert where.__doc__ == "Tell."
    thread, suffix = where(suffix="end")
    assert thread != threading.get_ident()
    assert suffix == "end"


# -- cancellation ---------------------------------------------------------------------------------


@in_hub
def test_a_cancelled_call_stops_waiting_at_once() -> None:
    gate = Gate()
    task = rt.spawn(rt.offload, gate.wait)
    until(lambda: gate.inside == 1)
    task.cancel()
    assert task.join(1)
    assert task.cancelled
    assert gate.inside == 1
    gate.opened.set()
    until(lambda: gate.inside == 0)


@in_hub
def test_a_cancelled_call_frees_its_thread_only_when_the_function_returns() -> None:
    gate, late = Gate(), Gate()
    late.opened.set()
    tasks = [rt.spawn(rt.offload, gate.wait) for _ in range(THREADS)]
    until(lambda: gate.inside == THREADS)
    for task in tasks:
        task.cancel()
    for task in tasks:
        task.join()
    waiting = rt.spawn(rt.offload, late.wait)
    rt.sleep(0.01)
    assert late.entered == 0
    gate.opened.set()
    waiting.result(5)
    assert late.entered == 1


@in_hub
def test_a_call_that_is_cancelled_before_it_has_a_thread_never_runs() -> None:
    gate, never = Gate(), Gate()
    with rt.scope() as block:
        for _ in range(THREADS):
            block.spawn(rt.offload, gate.wait)
        until(lambda: gate.inside == THREADS)
        waiting = block.spawn(rt.offload, never.wait)
        rt.sleep(0.001)
        waiting.cancel()
        waiting.join()
        gate.opened.set()
    assert waiting.cancelled
    assert rt.offload(lambda: never.entered) == 0


@in_hub
def test_the_end_of_an_abandoned_call_does_not_wake_its_caller() -> None:
    gate = Gate()
    with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.005):
        rt.offload(gate.wait)
    gate.opened.set()
    begin = time.monotonic()
    rt.sleep(0.02)
    assert time.monotonic() - begin >= 0.02


@in_hub
def test_an_error_of_an_abandoned_call_disturbs_nobody() -> None:
    gate = Gate()

    def fail() -> None:
        gate.wait()
        raise ValueError("nobody listens")

    with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.005):
        rt.offload(fail)
    gate.opened.set()
    until(lambda: gate.inside == 0)
    assert rt.offload(lambda: "fine") == "fine"


def test_a_call_that_outlives_its_hub_writes_to_nobodys_descriptor() -> None:
    gate, ended = Gate(), threading.Event()

    def outlive() -> None:
        gate.wait()
        ended.set()

    def main() -> None:
        rt.spawn(rt.offload, outlive)
        until(lambda: gate.inside == 1)

    failures: list[object] = []
    rt.run(main)
    pairs = [socket.socketpair() for _ in range(8)]  # take the numbers that the hub has freed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.unraisablehook", failures.append)
        gate.opened.set()
        assert ended.wait(5)
        rt.run(rt.sleep, 0.02)  # what the thread still does
    written = []
    for end in (end for pair in pairs for end in pair):
        end.setblocking(False)
        try:
            written.append(end.recv(100))
        except BlockingIOError:
            pass
    for end in (end for pair in pairs for end in pair):
        end.close()
    assert written == []
    assert failures == []


def test_a_thread_that_cannot_be_started_fails_its_call_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*args: object) -> None:
        raise RuntimeError("can't start new thread")

    def main() -> int:
        with monkeypatch.context() as patch:
            patch.setattr(_offload, "_start_thread", refuse)
            for _ in range(THREADS + 1):
                with pytest.raises(RuntimeError, match="can't start"):
                    rt.offload(int)
        assert rt.stats().pending_external == 0
        with rt.deadline(10):
            return rt.offload(lambda: 7)

    assert rt.run(main) == 7
