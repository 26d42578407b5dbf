"""Calls that wait in C, each on a real thread of its own.

Theory of operation. The threads of `offload` are limited, and a call that waits for what another
task does must not use up what that task needs; so these threads are not from that pool. The thread
reports by a waiter, which is claimed once: by the thread, when it has a result, or by the caller,
when it leaves first. A result that arrives after the caller has left is given to ``drop``, so that
a lock or a descriptor is never lost.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Generic, TypeVar

from . import _saved
from ._waiter import Waiter, new_waiter

T = TypeVar("T")


class _Call(Generic[T]):
    """A call and its result."""

    def __init__(self, call: Callable[[], T], waiter: Waiter, drop: Callable[[T], object]) -> None:
        self._call = call
        self._waiter = waiter
        self._drop = drop
        self._values: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Make the call, in the thread."""
        # Signals are for the main thread: only there do they wake a hub at once.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self._values.append(self._call())
        except BaseException as error:
            self._error = error
        if self._waiter.claim():
            self._waiter.wake()
        else:
            self.drop()

    def drop(self) -> None:
        """Undo what the call has done: its caller has left."""
        for value in self._values:
            self._drop(value)

    def result(self) -> T:
        """Return the result or raise the error."""
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # its traceback refers to this frame
        return self._values[0]


def call_on_own_thread(
    call: Callable[[], T],
    *,
    timeout: float | None = None,
    leave: Callable[[], object],
    drop: Callable[[T], object],
) -> T | None:
    """Make a call on a new real thread and wait for its result, as a task.

    Args:
        call: Function that waits in C.
        timeout: Seconds; ``None`` for as long as it takes.
        leave: Function that lets ``call`` end soon. Called if the caller leaves before it has.
        drop: Function that undoes what the call has done, if the caller has left.

    Returns:
        The result; ``None`` when the time ran out.

    Raises:
        Cancelled: A scope around the task was cancelled.
        BaseException: Whatever the call raised.

    Blocks: the calling task.
    """
    waiter = new_waiter()
    thread = _Call(call, waiter, drop)
    _saved.start_new_thread(thread.run, ())
    try:
        waiter.wait(timeout)
    except BaseException:
        if waiter.claim():
            leave()
        else:
            thread.drop()
        raise
    if waiter.claim():
        leave()
        return None
    return thread.result()
