"""A task: one function that runs as a coroutine, and what is known of it.

Theory of operation. A task is either runnable (in the hub's queue or running), parked (waiting for
somebody to call `unpark` or `interrupt`), or done. All waiting anywhere in the runtime is
``park()``; all waking is one of the two calls, and they do nothing to a task that is not parked. So
whoever hands something over looks at what `unpark` returns: ``False`` means that the task was
interrupted meanwhile and somebody else must have it.

Most tasks end without having been cancelled, without having entered a scope and without anybody
asking where they came from. What only the others need is made when they need it: the task's own
scope, the list of those who wait for its end, the text of its spawn site. A task that has ended
lets go of its scope and its carrier, so that nothing it refers to refers back to it and it is
freed with the last reference, without the garbage collector.
"""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Callable
from types import CoroutineType
from typing import Generic, Protocol, TypeVar

from greenlet import GreenletExit, greenlet

from ._cancel import CancelScope
from ._carrier import Carrier, current_task
from ._report import Site, describe_site
from ._timer import TimerHeap
from .callables import refuse_coroutine
from .errors import Cancelled, TaskCancelled

T_co = TypeVar("T_co", covariant=True)


class Scheduler(Protocol):
    """What a task needs of the hub that runs it."""

    ready: deque[Task[object]]
    timers: TimerHeap

    def time(self) -> float:
        """Return the hub's clock in seconds."""

    def choose_next(self) -> greenlet:
        """Take a task from the queue, if it is time for one; return whom to switch to."""

    def recover(self, running: Task[object] | None, error: BaseException) -> None:
        """Put right what an exception of a signal handler has interrupted."""

    def task_ended(self, task: Task[object]) -> None:
        """Note that ``task`` is done."""


class Task(Generic[T_co]):
    """A function that runs concurrently, made by `spawn` or by ``scope().spawn``.

    Attributes:
        name: For people: shown by tools and in reports. Assign to change it.
        is_awaited: Whether somebody waited for the end, and so sees its error.
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
        "carrier",
        "context",
        "hub",
        "is_awaited",
        "name",
        "on_end",
    )

    _expired: bool
    """Whether the last wait with a limit ran out; unset before the first."""
    _value: T_co
    """What the function returned; unset before."""

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
        self.carrier: Carrier | None = None
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

    # -- what users ask ---------------------------------------------------------------------

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
        """Whether the task has ended, in whatever way."""
        return self._done

    @property
    def has_begun(self) -> bool:
        """Whether the task had its first turn; one that was cancelled before ends in it at once."""
        return self._thunk is None

    @property
    def cancelled(self) -> bool:
        """Whether the task ended by cancellation."""
        return self._cancelled

    @property
    def site(self) -> str:
        """Where it was spawned, as ``file:line``."""
        return describe_site(self._site)

    @property
    def error(self) -> BaseException | None:
        """The exception that ended the task, ``None`` where there was none."""
        return self._error

    def cancel(self) -> None:
        """Ask the task to end: its next wait raises `Cancelled`. Does not wait for the end."""
        if not self._done:
            self.root.cancel()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the task has ended, in whatever way; its error is not raised here.

        Args:
            timeout: Seconds to wait at the most; ``None`` waits for as long as it takes.

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
            timeout: Seconds to wait at the most; ``None`` waits for as long as it takes.

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

    # -- what the runtime builds on ---------------------------------------------------------

    @property
    def scope(self) -> CancelScope:
        """The innermost scope that the task is in."""
        scope = self._scope
        if scope is None:
            scope = self._scope = CancelScope(self, None)
        return scope

    @property
    def root(self) -> CancelScope:
        """The task's own scope, below which are all that it enters."""
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
        except GreenletExit:  # the task was given up
            raise
        except BaseException as raised:
            # A signal handler's, or there is no room for another call: so none is made before the
            # task is in order.
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
        except BaseException as raised:  # as in `park`; even to compare tasks would be a call
            if hub.ready and hub.ready[-1] is self:
                hub.ready.pop()
            hub.recover(self, raised)
            raise

    def park_for(self, timeout: float | None) -> bool:
        """Pause like `park`, for ``timeout`` seconds at the most.

        Returns:
            Whether the task was woken, ``False`` when the time ran out.
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
        """Let the task go on. Returns whether it was parked; does nothing when it was not."""
        if not self._parked:
            return False
        self._parked = False
        self.hub.ready.append(self)
        return True

    def interrupt(self, error: BaseException) -> bool:
        """Let the task go on with ``error`` raised out of its wait.

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
        """Look at the scopes again: a cancellation may have begun or ended to concern it."""
        cause = self.scope.cause()
        self._is_pending = cause is not None
        if cause is not None:
            self.interrupt(Cancelled(cause))

    def enter(self, scope: CancelScope) -> None:
        """Make ``scope`` the innermost one of the task."""
        self._is_pending = scope.cause() is not None
        self._scope = scope

    def leave(self, scope: CancelScope) -> None:
        """Take ``scope`` out again; it must be the innermost one."""
        parent = scope.parent
        if self._scope is not scope or parent is None:
            raise RuntimeError("scopes must be left in the order in which they were entered")
        scope.detach()
        self._scope = parent
        self._is_pending = parent.cause() is not None

    def use_context(self, context: contextvars.Context) -> None:
        """Continue the running task in ``context``."""
        self.context = context
        if self.carrier is not None:
            self.carrier.gr_context = context

    def execute(self) -> None:
        """Run the function to its end; called on the task's carrier."""
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
        """Be done, tell those who wait for it, and let go of what is not needed any more.

        Args:
            error: What ended the task from outside of its function.
        """
        self._done = True
        if error is not None:
            self._error = error
        if self._scope is not None:
            self.root.detach()
            self._scope = None
        if self._joiners is not None:
            for joiner in self._joiners:
                if joiner.unpark():  # one that was interrupted will not look at the error
                    self.is_awaited = True
            self._joiners = None
        self.carrier = None
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
