from __future__ import annotations

import contextlib
import contextvars
import functools
import gc
import logging
import math
import signal
import socket
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from random import Random
from types import FrameType

import pytest
from greenlet import GreenletExit, getcurrent
from hypothesis import given, settings
from hypothesis import strategies as st

import photon_runtime as rt
from photon_runtime import _hub, _poll, _task, _timer, testing
from photon_runtime._hub import Hub, current_hub
from photon_runtime._run import run_in
from photon_runtime._task import Task
from photon_runtime.errors import Deadlock
from photon_runtime.testing import in_hub

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def errors_logged(caplog: pytest.LogCaptureFixture) -> list[BaseException | None]:
    return [
        record.exc_info[1] if record.exc_info else None
        for record in caplog.records
        if record.name == "photon.runtime" and record.levelno >= logging.ERROR
    ]


# -- run ------------------------------------------------------------------------------------------


def test_run_passes_the_arguments_and_returns_the_result() -> None:
    def add(first: int, *, second: int) -> int:
        return first + second

    assert rt.run(add, 1, second=2) == 3


def test_run_raises_the_error_of_its_function_and_does_not_log_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        rt.run(fail)
    assert errors_logged(caplog) == []


@in_hub
def test_run_in_a_task_is_refused() -> None:
    with pytest.raises(RuntimeError, match="already runs a hub"):
        rt.run(lambda: None)
    rt.yield_now()  # and the hub that runs is not disturbed


def test_run_can_be_called_again_also_after_an_error() -> None:
    for number in range(3):
        with pytest.raises(ValueError, match=str(number)):
            rt.run(int, f"x{number}")
        assert rt.run(int, number) == number


def test_each_thread_may_run_its_own_hub() -> None:
    meeting = threading.Barrier(3)

    def meet() -> threading.Thread:
        rt.sleep(0.001)
        rt.offload(meeting.wait, 5)
        return threading.current_thread()

    ran_in: list[threading.Thread] = []
    threads = [threading.Thread(target=lambda: ran_in.append(rt.run(meet))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert set(ran_in) == set(threads)


@in_hub
def test_a_thread_of_a_task_may_run_a_hub_of_its_own() -> None:
    def inner() -> str:
        rt.sleep(0.001)
        return "inner"

    assert rt.offload(rt.run, inner) == "inner"


def test_a_cancelled_main_task_has_no_result() -> None:
    def main() -> None:
        rt.current_task().cancel()
        rt.yield_now()

    with pytest.raises(rt.TaskCancelled):
        rt.run(main)


WAITING_CALLS: dict[str, Callable[[], object]] = {
    "yield_now": rt.yield_now,
    "current_task": rt.current_task,
    "current_hub": current_hub,
    "sleep(0)": lambda: rt.sleep(0),
    "sleep": lambda: rt.sleep(1),
    "spawn": lambda: rt.spawn(rt.yield_now),
    "offload": lambda: rt.offload(rt.yield_now),
    "Event": lambda: rt.Event().wait(),
    "Semaphore": lambda: rt.Semaphore(0).acquire(),
    "receive": lambda: rt.Channel[int](0).receive(),
    "send": lambda: rt.Channel[int](0).send(1),
    "scope": lambda: rt.scope().__enter__(),
    "deadline": lambda: rt.deadline(1).__enter__(),
    "shield": lambda: rt.shield().__enter__(),
}


@pytest.mark.parametrize("name", WAITING_CALLS)
def test_what_waits_outside_of_run_is_told_so(name: str) -> None:
    with pytest.raises(rt.NotRunning, match=r"run\(\)"):
        WAITING_CALLS[name]()


def test_not_running_is_a_runtime_error() -> None:
    assert issubclass(rt.NotRunning, RuntimeError)
    assert issubclass(rt.NotRunning, rt.PhotonError)


# -- what is left behind --------------------------------------------------------------------------


def test_tasks_left_behind_are_cancelled_and_waited_for() -> None:
    notes: list[str] = []

    def left() -> None:
        try:
            rt.sleep(60)
        finally:
            with rt.shield():
                rt.sleep(0.01)
            notes.append("cleaned up")

    def main() -> list[rt.Task[None]]:
        tasks = [rt.spawn(left) for _ in range(3)]
        rt.yield_now()
        return tasks

    tasks = rt.run(main)
    assert notes == ["cleaned up"] * 3
    assert [task.state for task in tasks] == ["cancelled"] * 3


def test_tasks_left_behind_are_cancelled_after_an_error_too() -> None:
    tasks: list[rt.Task[None]] = []

    def main() -> None:
        tasks.append(rt.spawn(rt.sleep, 60))
        rt.yield_now()
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        rt.run(main)
    assert tasks[0].cancelled


def test_a_task_that_is_spawned_by_cleaning_up_is_cancelled_as_well() -> None:
    late: list[rt.Task[None]] = []

    def left() -> None:
        try:
            rt.sleep(60)
        finally:
            late.append(rt.spawn(rt.sleep, 0.5))

    def main() -> None:
        rt.spawn(left)
        rt.yield_now()

    rt.run(main)
    assert late[0].cancelled


# -- sleep and yield_now --------------------------------------------------------------------------


@in_hub
def test_sleeping_tasks_wake_in_the_order_of_their_times() -> None:
    woken: list[float] = []

    def sleeper(seconds: float) -> None:
        rt.sleep(seconds)
        woken.append(seconds)

    with rt.scope() as block:
        for seconds in (0.02, 0.005, 0.01):
            block.spawn(sleeper, seconds)
    assert woken == [0.005, 0.01, 0.02]


@in_hub
def test_sleep_lasts_as_long_as_it_was_told() -> None:
    begin = time.monotonic()
    rt.sleep(0.02)
    assert 0.02 <= time.monotonic() - begin < 1


@in_hub
def test_many_sleep_at_once() -> None:
    begin = time.monotonic()
    with rt.scope() as block:
        for _ in range(200):
            block.spawn(rt.sleep, 0.02)
    assert time.monotonic() - begin < 1


@pytest.mark.parametrize("seconds", [-1, -0.001, math.nan, -math.inf])
@in_hub
def test_sleep_refuses_what_is_no_duration(seconds: float) -> None:
    with pytest.raises(ValueError, match="zero or more"):
        rt.sleep(seconds)


@pytest.mark.parametrize("seconds", ["1", None])
@in_hub
def test_sleep_refuses_what_is_no_number(seconds: float) -> None:
    with pytest.raises(TypeError):
        rt.sleep(seconds)


@pytest.mark.parametrize("seconds", [1e7, 1e12, 1e300, math.inf])
def test_sleep_takes_any_long_time(seconds: float) -> None:
    # One test that ends by another thread: no other timer may shorten the wait for events.
    def main() -> str:
        sleeper, hub = rt.spawn(rt.sleep, seconds), current_hub()
        rt.yield_now()
        alarm = threading.Timer(0.01, hub.post, [sleeper.cancel])
        alarm.start()
        sleeper.join()
        return sleeper.state

    assert rt.run(main) == "cancelled"


@in_hub
def test_sleeping_zero_seconds_gives_everyone_a_turn() -> None:
    order: list[str] = []
    rt.spawn(order.append, "other")
    rt.sleep(0)
    order.append("sleeper")
    assert order == ["other", "sleeper"]


@in_hub
def test_yielding_tasks_take_turns() -> None:
    order: list[int] = []

    def worker(number: int) -> None:
        for _ in range(50):
            order.append(number)
            rt.yield_now()

    with rt.scope() as block:
        for number in range(3):
            block.spawn(worker, number)
    assert order == [0, 1, 2] * 50


@in_hub
def test_tasks_that_keep_each_other_runnable_do_not_starve_timers_sockets_and_posts() -> None:
    done = dict.fromkeys(("timer", "socket", "post"), False)
    near, far = socket.socketpair()

    def spin() -> None:
        while not all(done.values()):
            rt.yield_now()

    def sleep() -> None:
        rt.sleep(0.001)
        done["timer"] = True

    def receive() -> None:
        with rt.Socket(near.family, near.type, fileno=near.detach()) as sock:
            done["socket"] = sock.recv(1) == b"x"

    with far, rt.deadline(5), rt.scope() as block:
        block.spawn(receive)
        rt.yield_now()
        for _ in range(3):
            block.spawn(spin)
        block.spawn(sleep)
        current_hub().post(lambda: done.update(post=True))
        far.send(b"x")


@in_hub
def test_many_tasks_all_end() -> None:
    event = rt.Event()

    def worker(number: int) -> int:
        rt.yield_now()
        event.wait()
        return number

    tasks = [rt.spawn(worker, number) for number in range(2_000)]
    rt.yield_now()
    event.set()
    assert sum(task.result() for task in tasks) == sum(range(2_000))


@in_hub
def test_a_long_chain_of_tasks_waits_for_each_other() -> None:
    def link(left: int) -> int:
        return rt.spawn(link, left - 1).result() + 1 if left else 0

    assert link(300) == 300


# -- context variables ----------------------------------------------------------------------------


@in_hub
def test_a_task_gets_a_copy_of_the_callers_context() -> None:
    def child() -> str:
        inherited = variable.get()
        variable.set("changed by the child")
        return inherited

    variable.set("from the parent")
    task = rt.spawn(child)
    variable.set("changed after the spawn")
    assert task.result() == "from the parent"
    assert variable.get() == "changed after the spawn"


@in_hub
def test_tasks_one_after_another_do_not_see_each_others_context() -> None:
    def child() -> str:
        before = variable.get()
        variable.set("leaked")
        return before

    assert [rt.spawn(child).result() for _ in range(5)] == ["unset"] * 5


@in_hub
def test_context_variables_stay_with_their_task_over_waits() -> None:
    def child(value: str) -> str:
        variable.set(value)
        rt.yield_now()
        rt.sleep(0.001)
        return variable.get()

    tasks = [rt.spawn(child, value) for value in "abc"]
    assert [task.result() for task in tasks] == ["a", "b", "c"]


def test_run_sees_the_callers_context_and_leaves_it_alone() -> None:
    def main() -> str:
        inherited = variable.get()
        variable.set("inside")
        return inherited

    def outside() -> tuple[str, str]:
        variable.set("outside")
        return rt.run(main), variable.get()

    assert contextvars.copy_context().run(outside) == ("outside", "outside")


# -- errors ---------------------------------------------------------------------------------------


def test_an_unhandled_error_is_logged_once_and_ends_its_task_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = ValueError("lonely")

    def fail() -> None:
        raise error

    def main() -> str:
        failing, other = rt.spawn(fail), rt.spawn(lambda: "fine")
        rt.sleep(0.001)
        assert failing.state == "failed"
        return other.result()

    assert rt.run(main) == "fine"
    assert errors_logged(caplog) == [error]
    assert "fail" in caplog.text


def test_an_error_that_somebody_waits_for_is_theirs(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ValueError("expected")

    def main() -> None:
        with pytest.raises(ValueError, match="expected"):
            rt.spawn(fail).result()

    rt.run(main)
    assert errors_logged(caplog) == []


def test_an_error_is_logged_when_all_who_waited_gave_up(caplog: pytest.LogCaptureFixture) -> None:
    def fail(event: rt.Event) -> None:
        event.wait()
        raise ValueError("nobody")

    def main() -> None:
        event = rt.Event()
        task = rt.spawn(fail, event)
        assert not task.join(0.001)
        event.set()
        rt.sleep(0.001)

    rt.run(main)
    assert len(errors_logged(caplog)) == 1


def test_an_error_is_logged_when_the_one_who_waited_is_cancelled_in_the_same_turn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(event: rt.Event) -> None:
        event.wait()
        raise ValueError("nobody")

    def main() -> None:
        event = rt.Event()
        task = rt.spawn(fail, event)
        waiter = rt.spawn(task.join)
        rt.yield_now()
        event.set()
        waiter.cancel()
        rt.sleep(0.001)
        assert waiter.cancelled
        assert task.state == "failed"

    rt.run(main)
    assert len(errors_logged(caplog)) == 1


def test_a_cancelled_task_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    def main() -> None:
        task = rt.spawn(rt.sleep, 60)
        rt.yield_now()
        task.cancel()
        rt.sleep(0.001)

    rt.run(main)
    assert errors_logged(caplog) == []


def test_an_error_in_cleaning_up_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def left() -> None:
        try:
            rt.sleep(60)
        finally:
            raise ValueError("clean-up")

    def main() -> None:
        rt.spawn(left)
        rt.yield_now()

    rt.run(main)
    assert [str(error) for error in errors_logged(caplog)] == ["clean-up"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_an_interrupt_or_exit_in_a_task_ends_the_run_after_the_others(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    notes: list[str] = []

    def other() -> None:
        try:
            rt.sleep(60)
        finally:
            notes.append("cleaned up")

    def end() -> None:
        raise error

    def main() -> None:
        rt.spawn(other)
        rt.yield_now()
        rt.spawn(end)
        other()

    with pytest.raises(type(error)) as caught:
        rt.run(main)
    assert caught.value is error
    assert notes == ["cleaned up"] * 2
    assert errors_logged(caplog) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_an_interrupt_or_exit_in_main_leaves_run_as_it_is(error: BaseException) -> None:
    def main() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        rt.run(main)
    assert caught.value is error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
@pytest.mark.parametrize("in_main", [True, False])
def test_an_interrupt_or_exit_in_the_body_of_a_scope_ends_the_run_as_it_is(
    error: BaseException, in_main: bool
) -> None:
    def body() -> None:
        with rt.scope():
            raise error

    def main() -> None:
        if in_main:
            body()
        rt.spawn(body)
        rt.sleep(0.1)

    with pytest.raises(type(error)) as caught:
        rt.run(main)
    assert caught.value is error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_an_interrupt_or_exit_in_the_child_of_a_scope_ends_the_run_as_it_is(
    error: BaseException,
) -> None:
    def child() -> None:
        raise error

    def main() -> None:
        with rt.scope() as block:
            block.spawn(child)
            rt.sleep(60)

    with pytest.raises(type(error)) as caught:
        rt.run(main)
    assert caught.value is error


def press_ctrl_c() -> None:
    """Let SIGINT arrive while the hub itself runs."""
    current_hub().post(lambda: signal.raise_signal(signal.SIGINT))


def test_ctrl_c_is_raised_in_the_main_task() -> None:
    def main() -> str:
        press_ctrl_c()
        try:
            rt.sleep(60)
        except KeyboardInterrupt:
            rt.sleep(0.001)
            return "handled"
        return "not raised"

    assert rt.run(main) == "handled"


def test_ctrl_c_that_main_does_not_handle_ends_the_run() -> None:
    tasks: list[rt.Task[None]] = []

    def main() -> None:
        tasks.append(rt.spawn(rt.sleep, 60))
        press_ctrl_c()
        rt.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        rt.run(main)
    assert tasks[0].cancelled


def test_ctrl_c_while_a_scope_waits_for_its_children_ends_them_and_the_run() -> None:
    notes: list[str] = []

    def child() -> None:
        try:
            rt.sleep(60)
        finally:
            notes.append("child ended")

    def main() -> None:
        press_ctrl_c()
        try:
            with rt.deadline(60), rt.scope() as block:
                block.spawn(child)
        finally:
            notes.append("block ended")

    with pytest.raises(KeyboardInterrupt):
        rt.run(main)
    assert notes == ["child ended", "block ended"]


# -- post -----------------------------------------------------------------------------------------


@in_hub
def test_another_thread_reaches_the_hub_by_post() -> None:
    event, hub = rt.Event(), current_hub()
    thread = threading.Thread(target=lambda: hub.post(event.set))
    thread.start()
    assert event.wait(5)
    thread.join()


@in_hub
def test_posts_are_called_in_their_order_in_the_hubs_thread() -> None:
    hub, called, event = current_hub(), list[tuple[int, int]](), rt.Event()

    def note(number: int) -> None:
        called.append((number, threading.get_ident()))

    def post_all() -> None:
        for number in range(100):
            hub.post(functools.partial(note, number))
        hub.post(event.set)

    thread = threading.Thread(target=post_all)
    thread.start()
    assert event.wait(5)
    thread.join()
    assert called == [(number, threading.get_ident()) for number in range(100)]


def test_a_post_that_fails_is_logged_and_the_next_is_called(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def main() -> bool:
        event = rt.Event()
        current_hub().post(lambda: 1 / 0)
        current_hub().post(event.set)
        return event.wait(5)

    assert rt.run(main)
    assert [type(error) for error in errors_logged(caplog)] == [ZeroDivisionError]


def test_a_hub_keeps_the_time_of_the_clock_it_was_given() -> None:
    now = 1000.0

    def clock() -> float:
        nonlocal now
        now += 19.99  # between one look at the clock and the next
        return now

    begin = time.monotonic()
    run_in(Hub(clock=clock), lambda: rt.sleep(20), rt.sleep)
    assert now >= 1020
    assert time.monotonic() - begin < 5


# -- deadlock -------------------------------------------------------------------------------------


def test_tasks_that_can_only_wait_for_each_other_are_named_in_an_error() -> None:
    def stuck() -> None:
        rt.Event().wait()

    def main() -> None:
        rt.spawn(stuck)
        stuck()

    usual = signal.getsignal(signal.SIGALRM)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a handler of the program's own may wake tasks
    try:
        with pytest.raises(Deadlock, match="stuck"):
            rt.run(main)
    finally:
        signal.signal(signal.SIGALRM, usual)


def test_main_may_go_on_after_a_deadlock() -> None:
    def main() -> str:
        try:
            rt.Channel[int](0).receive()
        except Deadlock:
            return "went on"
        return "not raised"

    usual = signal.getsignal(signal.SIGALRM)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    try:
        assert rt.run(main) == "went on"
    finally:
        signal.signal(signal.SIGALRM, usual)


# -- switching ------------------------------------------------------------------------------------


@in_hub
def test_tasks_hand_the_thread_to_each_other_without_the_hub() -> None:
    there: rt.Channel[int] = rt.Channel(0)

    def send_all() -> None:
        for number in range(20):
            there.send(number)

    rt.spawn(send_all)
    rt.yield_now()
    before = current_hub().turns
    assert [there.receive() for _ in range(20)] == list(range(20))
    assert current_hub().turns == before


@in_hub
def test_the_hub_gets_its_turn_after_a_bounded_number_of_switches() -> None:
    def take_turns() -> None:
        for _ in range(1000):
            rt.yield_now()

    hub, other = current_hub(), rt.spawn(take_turns)
    before = hub.turns
    other.join()
    assert hub.turns - before in {1000 // 128, 1000 // 128 + 1}


@in_hub
def test_a_task_that_is_alone_yields_without_a_switch_and_time_goes_on() -> None:
    fired: list[bool] = []
    current_hub().timers.add(current_hub().time(), lambda: fired.append(True))
    for _ in range(200):
        rt.yield_now()
    assert fired


@in_hub
def test_a_task_that_ends_gives_its_greenlet_to_the_next() -> None:
    greenlets = [rt.spawn(getcurrent) for _ in range(100)]
    assert len({id(task.result()) for task in greenlets}) == 1


@in_hub
def test_tasks_begin_with_an_empty_stack_wherever_they_are_started_from() -> None:
    reached: list[int] = []

    def dive(levels: int) -> None:
        if levels:
            dive(levels - 1)
        else:
            rt.yield_now()  # the next task is started from down here
            reached.append(1)

    depth = sys.getrecursionlimit() - 200
    tasks = [rt.spawn(dive, depth) for _ in range(10)]
    for task in tasks:
        task.result()
    assert len(reached) == 10


@in_hub
def test_what_runs_is_known_at_every_switch() -> None:
    hub = current_hub()
    gate = rt.Event()

    def look() -> list[bool]:
        seen = [hub.running is rt.current_task()]
        rt.yield_now()
        seen.append(hub.running is rt.current_task())
        gate.wait()
        return [*seen, hub.running is rt.current_task()]

    tasks = [rt.spawn(look) for _ in range(5)]
    rt.sleep(0.001)
    gate.set()
    assert [task.result() for task in tasks] == [[True] * 3] * 5
    assert hub.running is rt.current_task()


@in_hub
def test_an_idle_greenlet_does_not_keep_the_context_of_its_last_task() -> None:
    class Value:
        pass

    keeper: contextvars.ContextVar[Value] = contextvars.ContextVar("keeper")

    def work() -> weakref.ref[Value]:
        value = Value()
        keeper.set(value)
        return weakref.ref(value)

    gc.disable()
    try:
        seen = rt.spawn(work).result()
        assert current_hub().idle_greenlets == 1
        assert seen() is None
    finally:
        gc.enable()


class InterruptedQueue(deque[Task[object]]):
    """A queue of runnable tasks; Ctrl-C arrives right after the n-th task was taken out."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def popleft(self) -> Task[object]:
        task = super().popleft()
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)
        return task


@pytest.mark.parametrize("at", range(2, 40))
def test_ctrl_c_in_the_middle_of_a_switch_loses_no_task(at: int) -> None:
    queue = InterruptedQueue(at)
    tasks: list[rt.Task[None]] = []
    ended: list[str] = []
    interrupted: list[str] = []

    def work(name: str) -> None:
        left = 3
        while left:
            left -= 1
            with noting(interrupted):
                rt.yield_now()
        ended.append(name)

    def main() -> None:
        for name in "abcdef":
            tasks.append(rt.spawn(work, name))
            tasks[-1].name = name
        while not all(task.done for task in tasks):
            with noting(interrupted):
                rt.sleep(0.001)

    with noting(interrupted):  # it ends the run when it hits neither a task nor a wait of main's
        run_in(Hub(ready=queue), main, main)
    assert [task.state for task in tasks if task.state not in {"finished", "cancelled"}] == []
    assert sorted(ended) == sorted(task.name for task in tasks if task.state == "finished")
    assert len(interrupted) == (queue.left <= 0)


@contextlib.contextmanager
def noting(interrupted: list[str]) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        interrupted.append("interrupted")


def test_ctrl_c_at_the_very_end_of_a_task_ends_it_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def main() -> str:
        hub = current_hub()
        task = rt.spawn(rt.yield_now)
        ended, hub_ended = [False], Hub.task_ended

        def interrupted(hub: Hub, ending: Task[object]) -> None:
            if ending is task and not ended[0]:
                ended[0] = True
                signal.raise_signal(signal.SIGINT)
            hub_ended(hub, ending)

        monkeypatch.setattr(Hub, "task_ended", interrupted)  # to be at the right place
        with pytest.raises(KeyboardInterrupt):
            rt.sleep(60)
        return f"{task.state}, {task in hub.tasks}"

    assert rt.run(main) == "finished, False"


# -- signals while the hub itself runs ------------------------------------------------------------


class Alarm(Exception):
    """What a signal handler raises."""


@contextlib.contextmanager
def alarm(error: BaseException, *, after: float) -> Iterator[None]:
    """Raise ``error`` in the handler of a signal that comes ``after`` seconds."""

    def handle(number: int, frame: object) -> None:
        raise error

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("error", [SystemExit(3), Alarm("late")], ids=["exit", "error"])
def test_a_signals_exception_that_finds_everyone_waiting_lets_them_clean_up(
    error: BaseException,
) -> None:
    cleaned: list[str] = []

    def wait(name: str) -> None:
        try:
            rt.sleep(60)
        finally:
            with rt.shield():
                rt.sleep(0.001)
            cleaned.append(name)

    def main() -> None:
        rt.spawn(wait, "other")
        wait("main")

    with alarm(error, after=0.02), pytest.raises(type(error)) as raised:
        rt.run(main)
    assert raised.value is error
    assert cleaned == ["main", "other"]


def test_main_may_handle_a_signals_exception_and_go_on() -> None:
    def main() -> str:
        with pytest.raises(Alarm):
            rt.sleep(60)
        return rt.spawn(lambda: "goes on").result()

    with alarm(Alarm(), after=0.02):
        assert rt.run(main) == "goes on"


# -- posts without an end, tasks without a hub ----------------------------------------------------


class Nudge(BaseException):
    """What a signal handler raises, as Ctrl-C does."""


def nudge(at: int) -> Callable[[FrameType, str, object], None]:
    """Return a trace function that raises when the n-th call within the scheduler begins."""
    left = [at]

    def trace(frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and frame.f_code.co_filename in SCHEDULER:
            left[0] -= 1
            if not left[0]:
                raise Nudge

    return trace


SCHEDULER = {module.__file__ for module in (_hub, _poll, _task, _timer)}


@pytest.mark.parametrize("first", range(1, 250, 25))
def test_a_signals_exception_at_any_call_wakes_nobody_in_vain_and_loses_nobody(first: int) -> None:
    woken: list[bool] = []

    def work() -> None:
        for _ in range(3):
            with contextlib.suppress(Nudge):
                rt.yield_now()
            with contextlib.suppress(Nudge):
                woken.append(rt.Event().wait(timeout=0.0001))

    def main(at: int) -> None:
        tasks = [rt.spawn(work) for _ in range(3)]
        before = sys.gettrace()
        sys.settrace(nudge(at))
        try:
            for task in tasks:
                while not task.done:
                    with contextlib.suppress(Nudge):
                        task.join()
        finally:
            sys.settrace(before)
        assert not current_hub().ready
        assert rt.stats().tasks == 1

    for at in range(first, first + 25):
        with contextlib.suppress(Nudge):  # where main did not wait, it ends the run
            rt.run(main, at)
    assert woken
    assert not any(woken)


def test_a_post_that_posts_itself_again_does_not_starve_tasks_and_timers() -> None:
    posted = [0]

    def main() -> None:
        hub = current_hub()

        def again() -> None:
            posted[0] += 1
            if posted[0] < 1_000_000:
                hub.post(again)

        hub.post(again)
        rt.sleep(0.01)
        posted[0], seen = 1_000_000, posted[0]
        assert 1 < seen < 1_000_000

    rt.run(main)


def test_a_thread_that_posts_without_end_does_not_starve_tasks_and_timers() -> None:
    def main() -> None:
        hub = current_hub()
        stop = threading.Event()

        def flood() -> None:
            while not stop.is_set():
                hub.post(int)

        flooding = threading.Thread(target=flood)
        flooding.start()
        try:
            began = time.monotonic()
            for _ in range(3):
                rt.sleep(0.005)
            assert time.monotonic() - began < 5
        finally:
            stop.set()
            flooding.join()

    rt.run(main)


def test_a_task_whose_greenlet_is_killed_cleans_up_and_ends_alone() -> None:
    ended: list[str] = []

    def wait() -> None:
        try:
            rt.Event().wait()
        finally:
            rt.yield_now()
            ended.append("cleaned up")

    def main() -> str:
        task = rt.spawn(wait)
        rt.sleep(0.001)
        current_hub().post(lambda: task.greenlet and task.greenlet.throw())
        task.join()
        assert isinstance(task.error, GreenletExit)
        assert task not in current_hub().tasks
        return rt.spawn(lambda: "the others go on").result()

    assert rt.run(main) == "the others go on"
    assert ended == ["cleaned up"]


def test_a_task_that_kills_its_own_greenlet_ends_alone() -> None:
    def fail() -> None:
        raise GreenletExit

    def main() -> str:
        task = rt.spawn(fail)
        task.join()
        assert isinstance(task.error, GreenletExit)
        return rt.spawn(lambda: "the others go on").result()

    assert rt.run(main) == "the others go on"


# -- depth ----------------------------------------------------------------------------------------


def recurse(depth: int, at_the_bottom: Callable[[], object]) -> None:
    if depth:
        recurse(depth - 1, at_the_bottom)
    else:
        at_the_bottom()


@pytest.mark.slow
@pytest.mark.parametrize(
    "wait", [rt.yield_now, functools.partial(rt.sleep, 0.0001)], ids=["yield", "sleep"]
)
def test_a_wait_that_is_too_deep_in_calls_leaves_the_task_running(
    wait: Callable[[], None],
) -> None:
    def forever() -> None:
        wait()
        forever()

    def at_depth(depth: int) -> None:
        with contextlib.suppress(RecursionError):
            recurse(depth, forever)

    def yield_often() -> None:
        for _ in range(1000):
            rt.yield_now()

    def main() -> None:
        for depth in range(20):  # whatever the depth of one round is, all remainders are tried
            other = rt.spawn(yield_often)
            at_depth(depth)
            assert not rt.Event().wait(timeout=0.001)  # nobody is queued without having parked
            other.result()

    rt.run(main)


def test_a_long_chain_of_tasks_spawned_from_tasks_begins_with_an_empty_stack() -> None:
    ended = [0]

    def chain(left: int) -> None:
        if left:
            rt.spawn(chain, left - 1)
            rt.yield_now()
        ended[0] += 1

    def main() -> None:
        rt.spawn(chain, 10_000)
        while len(current_hub().tasks) > 1:
            rt.sleep(0.001)

    rt.run(main)
    assert ended[0] == 10_001


def test_tasks_spawned_deep_in_calls_begin_with_an_empty_stack() -> None:
    def spawn_deep_tasks() -> None:
        for task in [rt.spawn(recurse, 500, rt.yield_now) for _ in range(20)]:
            task.result()

    def main() -> None:
        for task in [rt.spawn(recurse, 700, spawn_deep_tasks) for _ in range(5)]:
            task.result()

    rt.run(main)


def test_generators_that_wait_deep_inside_each_other_go_on_where_they_were() -> None:
    def nested(left: int) -> Iterator[int]:
        if left:
            yield from nested(left - 1)
        else:
            for number in range(3):
                rt.yield_now()
                yield number

    def main() -> None:
        tasks = [rt.spawn(lambda: list(nested(300))) for _ in range(50)]
        assert [task.result() for task in tasks] == [[0, 1, 2]] * 50

    rt.run(main)


class Mess:
    """Tasks that do something random, to themselves and to each other."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.tasks: list[rt.Task[None]] = []
        self.begun: list[int] = []
        self.ended: list[int] = []

    def add(self) -> None:
        self.tasks.append(rt.spawn(self.work, len(self.tasks)))

    def work(self, number: int) -> None:
        self.begun.append(number)
        steps = (rt.yield_now, self.doze, self.multiply, self.cancel, self.hurry, self.insist)
        try:
            for _ in range(self.random.randrange(6)):
                self.random.choice(steps)()
        finally:
            self.ended.append(number)

    def doze(self) -> None:
        rt.sleep(self.random.random())

    def multiply(self) -> None:
        if len(self.tasks) < 60:
            self.add()

    def cancel(self) -> None:
        self.random.choice(self.tasks).cancel()

    def hurry(self) -> None:
        outer, inner = rt.deadline(self.random.random()), rt.deadline(self.random.random())
        with contextlib.suppress(rt.DeadlineExceeded), outer, inner:
            self.doze()

    def insist(self) -> None:
        with rt.shield():
            self.doze()


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_task_runs_once_and_ends_whatever_they_do_to_each_other(seed: int) -> None:
    mess = Mess(seed)

    def main() -> None:
        for _ in range(20):
            mess.add()
        for task in mess.tasks:  # they grow meanwhile
            task.join()

    testing.run(main, seed=seed)
    assert {task.state for task in mess.tasks} <= {"finished", "cancelled"}
    assert len(mess.begun) == len(set(mess.begun))
    assert sorted(mess.begun) == sorted(mess.ended)
    finished = {number for number, task in enumerate(mess.tasks) if task.state == "finished"}
    assert finished <= set(mess.ended)
