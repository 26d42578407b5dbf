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


class _Job:
    """One call on its way through the pool."""

    __slots__ = ("call", "error", "task", "value")

    def __init__(self, call: Callable[[], object], task: Task[object]) -> None:
        self.call = call
        self.task: Task[object] | None = task
        self.value: object = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Run the call in the pool's thread."""
        call, self.call = self.call, _nothing  # release its arguments with the call
        try:
            self.value = call()
        except BaseException as error:
            self.error = error

    def finish(self) -> None:
        """Wake the caller, in the hub's thread."""
        if self.task is not None:
            self.task.unpark()


def _nothing() -> None:
    """Replace a call that was made."""


class OffloadPool:
    """The threads of one hub."""

    def __init__(self, hub: Hub, *, max_threads: int = _MAX_THREADS) -> None:
        """Make a pool without threads yet."""
        self._hub = hub
        self._slots = Semaphore(max_threads)
        self._work: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads = 0
        self._busy = 0

    def run(self, call: Callable[[], object]) -> object:
        """Run ``call`` on a thread; see `offload`."""
        task = current_task()
        task.raise_if_cancelled()
        self._slots.acquire()
        if self._busy == self._threads:
            self._add_thread()
        job = _Job(call, task)
        self._busy += 1
        self._hub.pending_external += 1
        self._work.put(job)
        try:
            task.park()
        finally:
            job.task = None
        error, job.error = job.error, None
        if error is not None:
            try:
                raise error
            finally:
                del (
                    error
                )  # its traceback refers to this frame, which would keep the arguments alive
        return job.value

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

    def _finished(self, job: _Job) -> None:
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
