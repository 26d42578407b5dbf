"""Mutual exclusion between tasks of one hub: `Lock`, `RLock`, `Condition`.

They have the guarantees of `_sync`: fair, safe under cancellation, no switch without contention. A
lock that is released while a task waits is never free in between: it passes to the first waiter, so
no task can overtake.

`Condition.wait` always returns with the lock held, however the wait ended, because the surrounding
block will release it: acquiring the lock again is shielded from cancellation. A notification is
given only to a task that still waits; a task that is cancelled at the same moment does not consume
it. The notified task is woken rather than moved to the lock's queue: a cancellation could not
remove it from there without losing its notification, and usually the lock is free by the time it
runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, TypeVar

from ._pooled_greenlet import current_task
from ._scope import shield
from ._sync import WaitQueue
from ._task import Task

T = TypeVar("T")


class Lock:
    """Mutual exclusion. Not reentrant, and without an owner: any task may release it.

    Example:
        >>> import photon_runtime as rt
        >>> lock = rt.Lock()
        >>> with lock:
        ...     lock
        <Lock held, 0 waiting>
    """

    __slots__ = ("_held", "_queue")

    def __init__(self) -> None:
        """Make a lock that is free."""
        self._held = False
        self._queue = WaitQueue()

    def __repr__(self) -> str:
        """Show whether it is held and how many wait."""
        state = "held" if self._held else "free"
        return f"<Lock {state}, {len(self._queue)} waiting>"

    def locked(self) -> bool:
        """Return whether the lock is held."""
        return self._held

    def acquire(self, timeout: float | None = None) -> bool:
        """Acquire the lock, waiting for it if necessary.

        Args:
            timeout: Maximum time to wait in seconds, zero for no wait; ``None`` for no limit.

        Returns:
            ``True`` if the lock was acquired.

        Raises:
            Cancelled: A scope around the task was cancelled; the lock was not acquired.

        Blocks: the calling task, while the lock is held.
        """
        if not self._held:
            self._held = True
            return True
        if timeout is not None and timeout <= 0:
            return False
        # release() leaves the lock held for the waiter that it wakes.
        return self._queue.wait(current_task(), timeout)

    def release(self) -> None:
        """Free the lock, or hand it to the task that has waited longest.

        Raises:
            RuntimeError: The lock is not held.
        """
        if not self._held:
            raise RuntimeError("release() of a lock that is not held")
        if not self._queue.tasks or self._queue.wake_next() is None:
            self._held = False

    def __enter__(self) -> None:
        """Take the lock; see `acquire`."""
        if self._held:
            self._queue.wait(current_task())
        else:
            self._held = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Free the lock; see `release`."""
        if self._held and not self._queue.tasks:
            self._held = False
        else:
            self.release()

    def _is_mine(self) -> bool:
        return self._held

    def _release_all(self) -> int:
        self.release()
        return 1

    def _take_again(self, depth: int) -> None:
        self.acquire()


class RLock:
    """Mutual exclusion that the task which holds it may acquire again.

    The lock belongs to a task: it is free when that task has released it as often as it acquired
    it, and no other task may release it.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> str:
        ...     lock = rt.RLock()
        ...     with lock, lock:
        ...         return repr(lock)
        >>> rt.run(main)
        "<RLock held 2 times by 'main', 0 waiting>"
    """

    __slots__ = ("_depth", "_owner", "_queue")

    def __init__(self) -> None:
        """Make a lock that is free."""
        self._owner: Task[object] | None = None
        self._depth = 0
        self._queue = WaitQueue()

    def __repr__(self) -> str:
        """Show the owner, the depth, and the number of waiting tasks."""
        state = "free"
        if self._owner is not None:
            times = "once" if self._depth == 1 else f"{self._depth} times"
            state = f"held {times} by {self._owner.name!r}"
        return f"<RLock {state}, {len(self._queue)} waiting>"

    def locked(self) -> bool:
        """Return whether a task holds the lock."""
        return self._owner is not None

    def acquire(self, timeout: float | None = None) -> bool:
        """Acquire the lock once more, waiting while another task holds it.

        Args:
            timeout: Maximum time to wait in seconds, zero for no wait; ``None`` for no limit.

        Returns:
            ``True`` if the lock was acquired.

        Raises:
            Cancelled: A scope around the task was cancelled; the lock was not acquired.
            NotRunning: The caller does not run in a task.

        Blocks: the calling task, while another one holds the lock.
        """
        task = current_task()
        if self._owner is None:
            self._owner = task
        elif self._owner is not task:
            if timeout is not None and timeout <= 0:
                return False
            # release() has made this task the owner, at depth 1, when it wakes it.
            return self._queue.wait(task, timeout)
        self._depth += 1
        return True

    def release(self) -> None:
        """Undo one `acquire`; the last one passes the lock to the task that has waited longest.

        Raises:
            RuntimeError: The calling task does not hold the lock.
            NotRunning: The caller does not run in a task.
        """
        if self._owner is not current_task():
            raise RuntimeError(
                f"release() of {self!r} by a task that does not hold it; "
                "the task that acquired it must release it"
            )
        self._depth -= 1
        if not self._depth:
            self._pass_on()

    def __enter__(self) -> None:
        """Acquire the lock once more; see `acquire`."""
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Undo one `acquire`; see `release`."""
        self.release()

    def _pass_on(self) -> None:
        self._owner = self._queue.wake_next()
        self._depth = 0 if self._owner is None else 1

    def _is_mine(self) -> bool:
        return self._owner is current_task()

    def _release_all(self) -> int:
        depth = self._depth
        self._pass_on()
        return depth

    def _take_again(self, depth: int) -> None:
        self.acquire()
        self._depth = depth


class ConditionLock(Protocol):
    """The interface that a `Condition` needs of its lock: a `Lock` or an `RLock`."""

    def locked(self) -> bool:
        """Return whether the lock is held."""

    def acquire(self, timeout: float | None = None) -> bool:
        """Take the lock; return whether it was taken."""

    def release(self) -> None:
        """Free the lock."""

    def _is_mine(self) -> bool:
        """Return whether the running task may wait and notify, as far as the lock knows."""

    def _release_all(self) -> int:
        """Release the lock completely; return how often it was held."""

    def _take_again(self, depth: int) -> None:
        """Acquire the lock ``depth`` times."""


class Condition:
    """A lock, and tasks that wait without it until the guarded state has changed.

    Args:
        lock: Lock to use, which other conditions may share; a new `RLock` by default.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> list[str]:
        ...     basket: list[str] = []
        ...     changed = rt.Condition()
        ...     def put() -> None:
        ...         with changed:
        ...             basket.append("apple")
        ...             changed.notify()
        ...     rt.spawn(put)
        ...     with changed:
        ...         changed.wait_for(lambda: basket)
        ...         return basket
        >>> rt.run(main)
        ['apple']
    """

    __slots__ = ("_lock", "_queue")

    def __init__(self, lock: ConditionLock | None = None) -> None:
        """Make a condition without waiting tasks."""
        self._lock: ConditionLock = RLock() if lock is None else lock
        self._queue = WaitQueue()

    def __repr__(self) -> str:
        """Show the lock and the number of waiting tasks."""
        return f"<Condition of {self._lock!r}, {len(self._queue)} waiting>"

    def locked(self) -> bool:
        """Return whether the lock is held."""
        return self._lock.locked()

    def acquire(self, timeout: float | None = None) -> bool:
        """Take the lock; see `Lock.acquire`. Blocks: the calling task, while it is held."""
        return self._lock.acquire(timeout)

    def release(self) -> None:
        """Free the lock; see `Lock.release`."""
        self._lock.release()

    def __enter__(self) -> None:
        """Take the lock."""
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Free the lock."""
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Release the lock, wait for a notification, and acquire the lock again.

        Another task may have changed the state again in the meantime: check it in a loop, or use
        `wait_for`.

        Args:
            timeout: Maximum time to wait for the notification in seconds; ``None`` for no limit.
                Acquiring the lock again is not limited.

        Returns:
            ``True`` after a notification, ``False`` after the timeout.

        Raises:
            RuntimeError: The lock is not held.
            Cancelled: A scope around the task was cancelled; no notification was consumed.

        Blocks: the calling task. It always holds the lock afterwards.
        """
        self._check_held("wait")
        task = current_task()
        depth = self._lock._release_all()
        try:
            return self._queue.wait(task, timeout)
        finally:
            if self._lock.locked():
                with shield():
                    self._lock._take_again(depth)
            else:
                self._lock._take_again(depth)

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until ``predicate()`` is true; it is called with the lock held.

        Args:
            predicate: Function that checks the guarded state.
            timeout: Seconds to wait at the most, zero for not at all; ``None`` waits for as long
                as it takes.

        Returns:
            The last result of the predicate: false only after the timeout.

        Raises:
            RuntimeError: The lock is not held.
            Cancelled: A scope around the task was cancelled.

        Blocks: the calling task, unless the predicate is true. It holds the lock afterwards.
        """
        self._check_held("wait_for")
        result = predicate()
        if result:
            return result
        now = current_task().hub.time
        end = math.inf if timeout is None else now() + timeout
        while not result:
            left = end - now()
            if left <= 0:
                break
            self.wait(None if timeout is None else left)
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        """Wake the tasks that have waited longest; they continue when the lock is free.

        Args:
            n: Maximum number of tasks to wake.

        Raises:
            RuntimeError: The lock is not held.
        """
        self._check_held("notify")
        while n > 0 and self._queue.wake_one():
            n -= 1

    def notify_all(self) -> None:
        """Wake all waiting tasks; they continue one after another, as the lock becomes free.

        Raises:
            RuntimeError: The lock is not held.
        """
        self._check_held("notify_all")
        self._queue.wake_all()

    def _check_held(self, call: str) -> None:
        if not self._lock._is_mine():
            raise RuntimeError(
                f"{call}() needs the lock of {self!r}: call it inside `with condition:`"
            )
