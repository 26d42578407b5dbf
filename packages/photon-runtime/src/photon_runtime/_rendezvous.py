"""Tasks that wait for each other: `Barrier` for a fixed number, `WaitGroup` for a changing one.

Both have the guarantees of `_sync`. A task that is cancelled at a barrier, or times out, does not
count as arrived: the others continue to wait for their number to be complete. There is no broken
state as in `threading.Barrier`; if one failure must end the others, spawn them in one ``scope()``.
"""

from __future__ import annotations

from types import TracebackType

from ._pooled_greenlet import current_task
from ._sync import WaitQueue


class Barrier:
    """A point where a number of tasks wait until all have arrived; then it is reset.

    Args:
        parties: Number of tasks that continue together, one or more.

    Attributes:
        parties: As given.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> list[int]:
        ...     both = rt.Barrier(2)
        ...     other = rt.spawn(both.wait)
        ...     mine = both.wait()
        ...     return sorted([mine, other.result()])
        >>> rt.run(main)
        [0, 1]
    """

    __slots__ = ("_arrivals", "_queue", "parties")

    def __init__(self, parties: int) -> None:
        """Make a barrier without waiting tasks."""
        if parties < 1:
            raise ValueError(f"a barrier needs one party or more, not {parties}")
        self.parties = parties
        self._queue = WaitQueue()
        self._arrivals: dict[object, int] = {}

    def __repr__(self) -> str:
        """Show the number of waiting tasks and of parties."""
        return f"<Barrier {self.waiting} of {self.parties} waiting>"

    @property
    def waiting(self) -> int:
        """Number of tasks that wait at the barrier now."""
        # A task that was cancelled or timed out no longer counts, even if it has not run since.
        return sum(task.state == "waiting" for task in self._queue.tasks)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until as many tasks as there are parties have arrived, including this one.

        Args:
            timeout: Maximum time to wait in seconds, zero for no wait; ``None`` for no limit.

        Returns:
            The position in the order of arrival, 0 for the first: each number occurs once, so one
            of the tasks can be chosen for special work.

        Raises:
            TimeoutError: The others did not arrive in time; the caller does not count as arrived.
            Cancelled: A scope around the task was cancelled; it does not count as arrived.

        Blocks: the calling task, unless it is the last to arrive.
        """
        if len(self._queue) + 1 >= self.parties and self.waiting + 1 == self.parties:
            return self._let_through()
        task = current_task()
        if (timeout is not None and timeout <= 0) or not self._queue.wait(task, timeout):
            raise TimeoutError(
                f"fewer than {self.parties} parties arrived at the barrier within {timeout} seconds"
            )
        return self._arrivals.pop(task)

    def _let_through(self) -> int:
        place = 0
        while (task := self._queue.wake_next()) is not None:
            self._arrivals[task] = place
            place += 1
        return place


class WaitGroup:
    """A counter of running operations, and tasks that wait until it is zero.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> int:
        ...     under_way = rt.WaitGroup()
        ...     finished: list[int] = []
        ...     def work(number: int) -> None:
        ...         finished.append(number)
        ...         under_way.done()
        ...     for number in range(3):
        ...         under_way.add()
        ...         rt.spawn(work, number)
        ...     under_way.wait()
        ...     return len(finished)
        >>> rt.run(main)
        3
    """

    __slots__ = ("_count", "_queue")

    def __init__(self) -> None:
        """Begin with a count of zero."""
        self._count = 0
        self._queue = WaitQueue()

    def __repr__(self) -> str:
        """Show the count and the number of waiting tasks."""
        return f"<WaitGroup {self._count} under way, {len(self._queue)} waiting>"

    @property
    def count(self) -> int:
        """Number of running operations."""
        return self._count

    def add(self, n: int = 1) -> None:
        """Count ``n`` more operations, before they begin; zero changes nothing.

        Raises:
            ValueError: ``n`` is negative.
        """
        if n < 0:
            raise ValueError(
                f"add() needs a number of zero or more, not {n}; use done() to count down"
            )
        self._count += n

    def done(self) -> None:
        """Count one operation less; with the last one, wake all waiting tasks.

        Raises:
            RuntimeError: The count is zero.
        """
        if not self._count:
            raise RuntimeError("done() was called more often than add() has counted")
        self._count -= 1
        if not self._count:
            self._queue.wake_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the count is zero.

        Args:
            timeout: Maximum time to wait in seconds, zero for no wait; ``None`` for no limit.

        Returns:
            ``True`` if the count was zero, ``False`` after the timeout.

        Raises:
            Cancelled: A scope around the task was cancelled.

        Blocks: the calling task, while the count is not zero.
        """
        if not self._count:
            return True
        if timeout is not None and timeout <= 0:
            return False
        return self._queue.wait(current_task(), timeout)

    def __enter__(self) -> None:
        """Count the block as one operation."""
        self.add()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Count down, however the block ended."""
        self.done()
