"""The watchdog: finds the code that holds the hub.

Theory of operation. A coroutine that computes for long, or calls something that blocks the
thread, stops every other one. The watchdog is a real thread that looks at the hub at intervals:
if it sees the same task running in the same turn of the scheduler twice, that task has held the
hub for the whole interval, and its stack, taken from outside, shows the line. One report is made
per hold. While a debugger traces, holding the hub is what people want, and nothing is reported.

The hub pays nothing for it: it keeps count of its turns and of the running task anyway.
"""

from __future__ import annotations

import _thread
import logging
import sys
import threading
import traceback
from collections.abc import Callable

import attrs

from ._hub import Hub
from ._report import own_stack
from ._task import Task

_log = logging.getLogger("photon.runtime")
# Taken at import: a patched standard library must not turn the watchdog into a task.
_start_thread = _thread.start_new_thread
_RealEvent = threading.Event


@attrs.frozen
class Hold:
    """A task that held the hub for too long.

    Attributes:
        task: The task.
        seconds: For how long at least.
        stack: Where it was, as text, the innermost line last.
    """

    task: Task[object]
    seconds: float
    stack: str


class Watchdog:
    """Watches one hub from a thread of its own.

    Args:
        hub: The hub; it must be running in the calling thread.
        threshold: Seconds that a task may hold it.
        report: Called with each `Hold`, in the watchdog's thread; by default it is logged.

    Attributes:
        holds: How many holds were seen.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        threshold: float = 0.1,
        report: Callable[[Hold], None] | None = None,
    ) -> None:
        """Prepare to watch; `start` begins."""
        self.holds = 0
        self._hub = hub
        self._threshold = threshold
        self._report = _log_hold if report is None else report
        self._thread = _thread.get_ident()
        self._ended = _RealEvent()

    def start(self) -> None:
        """Begin to watch."""
        _start_thread(self._watch, ())

    def close(self) -> None:
        """Stop watching."""
        self._ended.set()

    def _watch(self) -> None:
        seen: tuple[int, Task[object] | None] = (-1, None)
        is_reported = False
        while not self._ended.wait(self._threshold):
            now = (self._hub.turns, self._hub.running)
            if now != seen or now[1] is None:
                seen, is_reported = now, False
            elif not is_reported and sys.gettrace() is None:
                is_reported = True
                self._note(now[1])

    def _note(self, task: Task[object]) -> None:
        frame = sys._current_frames().get(self._thread)
        stack = "".join(traceback.format_list(own_stack(frame))) if frame is not None else ""
        self._report(Hold(task, self._threshold, stack))
        self.holds += 1


def _log_hold(hold: Hold) -> None:
    _log.warning(
        "%r has held the hub for over %g s; meanwhile nothing else runs. It is at\n%s"
        "Give long computations and blocking calls to photon_runtime.offload().",
        hold.task,
        hold.seconds,
        hold.stack,
    )
