"""A task: one function that runs as a coroutine, and its state.

Theory of operation. A task is either runnable (in the hub's queue or running), parked (waiting for
a call of `unpark` or `interrupt`), or done. All waiting in the runtime is ``park()``; all waking is
one of the two calls, and they do nothing to a task that is not parked. So code that hands an object
to a task checks the result of `unpark`: ``False`` means that the task was interrupted in the
meantime and another one must receive the object.

Most tasks end without being cancelled, without entering a scope and without their spawn site being
read. What only the others need is made on demand: the task's own scope, the list of tasks that wait
for its end, the text of its spawn site. A task that has ended releases its scope and its greenlet,
so that there are no reference cycles and it is freed with the last reference, without the garbage
collector.
"""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import CoroutineType
from typing import ClassVar, Generic, Protocol, TypeVar

from greenlet import GreenletExit, greenlet

from ._cancel import CancelScope
from ._pooled_greenlet import PooledGreenlet, current_task
from ._report import Site, describe_site
from ._timer import TimerHeap
from .callables import refuse_coroutine
from .errors import Cancelled, TaskCancelled

T_co = TypeVar("T_co", covariant=True)


class Scheduler(Protocol):
    """The part of the hub that a task uses."""

    ready: deque[Task[object]]
    running: Task[object] | None
    timers: TimerHeap
    turns: int

    @property
    def is_service(self) -> bool:
        """Whether an exception that ends programs ends only the task that raised it."""

    def in_service(self) -> AbstractContextManager[None]:
        """Let the run be a service while the block runs."""

    def time(self) -> float:
        """Return the hub's clock in seconds."""

    def end_turn(self) -> None:
        """Let the hub poll before the next task runs."""

    def choose_next(self) -> greenlet:
        """Take the next task from the queue, or the hub; return the greenlet to switch to."""

    def recover(self, running: Task[object] | None, error: BaseException) -> None:
        """Restore the invariants after an exception of a signal handler."""

    def task_ended(self, task: Task[object]) -> None:
        """Handle the end of ``task``."""


class Task(Generic[T_co]):
    """A function that runs concurrently, made by `spawn` or by ``scope().spawn``.

    Attributes:
        name: Display name, shown by tools and in reports. Assign to change it.
        is_awaited: True if another task waited for the end, and so receives its error.
    """

    __slots__ = (
        "__weakref__",
        "_cancelled",
        "_done",
        "_error",
        "_expired",
        "_interrupt",
        "_is_pending",
        "_joiners",
        "_parked",
        "_scope",
        "_site",
        "_thunk",
        "_value",
        "context",
        "greenlet",
        "hub",
        "is_awaited",
        "name",
        "on_end",
    )

    waits_in_inner_greenlets: ClassVar[bool] = False
    """Whether greenlets that code of the task has started may wait as the task."""
    _expired: bool
    """Whether the last wait with a timeout expired; unset before the first one."""
    _value: T_co
    """The return value of the function; unset before it has returned."""

    def __init__(
        self,
        hub: Scheduler,
        thunk: Callable[[], T_co],
        *,
        name: str,
        context: contextvars.Context,
        site: Site | None,
        parent: CancelScope | None,
        on_end: Callable[[Task[object]], None] | None,
    ) -> None:
        """Prepare a task; the hub starts it."""
        self.name = name
        self.context = context
        self.greenlet: PooledGreenlet | None = None
        self.on_end = on_end
        self.hub = hub
        self.is_awaited = False
        self._site = site
        self._thunk: Callable[[], T_co] | None = thunk
        self._error: BaseException | None = None
        self._done = self._cancelled = self._parked = self._is_pending = False
        self._joiners: dict[Task[object], None] | None = None
        self._interrupt: BaseException | None = None
        self._scope: CancelScope | None = None
        if parent is not None:
            self._scope = CancelScope(self, parent)
            self._is_pending = parent.cause() is not None

    def __repr__(self) -> str:
        """Show the name and the state."""
        return f"<Task {self.name!r} {self.state}>"

    # -- for users --------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """``runnable``, ``waiting``, ``finished``, ``failed`` or ``cancelled``."""
        if not self._done:
            return "waiting" if self._parked else "runnable"
        if self._cancelled:
            return "cancelled"
        return "finished" if self._error is None else "failed"

    @property
    def done(self) -> bool:
        """Whether the task has ended, by returning, failing or cancellation."""
        return self._done

    @property
    def has_begun(self) -> bool:
        """Whether the task had its first turn, in which a task cancelled before ends at once."""
        return self._thunk is None

    @property
    def cancelled(self) -> bool:
        """Whether the task ended by cancellation."""
        return self._cancelled

    @property
    def site(self) -> str:
        """The place where it was spawned, as ``file:line``."""
        return describe_site(self._site)

    @property
    def error(self) -> BaseException | None:
        """The exception that ended the task, ``None`` without one."""
        return self._error

    def cancel(self) -> None:
        """Cancel the task: its next wait raises `Cancelled`. Does not wait for the end."""
        if not self._done:
            self.root.cancel()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the task has ended; its error is not raised here.

        Args:
            timeout: Maximum time to wait in seconds; ``None`` for no limit.

        Returns:
            Whether the task has ended.

        Raises:
            Cancelled: The caller's own scope was cancelled.

        Blocks: the calling task.
        """
        if self._done:
            return True
        caller = current_task()
        if caller is self:
            raise RuntimeError("a task cannot wait for its own end")
        joiners = self._joiners
        if joiners is None:
            joiners = self._joiners = {}
        joiners[caller] = None
        try:
            caller.park_for(timeout)
        finally:
            if not self._done:
                del joiners[caller]
        return self._done

    def result(self, timeout: float | None = None) -> T_co:
        """Wait for the end and return what the function returned.

        Args:
            timeout: Maximum time to wait in seconds; ``None`` for no limit.

        Raises:
            TimeoutError: The task was still running after ``timeout`` seconds.
            TaskCancelled: The task was cancelled.
            Exception: Whatever the function raised.

        Blocks: the calling task.
        """
        if not self.join(timeout):
            raise TimeoutError(f"{self!r} has not ended within {timeout} seconds")
        if self._cancelled:
            raise TaskCancelled(f"{self!r} has no result: it was cancelled")
        if self._error is not None:
            try:
                raise self._error
            finally:
                del self  # as in `park`
        return self._value

    # -- for the runtime --------------------------------------------------------------------

    @property
    def scope(self) -> CancelScope:
        """The innermost scope that the task is in."""
        scope = self._scope
        if scope is None:
            scope = self._scope = CancelScope(self, None)
        return scope

    @property
    def root(self) -> CancelScope:
        """The task's own scope, which contains all scopes that it enters."""
        scope = self.scope
        while (parent := scope.parent) is not None and parent._task is self:
            scope = parent
        return scope

    def park(self) -> None:
        """Pause until `unpark` or `interrupt`. To be called in the task itself.

        Raises:
            Cancelled: A scope around the task was cancelled.

        Blocks: this task.
        """
        if self._is_pending:
            self.raise_if_cancelled()
        hub = self.hub
        try:
            self._parked = True
            hub.choose_next().switch()
            error = self._interrupt
        except GreenletExit:  # the task was abandoned
            raise
        except BaseException as raised:
            # Of a signal handler, or the stack is exhausted: so no call is made before the state of
            # the task is restored.
            self._parked = False
            self._interrupt = None
            hub.recover(self, raised)
            raise
        if error is not None:
            self._interrupt = None
            try:
                raise error
            finally:
                del error  # else the error refers to this frame, and the frame to the error

    def yield_turn(self) -> None:
        """Go to the end of the queue of runnable tasks."""
        if self._is_pending:
            self.raise_if_cancelled()
        hub = self.hub
        try:
            hub.ready.append(self)
            hub.choose_next().switch()
        except GreenletExit:
            raise
        except BaseException as raised:  # as in `park`; even comparing tasks would be a call
            if hub.ready and hub.ready[-1] is self:
                hub.ready.pop()
            hub.recover(self, raised)
            raise

    def park_for(self, timeout: float | None) -> bool:
        """Pause like `park`, for ``timeout`` seconds at the most.

        Returns:
            ``True`` if the task was woken, ``False`` after the timeout.
        """
        if timeout is None:
            self.park()
            return True
        hub = self.hub
        timer = hub.timers.add(hub.time() + timeout, self._expire)
        self._expired = False
        try:
            self.park()
        finally:
            timer.cancel()
        return not self._expired

    def unpark(self) -> bool:
        """Resume the task. Returns whether it was parked; does nothing if it was not."""
        if not self._parked:
            return False
        self._parked = False
        self.hub.ready.append(self)
        return True

    def interrupt(self, error: BaseException) -> bool:
        """Resume the task with ``error`` raised out of its wait.

        Returns:
            Whether it was parked; nothing happens when it was not.
        """
        if not self._parked:
            return False
        self._interrupt = error
        return self.unpark()

    def abandon(self) -> None:
        """Never run again: the task belongs to the parent of a forked process."""
        self._parked = False

    def cancellation_changed(self) -> None:
        """Check the scopes again: whether a cancellation applies to the task may have changed."""
        cause = self.scope.cause()
        self._is_pending = cause is not None
        if cause is not None:
            self.interrupt(Cancelled(cause))

    def enter(self, scope: CancelScope) -> None:
        """Make ``scope`` the innermost one of the task."""
        self._is_pending = scope.cause() is not None
        self._scope = scope

    def leave(self, scope: CancelScope) -> None:
        """Remove ``scope``; it must be the innermost one."""
        parent = scope.parent
        if self._scope is not scope or parent is None:
            raise RuntimeError("scopes must be left in the order in which they were entered")
        scope.detach()
        self._scope = parent
        self._is_pending = parent.cause() is not None

    def use_context(self, context: contextvars.Context) -> None:
        """Continue the running task in ``context``."""
        self.context = context
        if self.greenlet is not None:
            self.greenlet.gr_context = context

    def execute(self) -> None:
        """Run the function to its end; called on the task's greenlet."""
        thunk, self._thunk = self._thunk, None
        try:
            if self._is_pending:
                self.raise_if_cancelled()
            if thunk is not None:
                self._value = thunk()
                if type(self._value) is CoroutineType:
                    refuse_coroutine(self._value)
        except Cancelled:
            self._cancelled = True
        except BaseException as error:
            self._error = error
        self.end()
        del self, thunk  # the error refers to this frame, and the task to the error

    def end(self, error: BaseException | None = None) -> None:
        """Mark the task as done, wake the tasks that wait for it, and release references.

        Args:
            error: Exception that ended the task from outside its function.
        """
        self._done = True
        if error is not None:
            self._error = error
        if self._scope is not None:
            self.root.detach()
            self._scope = None
        if self._joiners is not None:
            for joiner in self._joiners:
                if joiner.unpark():  # an interrupted one does not read the error
                    self.is_awaited = True
            self._joiners = None
        self.greenlet = None
        self.hub.task_ended(self)

    def _expire(self) -> None:
        self._expired = self.unpark()

    def raise_if_cancelled(self) -> None:
        """Raise what the next wait would raise, without waiting.

        Raises:
            Cancelled: A scope around the task was cancelled.
        """
        if self._is_pending:
            cause = self.scope.cause()
            if cause is not None:
                raise Cancelled(cause)
            self._is_pending = False
