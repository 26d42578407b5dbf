"""`DepthReader`: the lengths of queues, read from the store now and then.

Theory of operation. Counting jobs costs the store a look at all of them, so no scrape of the
metrics does it. One process of those that share their metrics reads them at an interval, and waits
at least twenty times as long as the last reading took: it uses at most a twentieth of one
connection, whatever the size of the store. If that process ends, another one continues.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

import photon_runtime as rt

from ..errors import StoreUnavailable
from ._observer import JobObserver

if TYPE_CHECKING:
    from ..stores import JobStore

_log = logging.getLogger("photon.tasks")
_INTERVAL: Final = 15.0
_SHARE: Final = 20
_TIMEOUT: Final = 10.0


@final
class DepthReader:
    """Reads the number of jobs by queue and state, and the age of the oldest ones.

    Args:
        store: The store.
        observer: Receives the figures.
        leads: Returns whether this process is the one that reads.
        interval: Minimum number of seconds between two readings.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        store: JobStore,
        observer: JobObserver,
        *,
        leads: Callable[[], bool],
        interval: float = _INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Note what to read."""
        self._store = store
        self._observer = observer
        self._leads = leads
        self._interval = interval
        self._clock = clock

    def run(self) -> None:
        """Read until the task is cancelled. Blocks: the calling task."""
        while True:
            taken = self.read() if self._leads() else 0.0
            # A random part, so that several hosts do not read at the same time.
            rt.sleep(max(self._interval, _SHARE * taken) * random.uniform(0.9, 1.1))

    def read(self) -> float:
        """Read once, and return how many seconds it took.

        Blocks: the calling task, for 10 s at most.
        """
        begun = self._clock()
        try:
            with rt.deadline(_TIMEOUT):
                self._observer.measured(self._store.depths())
        except (StoreUnavailable, rt.DeadlineExceeded):
            self._observer.measured(None)  # workers log it; the metric shows it
        except Exception:
            _log.exception("the number of jobs cannot be read")
            self._observer.measured(None)
        return self._clock() - begun
