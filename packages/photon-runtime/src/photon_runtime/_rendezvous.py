"""Tasks that wait for each other: `Barrier` for a fixed number, `WaitGroup` for a changing one.

Both keep the promises of `_sync`. A task that is cancelled at a barrier, or whose time runs out,
has not come: the others go on waiting for their number to be complete, and none is let through
on its account. There is no broken state as `threading.Barrier` has; where one failure must end
the others, spawn them in one ``scope()``.
"""

from __future__ import annotations

from types import TracebackType

from ._carrier import current_task
from ._sync import WaitQueue


class Barrier:
    """A place where a number of tasks wait until all have come; then it begins anew.

    Args:
        parties: How many tasks are let through together, one or more.

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
        """Make a barrier at which nobody waits."""
        if parties < 1:
            raise ValueError(f"a barrier is for one party or more, not {parties}")
        self.parties = parties
        self._queue = WaitQueue()
        self._arrivals: dict[object, int] = {}

    def __repr__(self) -> str:
        """Show how many wait, and for how many."""
        return f"<Barrier {self.waiting} of {self.parties} waiting>"

    @property
    def waiting(self) -> int:
        """How many tasks wait at the barrier now."""
        # Who was cancelled, or whose time ran out, is gone already, though it did not run yet.
        return sum(task.state == "waiting" for task in self._queue.tasks)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until as many tasks as there are parties have come, this one included.

        Args:
            timeout: Seconds to wait at the most, zero for not at all; ``None`` waits for as
                long as it takes.

        Returns:
            The place among those let through together, 0 for the one that came first: each
            number once, so one of them can be given a task of its own.

        Raises:
            TimeoutError: The others did not come in time; the caller counts as not come.
            Cancelled: A scope around the task was cancelled; it counts as not come.

        Blocks: the calling task, unless it is the last one to come.
        """
        if len(self._queue) + 1 >= self.parties and self.waiting + 1 == self.parties:
            return self._let_through()
        task = current_task()
        if (timeout is not None and timeout <= 0) or not self._queue.wait(task, timeout):
            raise TimeoutError(
                f"{self.parties} parties have not met at the barrier within {timeout} seconds"
            )
        return self._arrivals.pop(task)

    def _let_through(self) -> int:
        place = 0
        while (task := self._queue.wake_next()) is not None:
            self._arrivals[task] = place
            place += 1
        return place


class WaitGroup:
    """A count of things under way, and tasks that wait until there are none.

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
        """Begin with nothing under way."""
        self._count = 0
        self._queue = WaitQueue()

    def __repr__(self) -> str:
        """Show the count and how many wait."""
        return f"<WaitGroup {self._count} under way, {len(self._queue)} waiting>"

    @property
    def count(self) -> int:
        """How many things are under way."""
        return self._count

    def add(self, n: int = 1) -> None:
        """Count ``n`` more things, before they begin; zero changes nothing.

        Raises:
            ValueError: ``n`` is negative.
        """
        if n < 0:
            raise ValueError(f"add() takes zero or more, not {n}; done() counts down")
        self._count += n

    def done(self) -> None:
        """Count one thing less; with the last one, wake all that wait.

        Raises:
            RuntimeError: Nothing is under way.
        """
        if not self._count:
            raise RuntimeError("done() was called more often than add() announced")
        self._count -= 1
        if not self._count:
            self._queue.wake_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way.

        Args:
            timeout: Seconds to wait at the most, zero for not at all; ``None`` waits for as
                long as it takes.

        Returns:
            Whether nothing was under way, ``False`` when the time ran out.

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
        """Count the block as one thing under way."""
        self.add()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Count it down again, however the block ended."""
        self.done()
