"""The watchdog: finds code that blocks the scheduler.

Theory of operation. A coroutine that computes for a long time, or calls a function that blocks the
thread, stops every other one. The watchdog is a real thread that checks the hub at intervals: if
the same task runs in the same turn of the scheduler twice, that task has blocked the scheduler for
the whole interval, and its stack shows the line. Each block is reported once. While a debugger
traces, blocking is intended, and nothing is reported.

The watchdog costs the hub nothing: the hub counts its turns and stores the running task anyway.
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
# The originals, read at import: a patched standard library must not turn the watchdog into a task.
_start_thread = _thread.start_new_thread
_RealEvent = threading.Event


@attrs.frozen
class SchedulerBlock:
    """A task that blocked the scheduler for too long.

    Attributes:
        task: The task.
        seconds: Minimum duration.
        stack: Its stack as text, the innermost line last.
    """

    task: Task[object]
    seconds: float
    stack: str


class Watchdog:
    """Watches one hub from its own thread.

    Args:
        hub: The hub; it must be running in the calling thread.
        threshold: Seconds for which a task may block the scheduler.
        report: Called with each `SchedulerBlock`, in the watchdog's thread; by default it is
            logged.

    Attributes:
        blocked: Number of blocks seen.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        threshold: float = 0.1,
        report: Callable[[SchedulerBlock], None] | None = None,
    ) -> None:
        """Prepare to watch; `start` begins."""
        self.blocked = 0
        self._hub = hub
        self._threshold = threshold
        self._report = _log_block if report is None else report
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
        self._report(SchedulerBlock(task, self._threshold, stack))
        self.blocked += 1


def _log_block(block: SchedulerBlock) -> None:
    _log.warning(
        "%r has blocked the scheduler for over %g s; no other task runs meanwhile. Its stack:\n%s"
        "Pass long computations and blocking calls to photon_runtime.offload().",
        block.task,
        block.seconds,
        block.stack,
    )
