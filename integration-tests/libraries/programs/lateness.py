"""Many calls at once, beside a coroutine that notices when they hold up the process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from program import MANY, at_once

from photon_runtime import scope, sleep

_PERIOD = 0.01
_BOUND = 0.1
_ROUNDS = 3


def starved() -> float:
    """Return the seconds for which this thread waited for a processor, as Linux counts them."""
    try:
        with open("/proc/thread-self/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except OSError:
        return 0.0


class Probe:
    """What the coroutine has noticed.

    Args:
        ping: Function that it calls after each sleep, such as one that makes a request.

    Attributes:
        latest: Seconds by which it was late at the most, ``ping`` included. Time for which other
            processes had the processor does not count.
    """

    def __init__(self, ping: Callable[[], object]) -> None:
        self.latest = 0.0
        self._ping = ping

    def watch(self) -> None:
        """Sleep again and again, and note how late it is afterwards."""
        while True:
            due = time.monotonic() - starved() + _PERIOD
            sleep(_PERIOD)
            self._ping()
            self.latest = max(self.latest, time.monotonic() - starved() - due)


@contextmanager
def probed(ping: Callable[[], object]) -> Iterator[Probe]:
    """Let a probe run while the block does."""
    probe = Probe(ping)
    with scope() as tasks:
        watcher = tasks.spawn(probe.watch)
        yield probe
        watcher.cancel()


def many(
    call: Callable[[int], Any], count: int = MANY, *, ping: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """Make many calls at once beside a probe; return the answers, the seconds and the lateness.

    As in `at_once`, what a busy machine has delayed is measured again.
    """
    latest: list[float] = []
    while not latest or (min(latest) > _BOUND and len(latest) < _ROUNDS):
        with probed(ping) as probe:
            answers, seconds = at_once(call, count)
        latest.append(probe.latest)
    return {"answers": answers, "seconds": seconds, "latest": min(latest)}
