from __future__ import annotations

import os
import signal
import threading

import pytest

import photon_runtime as rt
from photon_runtime.stats import dumping_on_signal


def test_a_snapshot_counts_what_there_is() -> None:
    def main() -> rt.Stats:
        waiting = rt.spawn(rt.sleep, 10)
        rt.yield_now()
        before = rt.stats()
        waiting.cancel()
        waiting.join()
        assert rt.stats().tasks == before.tasks - 1
        return before

    found = rt.run(main)
    assert (found.tasks, found.runnable, found.timers, found.blocked) == (2, 0, 1, 0)
    assert (found.awaited_descriptors, found.pending_external) == (0, 0)


def test_work_on_other_threads_is_counted_until_it_has_reported() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(10)

    def main() -> tuple[int, int]:
        call = rt.spawn(rt.offload, work)
        while not begun.is_set():
            rt.sleep(0.001)
        during = rt.stats().pending_external
        go_on.set()
        call.join()
        return during, rt.stats().pending_external

    assert rt.run(main) == (1, 0)


def test_the_dump_names_every_task_its_spawn_site_and_where_it_waits() -> None:
    def wait_for(event: rt.Event) -> None:
        event.wait()

    def main() -> str:
        event = rt.Event()
        rt.spawn(wait_for, event).name = "the one that waits"
        rt.yield_now()
        text = rt.dump_tasks()
        event.set()
        return text

    text = rt.run(main)
    assert "<Task 'the one that waits' waiting>" in text
    assert f"spawned at {__file__}:" in text
    assert "event.wait()\n  waits in Event.wait()" in text
    assert "waits in dump_tasks()" in text  # the task that asks
    assert "photon_runtime/_task.py" not in text


def test_a_signal_prints_the_stacks(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGUSR1)

    def main() -> None:
        with dumping_on_signal():
            rt.spawn(rt.sleep, 10).name = "a sleeper"
            rt.yield_now()
            os.kill(os.getpid(), signal.SIGUSR1)
            rt.sleep(0.01)

    rt.run(main)
    assert "<Task 'a sleeper' waiting>" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGUSR1) is before


def test_who_waits_for_each_other_for_ever_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    # The alarm that limits the time of a test could wake somebody, as far as the hub knows.
    monkeypatch.setattr("photon_runtime._hub._could_be_signalled", lambda: False)

    def main() -> None:
        one, other = rt.Lock(), rt.Lock()

        def take(first: rt.Lock, second: rt.Lock) -> None:
            with first:
                rt.yield_now()
                with second:
                    pass

        with rt.scope() as both:
            both.spawn(take, one, other)
            both.spawn(take, other, one)

    with pytest.raises(rt.errors.Deadlock, match="no task can ever run again") as caught:
        rt.run(main)
    assert str(caught.value).count("with second:") == 2


def test_a_hub_that_a_signal_could_wake_is_no_deadlock() -> None:
    def main() -> str:
        event = rt.Event()
        before = signal.signal(signal.SIGUSR2, lambda number, frame: event.set())
        try:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR2)).start()
            event.wait()
        finally:
            signal.signal(signal.SIGUSR2, before)
        return "woken"

    assert rt.run(main) == "woken"
