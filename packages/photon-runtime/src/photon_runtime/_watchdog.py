"""The watchdog: finds code that blocks the scheduler.

Theory of operation. A coroutine that computes for a long time, or calls a function that blocks the
thread, stops every other one. The watchdog is a real thread that checks the hub at intervals: if
the same task runs in the same turn of the scheduler twice, that task has blocked the scheduler for
the whole interval, and its stack shows the line. Each block is reported once.

*Code in C that keeps the interpreter's lock* (a regular expression, ``sum(range(10**8))``, a sort)
stops the watchdog as well. So it looks at its own delay when it runs again: a thread that waits for
the lock asks for it every few milliseconds, and the kernel counts these waits. A delay with them
was a hold of the lock, for about that time, and is reported now: usually the task that held it has
just left the call, and its stack still shows the line. A delay in which the thread with the lock
waited for a processor comes from the machine, and in one without work of any thread the process was
stopped.

If most of the process's CPU time was used by other threads meanwhile, one of them had the lock, and
the report names the threads in place of the task.

*Debuggers.* At the prompt of one, blocking is intended and a report would be written over the
prompt: nothing is reported while the stack of any thread is in one, or while one uses
``sys.monitoring``.

The watchdog costs the hub nothing: the hub counts its turns and stores the running task anyway.
"""

from __future__ import annotations

import _thread
import contextlib
import logging
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import NamedTuple

import attrs

from ._debuggers import is_debugging
from ._hub import Hub
from ._report import own_stack
from ._task import Task
from .libraries_in_c import BlockingLibrary, blocking_library

_log = logging.getLogger("photon.runtime")
# The originals, read at import: a patched standard library must not turn the watchdog into a task.
_start_thread = _thread.start_new_thread
_RealEvent = threading.Event
_monotonic = time.monotonic
_process_time = time.process_time

_Seen = tuple[int, Task[object] | None]
_NOTHING: _Seen = (-1, None)
_LARGEST_PART = 0.5
_SHORTEST_HOLD = 0.05  # below, it may be the scheduler of the operating system
_USUAL_WAIT = 2.0  # switch intervals that one wait for the lock takes on a machine that has work
_SLOW_WAIT = 4.0  # times as long, on one that has too much


@attrs.frozen
class SchedulerBlock:
    """A task that blocked the scheduler for too long, or code that kept the interpreter's lock.

    Attributes:
        task: The task; ``None`` if a thread outside of the scheduler kept the lock.
        seconds: Minimum duration.
        stack: Its stack as text, the innermost line last.
        kept_lock: True if no other thread of the process could run either. Such a block is over
            when it is reported, and the stack is that of the moment after it.
        library: The library in C that the task has called, if it is known.
    """

    task: Task[object] | None
    seconds: float
    stack: str
    kept_lock: bool = False
    library: BlockingLibrary | None = None


class _Look(NamedTuple):
    """What the thread of the hub did at a moment.

    Attributes:
        stack: Its stack as text.
        library: The library in C that it has called.
    """

    stack: str = ""
    library: BlockingLibrary | None = None


class _Clocks(NamedTuple):
    """What was used until a moment, in seconds.

    Attributes:
        now: The monotonic clock.
        process: CPU time of the process.
        hub: CPU time of the hub's thread.
        queued: Time for which the hub's thread waited for a processor.
        own_queued: The same for the watchdog's thread.
        waits: Number of waits of the watchdog's thread.
    """

    now: float
    process: float
    hub: float
    queued: float
    own_queued: float
    waits: int


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
        self._hub_clock = _clock_of(self._thread)
        self._own = 0
        self._ended = _RealEvent()

    def start(self) -> None:
        """Begin to watch; called in the thread of the hub."""
        self._queue = _RunQueue()
        # The new thread has waited for nothing yet, and may have to wait for the lock at once.
        _start_thread(self._watch, (self._read(None)._replace(waits=0),))

    def close(self) -> None:
        """Stop watching."""
        self._ended.set()

    def _watch(self, began: _Clocks) -> None:
        self._own = _thread.get_ident()
        # The kernel may choose any thread, and the stack of this one is of no use.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGUSR1,))
        own_queue = _RunQueue()
        try:
            self._watch_with(own_queue, began)
        finally:
            own_queue.close()
            self._queue.close()

    def _watch_with(self, own_queue: _RunQueue, began: _Clocks) -> None:
        seen, is_reported = _NOTHING, False
        while not self._ended.wait(self._threshold):
            # First: reading the clocks gives the lock away, and the hub goes on.
            now = (self._hub.turns, self._hub.running)
            is_late = _monotonic() - began.now - self._threshold > _SHORTEST_HOLD
            look = self._look() if is_late else None
            woken = self._read(own_queue)
            blocked = self.blocked
            held = self._held(began, woken)
            if now == seen and now[1] is not None:
                if not is_reported and self._was_stopped(began, woken, held):
                    seen = _NOTHING
                elif not is_reported:
                    is_reported = True  # also of a debugger: the turn goes on after its prompt
                    if not is_debugging():
                        self._note(now[1], max(held, self._threshold), look, kept_lock=bool(held))
            else:
                seen, is_reported = now, False
                if held and not is_debugging():
                    is_reported = self._note_hold(now[1], held, look, began, woken)
            # A report takes its time, which must not count.
            began = woken if blocked == self.blocked else self._read(own_queue)

    def _read(self, own_queue: _RunQueue | None) -> _Clocks:
        # These two give the lock away. All others follow at one moment, so that a hold is between
        # two readings of all of them.
        queued = self._queue.seconds()
        own_queued = 0.0 if own_queue is None else own_queue.seconds()
        hub = 0.0
        if self._hub_clock is not None:
            with contextlib.suppress(OSError):  # the thread has just ended
                hub = time.clock_gettime(self._hub_clock)
        return _Clocks(
            _monotonic(),
            _process_time(),
            hub,
            queued=queued,
            own_queued=own_queued,
            waits=_waits(),
        )

    def _held(self, began: _Clocks, woken: _Clocks) -> float:
        """Return for how long the lock was kept from this thread; 0 if not for long."""
        delay = self._delay(began, woken)
        waited = delay
        if _waits is not _no_waits:
            waited = (woken.waits - began.waits) * sys.getswitchinterval() * _USUAL_WAIT
        certain = min(delay, waited) - (woken.queued - began.queued)
        if certain <= max(self._threshold, _SHORTEST_HOLD):
            return 0.0
        return min(delay, waited * _SLOW_WAIT)

    def _delay(self, began: _Clocks, woken: _Clocks) -> float:
        return woken.now - began.now - self._threshold

    def _was_stopped(self, began: _Clocks, woken: _Clocks, held: float) -> bool:
        """Return whether this thread is late though neither it nor the hub's wanted to run."""
        busy = woken.hub - began.hub + woken.queued - began.queued
        explained = max(held, busy, woken.own_queued - began.own_queued)
        return self._delay(began, woken) - explained > max(self._threshold, _SHORTEST_HOLD)

    def _note_hold(
        self,
        task: Task[object] | None,
        held: float,
        look: _Look | None,
        began: _Clocks,
        woken: _Clocks,
    ) -> bool:
        """Report that the lock was kept; return whether the task that runs was named for it."""
        computed = woken.process - began.process
        is_of_others = self._hub_clock is not None and (
            computed > held * _LARGEST_PART and woken.hub - began.hub < computed * _LARGEST_PART
        )
        if task is not None and not is_of_others:
            self._note(task, held, look, kept_lock=True)
            return True
        self._count(SchedulerBlock(None, held, self._other_stacks(), kept_lock=True))
        return False

    def _note(
        self, task: Task[object], seconds: float, look: _Look | None, *, kept_lock: bool = False
    ) -> None:
        stack, library = look or self._look()
        self._count(SchedulerBlock(task, seconds, stack, kept_lock, library))

    def _look(self) -> _Look:
        frame = sys._current_frames().get(self._thread)
        if frame is None:
            return _Look()
        return _Look("".join(traceback.format_list(own_stack(frame))), blocking_library(frame))

    def _count(self, block: SchedulerBlock) -> None:
        self._report(block)
        self.blocked += 1

    def _other_stacks(self) -> str:
        texts = []
        for thread, frame in sys._current_frames().items():
            if thread not in (self._thread, self._own):
                lines = traceback.format_list(own_stack(frame))
                texts.append(f"  thread {thread}:\n{''.join(lines)}")
        return "".join(texts)


def _clock_of(thread: int) -> int | None:
    """Return the clock of a thread's CPU time; ``None`` on systems without one."""
    try:
        return time.pthread_getcpuclockid(thread)
    except (AttributeError, OSError):
        return None


class _RunQueue:
    """For how long the thread that makes this has waited for a processor.

    The file stays open: to open it anew at each look would be most of what the watchdog costs.
    """

    __slots__ = ("_file",)

    def __init__(self) -> None:
        path = f"/proc/self/task/{threading.get_native_id()}/schedstat"
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (OSError, AttributeError):  # not on Linux
            self._file = -1

    def seconds(self) -> float:
        """Return the time until now; 0 where it is unknown."""
        try:
            return int(os.pread(self._file, 100, 0).split()[1]) / 1e9
        except (OSError, AttributeError, IndexError, ValueError):
            return 0.0  # also if code of the application has closed the file

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = -1


def _counted_waits() -> int:
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


def _no_waits() -> int:
    return 0


_waits = _counted_waits if hasattr(resource, "RUSAGE_THREAD") else _no_waits


def _log_block(block: SchedulerBlock) -> None:
    library = block.library
    if block.task is None:
        _log.warning(
            "code in C, outside of the scheduler's tasks or in one that has ended, has kept the "
            "interpreter's lock for about %.2g s; no task ran meanwhile.%s",
            block.seconds,
            f" The threads outside of the scheduler:\n{block.stack}" if block.stack else "",
        )
    elif block.kept_lock:
        _log.warning(
            "%r has kept the interpreter's lock for about %.2g s, in code in C%s; no other task "
            "and no thread ran meanwhile. Its stack just afterwards:\n%s"
            "Give such code less at a time, or run it in another process.",
            block.task,
            block.seconds,
            "" if library is None else f", probably of {library.name}",
            block.stack,
        )
    else:
        _log.warning(
            "%r has blocked the scheduler for over %g s%s; no other task runs meanwhile. "
            "Its stack:\n%s%s",
            block.task,
            block.seconds,
            "" if library is None else f", in {library.name}, which is written in C",
            block.stack,
            "Pass long computations and blocking calls to photon_runtime.offload()."
            if library is None
            else f"{library.name}: {library.remedy} (docs/waiting-in-c.md).",
        )
