"""Scopes that users enter: ``scope()``, ``deadline()``, ``shield()``.

All three are context managers around the `CancelScope` of `_cancel`; that module explains the rule
of cancellation. A `Scope` adds children: it ends when they have all ended, the first failure
cancels the others and the body, and the failures are raised as one exception group.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

from ._cancel import CancelScope
from ._hub import current_hub
from ._pooled_greenlet import current_task, running_task
from ._run import new_task
from ._task import Task
from ._timer import Timer
from .errors import Cancelled, DeadlineExceeded

P = ParamSpec("P")
T = TypeVar("T")


class _Entered:
    """A cancel scope between ``__enter__`` and ``__exit__``."""

    def __init__(self) -> None:
        self._entered: tuple[Task[object], CancelScope] | None = None

    def _enter(self, *, is_shielded: bool = False) -> CancelScope:
        if self._entered is not None:
            raise RuntimeError(f"{type(self).__name__} is already entered: make one for each block")
        task = current_task()
        scope = CancelScope(task, task.scope, is_shielded=is_shielded)
        task.enter(scope)
        self._entered = task, scope
        return scope

    def _leave(self) -> CancelScope:
        task, scope = self._scope_now()
        self._entered = None
        task.leave(scope)
        return scope

    def _scope_now(self) -> tuple[Task[object], CancelScope]:
        if self._entered is None:
            raise RuntimeError(f"{type(self).__name__} must be used inside its with block")
        return self._entered


class deadline(_Entered):  # noqa: N801 - reads as a statement: with deadline(2):
    """Limit the time of a block of code.

    Args:
        seconds: Time limit from entering; with zero or less the first wait inside fails.

    Raises:
        DeadlineExceeded: The block was waiting when the time limit was reached. A block that
            finishes without another wait is not interrupted.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> str:
        ...     try:
        ...         with rt.deadline(0.01):
        ...             rt.sleep(10)
        ...     except rt.DeadlineExceeded:
        ...         return "too late"
        ...     return "in time"
        >>> rt.run(main)
        'too late'
    """

    def __init__(self, seconds: float) -> None:
        """Set the time limit, in seconds from entering."""
        super().__init__()
        self.seconds = seconds
        self._timer: Timer | None = None

    def __enter__(self) -> deadline:
        """Start the timer."""
        hub = current_hub()
        due = hub.time() + max(0.0, self.seconds)
        scope = self._enter()
        scope.expires = due
        self._timer = hub.timers.add(due, scope.cancel)
        if self.seconds <= 0:
            scope.cancel()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Stop the timer, and turn its cancellation into `DeadlineExceeded`."""
        if self._timer is not None:
            self._timer.cancel()
        scope = self._leave()
        if isinstance(error, Cancelled) and error.scope is scope:
            raise DeadlineExceeded(
                f"the deadline of {self.seconds:g} seconds was exceeded"
            ) from None


def remaining_time() -> float | None:
    """Return the seconds until the nearest deadline of the calling task.

    For limits that are passed on, such as the time limit of a query on a server. Does not wait.

    Returns:
        Zero or less when the deadline has passed; ``None`` without a deadline, and outside of
        tasks.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> bool:
        ...     with rt.deadline(5):
        ...         return 4 < rt.remaining_time() <= 5
        >>> rt.run(main)
        True
    """
    task = running_task()
    if task is None:
        return None
    expires = task.scope.next_expiry()
    return None if expires is None else expires - current_hub().time()


class shield(_Entered):  # noqa: N801 - reads as a statement: with shield():
    """Protect a block of code from cancellation, for clean-up that must wait.

    A cancellation during the block takes effect at the first wait after it. Keep such blocks short,
    or put a ``deadline()`` into them: shutdown waits for them.
    """

    def __enter__(self) -> shield:
        """Begin the shielded block."""
        self._enter(is_shielded=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """End the shielded block."""
        self._leave()


class Scope(_Entered):
    """A block that ends only when all tasks spawned in it have ended; made by `scope`."""

    def __init__(self) -> None:
        """Begin without children."""
        super().__init__()
        self._running: set[Task[object]] = set()
        self._is_waiting = False
        self._failures: list[BaseException] = []

    def __enter__(self) -> Scope:
        """Begin the block."""
        self._enter()
        return self

    def spawn(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Task[T]:
        """Run ``function`` as a child of the scope and return its task. Does not wait.

        Raises:
            RuntimeError: The block has ended.
        """
        _, scope = self._scope_now()
        hub = current_hub()
        thunk = functools.partial(function, *args, **kwargs)
        task = new_task(hub, thunk, function, parent=scope, on_end=self._child_ended)
        self._running.add(task)
        hub.spawn(task)
        return task

    def cancel(self) -> None:
        """Cancel the body and all children. Does not wait; the end of the block does."""
        self._scope_now()[1].cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        """Wait for the children.

        Raises:
            BaseExceptionGroup: The failures of the children and of the body.
            Cancelled: A scope around this one was cancelled.
        """
        task, scope = self._scope_now()
        if error is not None:
            scope.cancel()
        interruption = self._wait_for_children(task, scope)
        self._leave()
        for ending in (error, interruption):
            if isinstance(ending, KeyboardInterrupt | SystemExit):
                raise ending
        if error is not None and not isinstance(error, Cancelled):
            self._failures.append(error)
        if self._failures:
            raise BaseExceptionGroup("tasks of the scope failed", self._failures) from None
        if isinstance(error, Cancelled):
            return error.scope is scope
        if interruption is not None and not _is_cancelled_by(interruption, scope):
            raise interruption
        return False

    def _wait_for_children(self, task: Task[object], scope: CancelScope) -> BaseException | None:
        """Wait until no child runs; store and return an interruption, and continue to wait."""
        interruption: BaseException | None = None
        self._is_waiting = True
        while self._running:
            try:
                if interruption is None:
                    task.park()
                else:
                    with shield():
                        task.park()
            except BaseException as error:  # Ctrl-C and a deadlock as well as cancellation
                interruption = error
                scope.cancel()
        return interruption

    def _child_ended(self, child: Task[object]) -> None:
        self._running.discard(child)
        task, scope = self._scope_now()
        if child.error is not None:
            self._failures.append(child.error)
            scope.cancel()
        if self._is_waiting and not self._running:
            task.unpark()


def _is_cancelled_by(error: BaseException, scope: CancelScope) -> bool:
    return isinstance(error, Cancelled) and error.scope is scope


def scope() -> Scope:
    """Open a block whose tasks end before it does.

    Leaving the block waits for every task that `Scope.spawn` started in it. The first failure
    cancels the body and the other tasks.

    Raises:
        BaseExceptionGroup: The exceptions of the tasks and the body; handle them with ``except*``.

    Blocks: the end of the block, until the tasks have ended.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> list[int]:
        ...     with rt.scope() as both:
        ...         one = both.spawn(lambda: 1)
        ...         two = both.spawn(lambda: 2)
        ...     return [one.result(), two.result()]
        >>> rt.run(main)
        [1, 2]
    """
    return Scope()
