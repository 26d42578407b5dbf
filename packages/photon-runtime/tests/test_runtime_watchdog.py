from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest

import photon_runtime as rt
from photon_runtime._hub import current_hub
from photon_runtime._watchdog import Hold, Watchdog

pytestmark = pytest.mark.slow


def hold_the_hub(until: Callable[[], bool]) -> None:
    """Compute, as far as anybody can see."""
    limit = time.monotonic() + 5
    while not until() and time.monotonic() < limit:
        pass


def test_a_task_that_holds_the_hub_is_named_with_its_line() -> None:
    holds: list[Hold] = []

    def main() -> int:
        watchdog = Watchdog(current_hub(), threshold=0.02, report=holds.append)
        watchdog.start()
        rt.spawn(hold_the_hub, lambda: bool(holds)).join()
        watchdog.close()
        return watchdog.holds

    assert rt.run(main) == 1
    assert holds[0].task.name == "hold_the_hub"
    assert "while not until()" in holds[0].stack or "pass" in holds[0].stack
    assert "photon_runtime/_hub.py" not in holds[0].stack


def test_one_hold_is_reported_once() -> None:
    holds: list[Hold] = []

    def main() -> None:
        watchdog = Watchdog(current_hub(), threshold=0.01, report=holds.append)
        watchdog.start()
        end = time.monotonic() + 0.2
        hold_the_hub(lambda: time.monotonic() > end)
        watchdog.close()

    rt.run(main)
    assert len(holds) == 1


def test_waiting_is_no_holding() -> None:
    holds: list[Hold] = []

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
        hold_the_hub(lambda: rt.stats().holds > 0)
        return rt.stats().holds

    with caplog.at_level(logging.WARNING, logger="photon.runtime"):
        assert rt.run(main) == 1
    assert "has held the hub for over 0.02 s" in caplog.text
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
