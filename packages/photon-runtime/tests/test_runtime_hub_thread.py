from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from photon_runtime import Event, sleep
from photon_runtime.errors import Cancelled, TaskCancelled
from photon_runtime.testing import HubThread, hub_thread


def test_calls_run_in_the_hub_and_return_or_raise() -> None:
    def fail() -> None:
        raise KeyError("x")

    with hub_thread() as hub:
        assert hub.call(lambda a, b: a + b, 1, b=2) == 3
        with pytest.raises(KeyError):
            hub.call(fail)
        assert hub.call(threading.get_ident) != threading.get_ident()


def test_calls_run_concurrently_and_may_wait_for_each_other() -> None:
    event = Event()
    with hub_thread() as hub:
        waiting = hub.begin(event.wait)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.01)
        hub.call(event.set)
        waiting.result(timeout=5)


def test_an_idle_hub_is_no_deadlock() -> None:
    with hub_thread() as hub:
        hub.call(lambda: None)
        threading.Event().wait(0.05)
        assert hub.call(lambda: 7) == 7


def test_a_call_can_be_cancelled() -> None:
    with hub_thread() as hub:
        pending = hub.begin(sleep, 1000)
        pending.cancel(hub)
        with pytest.raises((Cancelled, TaskCancelled)):
            pending.result(timeout=5)


def test_what_still_runs_ends_with_the_hub_which_takes_no_more_calls() -> None:
    hub = HubThread()
    pending = hub.begin(sleep, 1000)
    hub.close()
    with pytest.raises((Cancelled, TaskCancelled)):
        pending.result(timeout=5)
    with pytest.raises(RuntimeError, match="has ended"):
        hub.call(lambda: None)
    hub.close()


def test_it_is_a_real_thread_in_a_task_of_a_patched_process() -> None:
    program = (
        "import _thread; ident = _thread.get_ident\n"
        "from photon_runtime.patch import patch_stdlib; patch_stdlib()\n"
        "from photon_runtime import run\n"
        "from photon_runtime.testing import hub_thread\n"
        "def main():\n"
        "    with hub_thread() as hub:\n"
        "        print(hub.call(ident) != ident())\n"
        "run(main)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.slow
def test_calls_that_meet_the_end_of_the_hub_fail_and_do_not_wait_for_ever() -> None:
    outcomes: set[str] = set()

    def call_again_and_again(hub: HubThread) -> None:
        try:
            while True:
                hub.begin(lambda: None).result(timeout=5)
        except TimeoutError:
            outcomes.add("waited for ever")
        except (RuntimeError, TaskCancelled, Cancelled):
            outcomes.add("told")

    for _ in range(30):
        hub = HubThread()
        callers = [threading.Thread(target=call_again_and_again, args=(hub,)) for _ in range(3)]
        for caller in callers:
            caller.start()
        hub.call(lambda: None)
        hub.close()
        for caller in callers:
            caller.join()
    assert outcomes == {"told"}


def test_the_error_of_a_call_is_raised_whenever_its_result_is_asked_for() -> None:
    with hub_thread() as hub:
        failing = hub.begin(lambda: 1 / 0)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                failing.result()


def test_a_hub_that_cannot_begin_any_more_says_so_at_once() -> None:
    program = (
        "import atexit, time, threading\n"
        "from photon_runtime import _at_exit\n"
        "from photon_runtime.testing import HubThread\n"
        "threading.excepthook = lambda args: None\n"  # may come too late to tell
        "def late():\n"
        "    begun = time.monotonic()\n"
        "    try:\n"
        "        HubThread()\n"
        "    except RuntimeError as error:\n"
        "        print(error, time.monotonic() - begun < 5)\n"
        "atexit.unregister(_at_exit._end_runs)\n"
        "atexit.register(late)\n"
        "atexit.register(_at_exit._end_runs)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stderr == ""
    refusals = ["the hub has ended before it began"]
    if sys.version_info[:2] == (3, 12):  # some releases of it start no thread in exit handlers
        refusals.append("can't create new thread at interpreter shutdown")
    assert done.stdout in [f"{refusal} True\n" for refusal in refusals]
