"""`spawn_background`: limits, errors, and the end of an application."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from contextlib import suppress

import pytest

import photon_runtime as rt
from photon_runtime.errors import SignatureError
from photon_runtime.observability import Meter
from photon_runtime.testing import in_hub, in_virtual_time
from photon_runtime.transactions import transaction_scope
from photon_runtime.unattended import UnattendedErrors, raise_unattended
from photon_tasks import spawn_background
from photon_tasks.background import Background
from photon_tasks.errors import NoTasks, Overloaded

NAME = contextvars.ContextVar("name", default="nobody")


def figures(meter: Meter) -> str:
    return meter.page()[0].decode()


@in_hub
def test_work_begins_in_a_copy_of_the_context_and_returns_its_result() -> None:
    with Background(10, 1.0).current():
        NAME.set("caller")

        def work(number: int, *, factor: int) -> tuple[str, int]:
            name = NAME.get()
            NAME.set("work")
            return name, number * factor

        task = spawn_background(work, 3, factor=2)
        assert task.result() == ("caller", 6)
        assert NAME.get() == "caller"


@in_hub
def test_work_is_outside_of_the_transactions_of_its_caller() -> None:
    with Background(10, 1.0).current():
        assert spawn_background(transaction_scope).result() is not transaction_scope()


@in_hub
def test_work_outlives_the_scopes_and_deadlines_of_its_caller() -> None:
    background, log = Background(10, 1.0), list[int]()

    def work(number: int) -> None:
        rt.sleep(0.03)
        log.append(number)

    with background.current():
        with suppress(rt.DeadlineExceeded), rt.deadline(0.01):
            spawn_background(work, 1)
            rt.sleep(5)

        def caller() -> None:
            spawn_background(work, 2)
            rt.sleep(5)

        task = rt.spawn(caller)
        rt.yield_now()
        task.cancel()
        task.join()
        background.drain()
    assert log == [1, 2]


@in_hub
def test_without_an_application_it_is_refused() -> None:
    with pytest.raises(NoTasks, match=r"supervise background work.*photon_runtime\.spawn"):
        spawn_background(print)


@in_hub
def test_functions_that_would_not_run_are_refused() -> None:
    def generator() -> Iterator[int]:
        yield 1

    with Background(10, 1.0).current(), pytest.raises(SignatureError, match="generator"):
        spawn_background(generator)


@in_hub
def test_work_beyond_the_limit_is_refused_at_once() -> None:
    meter = Meter()
    meter.expose()
    background = Background(2, 1.0, meter)
    end = rt.Event()
    with background.current():
        tasks = [spawn_background(end.wait) for _ in range(2)]
        with pytest.raises(Overloaded, match=r"max_background = 2"):
            spawn_background(end.wait)
        assert "photon_background_refused_total 1.0" in figures(meter)
        end.set()
        tasks[0].join()
        assert len(background) < 2
        assert spawn_background(int).result() == 0
        background.drain()
    assert len(background) == 0


@in_hub
def test_an_error_is_logged_with_the_line_that_spawned_it_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    meter = Meter()
    meter.expose()

    def fail() -> None:
        raise ValueError("in the background")

    with Background(2, 1.0, meter).current(), UnattendedErrors(meter, keeps=False).noting():
        task = spawn_background(fail)
        assert task.result() is None
        raise_unattended()  # nothing, outside of tests
    assert f"fail, begun at {__file__}:" in caplog.text
    errors = [each.exc_info[1] for each in caplog.records if each.exc_info]
    assert [str(each) for each in errors] == ["in the background"]
    assert 'photon_background_errors_total{kind="spawned"} 1.0' in figures(meter)


@in_hub
def test_a_test_gets_the_first_error() -> None:
    def fail(number: int) -> None:
        raise ValueError(number)

    with Background(9, 1.0).current(), UnattendedErrors(Meter(), keeps=True).noting():
        for number in range(3):
            spawn_background(fail, number).join()
        with pytest.raises(ValueError, match="0") as caught:
            raise_unattended()
        assert "begun at" in caught.value.__notes__[0]
        raise_unattended()


@in_hub
def test_cancelled_work_is_not_an_error(caplog: pytest.LogCaptureFixture) -> None:
    with Background(9, 1.0).current(), UnattendedErrors(Meter(), keeps=True).noting():
        task = spawn_background(rt.sleep, 60.0)
        rt.yield_now()
        task.cancel()
        task.join()
        raise_unattended()
    assert caplog.text == ""


@in_hub
def test_work_that_is_cancelled_before_it_begins_leaves_nothing() -> None:
    background = Background(2, 1.0)
    with background.current():
        for _ in range(5):
            spawn_background(rt.sleep, 60.0).cancel()
            rt.yield_now()
        assert len(background) == 0
        spawn_background(rt.sleep, 60.0).cancel()
        background.drain()
    assert len(background) == 0


@in_virtual_time
def test_the_end_waits_for_work_and_names_what_does_not_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log: list[str] = []

    def work(seconds: float) -> None:
        rt.sleep(seconds)
        log.append(f"{seconds:g}")
        if seconds == 1.0:
            spawn_background(work, 2.0)

    def endless() -> None:
        try:
            rt.sleep(1e6)
        finally:
            with rt.shield():
                rt.sleep(0.1)
            log.append("cleaned up")

    background = Background(100, 5.0)
    with background.current():
        for seconds in (0.5, 1.0):
            spawn_background(work, seconds)
        spawn_background(endless)
        background.drain()
    assert log == ["0.5", "1", "2", "cleaned up"]
    assert len(background) == 0
    [record] = caplog.records
    assert "endless, begun at" in record.getMessage()
    assert "is cancelled" in record.getMessage()


@in_virtual_time
def test_the_end_does_not_wait_for_work_that_cannot_be_cancelled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def stubborn() -> None:
        with rt.shield():
            rt.sleep(60.0)

    background = Background(100, 0.0)
    with background.current():
        task = spawn_background(stubborn)
        rt.yield_now()
        background.drain()
    assert "does not end although it was cancelled" in caplog.text
    assert not task.done
    task.join()


@in_hub
def test_the_end_cancels_work_that_spawns_work_for_ever() -> None:
    background = Background(10, 0.05)

    def again() -> None:
        rt.sleep(0.001)
        spawn_background(again)

    with background.current():
        spawn_background(again)
        background.drain()
        rt.sleep(0.02)
        assert len(background) == 0
        with pytest.raises(NoTasks, match="has stopped"):
            spawn_background(again)
