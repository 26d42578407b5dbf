"""Tasks that write at once, and a probe of how late another task is meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from photon_runtime import scope, sleep, spawn

WAIT = 0.05
_TICK = 0.002


class Probe:
    """A task that should run every few milliseconds.

    Attributes:
        late: Seconds of its longest delay.
    """

    def __init__(self) -> None:
        self.late = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the task during a block."""
        task = spawn(self._tick)
        try:
            yield
            sleep(2 * _TICK)
        finally:
            task.cancel()

    def _tick(self) -> None:
        while True:
            begun = time.monotonic()
            sleep(_TICK)
            self.late = max(self.late, time.monotonic() - begun - _TICK)


def all_write(write: Callable[[int], object], count: int) -> float:
    """Let ``count`` tasks write at once; return how late another task was."""
    probe = Probe()
    with probe.running(), scope() as tasks:
        for number in range(count):
            tasks.spawn(write, number)
    return probe.late
