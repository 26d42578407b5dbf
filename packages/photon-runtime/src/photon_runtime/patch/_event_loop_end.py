"""The end of an event loop in a task that is being cancelled.

Theory of operation. When a deadline ends a wait inside of `asyncio.run`, the loop has tasks of its
own whose clean-up waits: connections to close, transactions to roll back. `asyncio.Runner.close`
cancels them and runs the loop until they have ended. In a cancelled task every wait raises again,
so nothing of it would happen. `Grace` shields the clean-up, for 5 seconds after the cancellation;
then it is ended as well, and `asyncio` reports the tasks that it leaves behind. A clean-up that
begins without a cancellation is not limited until one comes.

A loop that must not be left in the midst of a wait, as that of trio, runs in such a block as a
whole, and is notified of the cancellation.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from .._cancel import CancelScope
from .._task import Task
from .._timer import Timer
from ..errors import Cancelled
from ._running import hub_of

_SECONDS = 5.0


class Grace:
    """A block that a cancellation ends only some time later.

    Args:
        task: The running task.
        seconds: Time from the cancellation to the end of the block.

    Attributes:
        when_cancelled: Function that is called in the hub at the cancellation; ``None``: nothing.
    """

    def __init__(self, task: Task[object], seconds: float = _SECONDS) -> None:
        """Prepare the block."""
        self.when_cancelled: Callable[[], object] | None = None
        self._task = task
        self._seconds = seconds
        self._timer: Timer | None = None

    def __enter__(self) -> Grace:
        """Begin the block."""
        task = self._task
        around = task.scope
        self._inside = CancelScope(task, around, is_shielded=True)
        task.enter(self._inside)
        self._outside = CancelScope(self, around)
        if around.cause() is not None:
            self.cancellation_changed()
        return self

    @property
    def is_cancelled(self) -> bool:
        """Whether a scope around the block was cancelled."""
        return self._timer is not None

    def cancellation_changed(self) -> None:
        """Start the clock, because a scope around the block was cancelled."""
        if self._timer is None:
            hub = hub_of(self._task)
            self._timer = hub.timers.add(hub.time() + self._seconds, self._inside.cancel)
            if self.when_cancelled is not None:
                self.when_cancelled()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """End the block; if it was ended from outside, raise what cancelled the task."""
        self._outside.detach()
        if self._timer is not None:
            self._timer.cancel()
        self._task.leave(self._inside)
        if isinstance(error, Cancelled) and error.scope is self._inside:
            self._task.raise_if_cancelled()
