from __future__ import annotations

import inspect
import time

import pytest

import photon_runtime as rt
from photon_runtime.errors import NotRunning
from photon_runtime.testing import in_hub, in_virtual_time


@pytest.fixture
def number() -> int:
    return 7


@in_hub
def test_a_test_runs_as_a_task_and_gets_its_fixtures(number: int) -> None:
    assert number == 7
    assert rt.current_task().name.endswith("gets_its_fixtures")


@pytest.mark.parametrize("decorator", [in_hub, in_virtual_time])
def test_each_call_has_a_hub_of_its_own(decorator: type) -> None:
    @decorator
    def test(first: int, *, second: int) -> int:
        rt.spawn(rt.sleep, 3600)  # ends with the hub
        return rt.spawn(lambda: first + second).result()

    assert inspect.signature(test) == inspect.signature(test.__wrapped__)
    assert [test(1, second=2), test(3, second=4)] == [3, 7]
    with pytest.raises(NotRunning):
        rt.current_task()


@pytest.mark.parametrize("decorator", [in_hub, in_virtual_time])
def test_what_a_test_raises_is_raised(decorator: type) -> None:
    @decorator
    def test() -> None:
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        test()


def test_time_is_real_in_a_hub_and_virtual_where_that_is_said() -> None:
    start = time.monotonic()
    in_virtual_time(lambda: rt.sleep(3600))()
    assert time.monotonic() - start < 60
    start = time.monotonic()
    in_hub(lambda: rt.sleep(0.01))()
    assert time.monotonic() - start >= 0.01
