"""A hub on its own thread, for code that runs outside of a hub.

The thread's main task only waits for the end; each call is posted to the hub and runs there as a
task, so calls of several threads run concurrently. The hub counts a pending external report while
the thread lives: otherwise it would take its idleness for a deadlock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, ParamSpec, TypeVar, cast

from ._hub import Hub, current_hub
from ._offload import offload
from ._pooled_greenlet import current_task
from ._report import describe_tasks
from ._run import new_task, run
from ._sync import Event
from ._task import Task
from .errors import NotRunning

P = ParamSpec("P")
T = TypeVar("T")

_START_TIME = 10.0


def start_real_thread(thread: threading.Thread) -> None:
    """Start a real thread, even if the standard library is patched.

    Under the patch, a thread started by a task would be a task of the same hub.
    """
    try:
        current_task()
    except NotRunning:
        thread.start()
    else:
        offload(thread.start)


class HubThread:
    """A hub that runs on another thread until it is closed.

    Raises:
        RuntimeError: The process is ending, so no hub can start.
        TimeoutError: The thread did not start in time.
    """

    def __init__(self) -> None:
        """Start it. Blocks: the calling thread, for a moment."""
        self._started = threading.Event()
        self._pending: set[PendingCall[Any]] = set()
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub_thread", daemon=True)
        start_real_thread(self._thread)
        if not self._started.wait(_START_TIME):
            raise TimeoutError("the hub's thread has not started")
        if self._gone.is_set():
            raise RuntimeError("the hub has ended before it began")

    def _run(self) -> None:
        try:
            run(self._wait_for_the_end)
        finally:
            self._gone.set()
            self._started.set()
            for pending in list(self._pending):
                pending.fail()

    def _wait_for_the_end(self) -> None:
        self._hub = current_hub()
        self._end = Event()
        self._hub.pending_external += 1
        self._started.set()
        try:
            with self._hub.in_service():  # one call must not end the others
                self._end.wait()
        finally:
            self._hub.pending_external -= 1

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function`` as a task of the hub and return its result.

        Raises:
            RuntimeError: The hub has ended.
            Exception: Whatever the function raised.

        Blocks: the calling thread, until it has returned.
        """
        return self.begin(function, *args, **kwargs).result()

    def begin(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> PendingCall[T]:
        """Have ``function`` run as a task of the hub. Does not wait.

        Raises:
            RuntimeError: The hub has ended.
        """
        if self._gone.is_set():
            raise RuntimeError("the hub has ended")
        pending = PendingCall(lambda: function(*args, **kwargs), self._pending.discard)
        self._pending.add(pending)
        self._hub.post(lambda: pending.start(self._hub))
        if self._gone.is_set():  # it may have ended before it received this call
            pending.fail()
        return pending

    def close(self, *, timeout: float = 10.0) -> None:
        """End the hub and all its tasks.

        Raises:
            TimeoutError: A task ignores its cancellation.

        Blocks: the calling thread, for ``timeout`` seconds at most.
        """
        if self._thread.is_alive():
            self._hub.post(self._end.set)
            self._thread.join(timeout)
            if self._thread.is_alive():
                raise TimeoutError(f"the hub has not ended within {timeout} seconds")


class PendingCall(Generic[T]):
    """A call to run in a `HubThread`."""

    def __init__(self, call: Callable[[], T], ended: Callable[[PendingCall[T]], None]) -> None:
        """Store the call; ``ended`` is called when it has ended, in the hub's thread."""
        self._call = call
        self._ended = ended
        self._done = threading.Event()
        self._task: Task[T] | None = None
        self._value: list[T] = []
        self._error: BaseException | None = None

    def start(self, hub: Hub) -> None:
        """Start the task; runs in the hub, between tasks."""
        self._task = new_task(hub, self._call, self._call, on_end=self._keep)
        hub.spawn(self._task)

    def _keep(self, task: Task[object]) -> None:
        """Store the result of the task, even if it ended before it began."""
        try:
            self._value.append(cast(T, task.result()))
        except BaseException as error:
            self._error = error
        finally:
            self._ended(self)
            self._done.set()

    def fail(self) -> None:
        """Fail the call because the hub has ended."""
        if not self._done.is_set():
            self._error = RuntimeError("the hub has ended")
            self._ended(self)
            self._done.set()

    def cancel(self, hub: HubThread) -> None:
        """Cancel the call; its result is then the resulting error."""
        hub._hub.post(lambda: self._task.cancel() if self._task is not None else None)

    @property
    def done(self) -> bool:
        """Whether the call has ended."""
        return self._done.is_set()

    def describe(self, hub: HubThread, *, timeout: float = 1.0) -> str:
        """Return the state and the stack of the call's task, for a message about it.

        Blocks: the calling thread, for ``timeout`` seconds at most.
        """
        try:
            return hub.begin(self._describe).result(timeout)
        except TimeoutError:
            return "code that blocks the scheduler\n"

    def _describe(self) -> str:
        return describe_tasks([] if self._task is None else [self._task])

    def result(self, timeout: float | None = None) -> T:
        """Return what the call returned, or raise what it raised.

        Raises:
            TimeoutError: It has not ended after ``timeout`` seconds; it continues to run.

        Blocks: the calling thread, until the call has ended.
        """
        if not self._done.wait(timeout):
            raise TimeoutError(f"the call has not ended within {timeout} seconds")
        if self._error is not None:
            try:
                raise self._error
            finally:
                del self  # the error refers to this frame, and this call to the error
        return self._value[0]


@contextmanager
def hub_thread() -> Iterator[HubThread]:
    """Run a hub on another thread while the block runs.

    Example:
        >>> from photon_runtime import sleep
        >>> from photon_runtime.testing import hub_thread
        >>> with hub_thread() as hub:
        ...     hub.call(lambda: sleep(0.01) or "slept")
        'slept'
    """
    hub = HubThread()
    try:
        yield hub
    finally:
        hub.close()
