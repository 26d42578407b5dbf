"""Blocking work on real threads, so that the scheduler is not blocked.

Theory of operation. Each hub has a pool that starts threads as needed, up to a limit, and reuses
them. A call acquires one of the pool's slots (waiting fairly for it, as a task), puts itself on the
work queue and parks; the thread runs it and posts the end to the hub, which frees the slot and
wakes the task. A cancelled call stops waiting at once, but a thread cannot be stopped: its slot is
freed when the function has returned, so the limit is never exceeded.

The threads and the queue are the interpreter's own, read at import, so that a patched standard
library changes nothing here. Threads that wait for work are daemonic: they never prevent a process
from ending.
"""

from __future__ import annotations

import _thread
import contextvars
import functools
import signal
from collections.abc import Callable
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

from ._hub import Hub, current_hub
from ._pooled_greenlet import current_task
from ._sync import Semaphore
from ._task import Task
from .callables import refuse_deferred, require_function

P = ParamSpec("P")
T = TypeVar("T")

_start_thread = _thread.start_new_thread
_MAX_THREADS = 32


class Job:
    """One call on its way through the pool.

    Attributes:
        is_ended: True after the call has ended, as the hub knows.
        is_left: True if the caller has left before it knew the result.
        when_ended: Function that is called in the hub at the end of a call whose caller has left.
    """

    __slots__ = ("_call", "_error", "_task", "_value", "is_ended", "is_left", "when_ended")

    def __init__(self, call: Callable[[], object], task: Task[object]) -> None:
        """Prepare ``call`` for ``task``."""
        self._call = call
        self._task: Task[object] | None = task
        self._value: object = None
        self._error: BaseException | None = None
        self.is_ended = self.is_left = False
        self.when_ended: Callable[[], object] | None = None

    def run(self) -> None:
        """Run the call in the pool's thread."""
        call, self._call = self._call, _nothing  # release its arguments with the call
        try:
            self._value = call()
        except BaseException as error:
            self._error = error

    def finish(self) -> None:
        """Wake the caller, in the hub's thread."""
        self.is_ended = True
        if self._task is not None:
            self._task.unpark()
        elif self.when_ended is not None:
            self.when_ended()

    def wait(self) -> object:
        """Wait for the end, in the task that has started the call; return its result.

        Raises:
            Cancelled: A scope around the task was cancelled; the call continues.
            BaseException: Whatever the call raised.

        Blocks: the calling task.
        """
        try:
            if self._task is not None:
                self._task.park()
        except BaseException:
            self.is_left = True
            raise
        finally:
            self._task = None
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                # Its traceback refers to this frame, which would keep the arguments alive.
                del error
        return self._value


def _nothing() -> None:
    """Replace a call that was made."""


class OffloadPool:
    """The threads of one hub."""

    def __init__(self, hub: Hub, *, max_threads: int = _MAX_THREADS) -> None:
        """Make a pool without threads yet."""
        self._hub = hub
        self._slots = Semaphore(max_threads)
        self._work: SimpleQueue[Job | None] = SimpleQueue()
        self._threads = 0
        self._busy = 0

    def run(self, call: Callable[[], object]) -> object:
        """Run ``call`` on a thread; see `offload`."""
        return self.start(call).wait()

    def start(self, call: Callable[[], object]) -> Job:
        """Start ``call`` on a thread; the running task must then call `Job.wait`.

        Raises:
            Cancelled: A scope around the task was cancelled; the call was not started.
            RuntimeError: Another thread is needed and cannot be started.

        Blocks: the calling task, while all threads are busy.
        """
        task = current_task()
        task.raise_if_cancelled()
        self._slots.acquire()
        if self._busy == self._threads:
            self._add_thread()
        job = Job(call, task)
        self._busy += 1
        self._hub.pending_external += 1
        self._work.put(job)
        return job

    def _add_thread(self) -> None:
        try:
            _start_thread(self._work_on, ())
        except BaseException:  # the operating system cannot start another thread
            self._slots.release()
            raise
        self._threads += 1

    def close(self) -> None:
        """Let the idle threads end; busy ones end after their call."""
        for _ in range(self._threads):
            self._work.put(None)

    def _work_on(self) -> None:
        # Signals are for the main thread: only there do they wake a hub at once.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while (job := self._work.get()) is not None:
            job.run()
            self._hub.post(functools.partial(self._finished, job))
            del job  # an idle thread must not keep the caller's objects alive

    def _finished(self, job: Job) -> None:
        self._busy -= 1
        self._hub.pending_external -= 1
        self._slots.release()
        job.finish()


def offload(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that blocks or computes on a thread of its own, and wait for its result.

    The function runs in a copy of the caller's context variables. It must not call functions that
    wait in the hub, because it runs outside of it.

    Raises:
        Cancelled: A scope around the task was cancelled; the function continues unobserved.
        RuntimeError: Another thread is needed and cannot be started.
        SignatureError: It is a coroutine function or a generator function.
        Exception: Whatever the function raised.

    Blocks: the calling task, while the pool (32 threads) is busy and until the function returns.
    """
    refuse_deferred(function)
    hub = current_hub()
    pool = hub.resources.get(OffloadPool)
    if not isinstance(pool, OffloadPool):
        pool = hub.resources[OffloadPool] = OffloadPool(hub)
    call = functools.partial(function, *args, **kwargs)
    context = contextvars.copy_context()
    return pool.run(functools.partial(context.run, call))  # type: ignore[return-value]  # call's


def blocking(function: Callable[P, T]) -> Callable[P, T]:
    """Make every call of the decorated function an `offload`."""
    require_function(function, "a blocking function")

    @functools.wraps(function)
    def offloaded(*args: P.args, **kwargs: P.kwargs) -> T:
        return offload(function, *args, **kwargs)

    return offloaded
