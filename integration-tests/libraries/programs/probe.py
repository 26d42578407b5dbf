"""A coroutine that should run every few milliseconds, and how late it is.

The machine may be busy with other things. The time that the thread waits for a processor is known
to the operating system, and does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from photon_runtime import sleep, spawn

_TICK = 0.002
_STATISTICS = Path("/proc/thread-self/schedstat")


class Probe:
    """The coroutine.

    Args:
        ping: Function that it calls each time, such as one that makes a request.

    Attributes:
        late: Seconds of its longest delay, ``ping`` included.
    """

    def __init__(self, ping: Callable[[], object] = lambda: None) -> None:
        self.late = 0.0
        self._ping = ping
        self._ends = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the coroutine during a block."""
        task = spawn(self._tick)
        try:
            yield
            sleep(2 * _TICK)
        finally:
            self._ends = True  # not cancelled: it may be in the midst of a request
            task.join()

    def _tick(self) -> None:
        while not self._ends:
            begun, waited = time.monotonic(), _seconds_without_processor()
            sleep(_TICK)
            self._ping()
            elsewhere = _seconds_without_processor() - waited
            self.late = max(self.late, time.monotonic() - begun - _TICK - elsewhere)


def _seconds_without_processor() -> float:
    if not _STATISTICS.exists():
        return 0.0
    return int(_STATISTICS.read_text().split()[1]) / 1e9
