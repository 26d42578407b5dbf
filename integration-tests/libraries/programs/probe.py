"""A coroutine that should run every few milliseconds, and how late it is.

The machine may be busy with other things. The time that the thread waits for a processor is known
to the operating system, and does not count.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from photon_runtime import sleep, spawn

_TICK = 0.002
_STATISTICS = Path("/proc/thread-self/schedstat")


class Probe:
    """The coroutine.

    Attributes:
        late: Seconds of its longest delay.
    """

    def __init__(self) -> None:
        self.late = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the coroutine during a block."""
        task = spawn(self._tick)
        try:
            yield
            sleep(2 * _TICK)
        finally:
            task.cancel()

    def _tick(self) -> None:
        while True:
            begun, waited = time.monotonic(), _seconds_without_processor()
            sleep(_TICK)
            elsewhere = _seconds_without_processor() - waited
            self.late = max(self.late, time.monotonic() - begun - _TICK - elsewhere)


def _seconds_without_processor() -> float:
    if not _STATISTICS.exists():
        return 0.0
    return int(_STATISTICS.read_text().split()[1]) / 1e9
