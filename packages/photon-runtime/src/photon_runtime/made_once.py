"""Values that are made at their first use, in a thread: long texts about an application.

Some values take long to make and may never be needed, such as the document of an application with a
thousand routes. At the start they would delay every worker; in the request that needs them first
they would hold the scheduler, and every other request with it. So the first use makes the value in
a thread and waits for it, and the scheduler continues. Other tasks that need it meanwhile wait for
the same thread. Only a value is stored: after an error the next use tries again.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Generic, TypeVar, final

from ._hub import current_hub
from ._lock import Lock
from ._offload import offload
from ._pooled_greenlet import running_task
from ._task import Scheduler
from .collector import collector_paused

T = TypeVar("T")


@final
class MadeOnce(Generic[T]):
    """A value that is made when it is first called for.

    Example:
        >>> import photon_runtime as rt
        >>> from photon_runtime.made_once import MadeOnce
        >>> text = MadeOnce(lambda: "x" * 1000)
        >>> rt.run(lambda: text() is text())
        True
    """

    def __init__(self, make: Callable[[], T]) -> None:
        """Store the function that makes the value.

        Args:
            make: Called in a thread without a hub, so it must not use what belongs to the
                scheduler.
        """
        self._make = make
        self._made: tuple[T] | None = None
        self._locks: weakref.WeakKeyDictionary[Scheduler, Lock] = weakref.WeakKeyDictionary()

    def __call__(self) -> T:
        """Return the value; the first call makes it.

        Raises:
            Exception: The function raised it; the next call tries again.

        Blocks: the calling task, until the value is made.
        """
        made = self._made
        if made is None:
            made = self._made = (self._wait_for_value(),)
        return made[0]

    def _wait_for_value(self) -> T:
        if running_task() is None:
            return self._make()
        lock = self._locks.setdefault(current_hub(), Lock())
        with lock:
            return offload(self._make_in_thread) if self._made is None else self._made[0]

    def _make_in_thread(self) -> T:
        with collector_paused():  # a pass of it would hold the scheduler's thread, too
            return self._make()
