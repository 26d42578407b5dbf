"""Tasks that poll again and again, with much work in between, let the hub poll as well."""

from __future__ import annotations

import time

from photon_runtime import sleep, spawn
from photon_runtime._hub import current_hub
from photon_runtime._pooled_greenlet import current_task
from photon_runtime.patch._turns import let_others_poll
from photon_runtime.testing import in_hub


@in_hub
def test_a_turn_of_much_work_is_ended_and_one_of_little_is_not() -> None:
    hub = current_hub()

    def turns_of(seconds: float) -> int:
        def work() -> None:
            for _ in range(10):
                end = time.perf_counter() + seconds
                while time.perf_counter() < end:
                    pass
                let_others_poll(current_task())

        sleep(0.001)  # begin in a new turn
        before = hub.turns
        tasks = [spawn(work) for _ in range(3)]
        for task in tasks:
            task.join()
        return hub.turns - before

    assert turns_of(0.003) >= 8
    assert turns_of(0) <= 4
