"""Loops over everything, in slices, so that no length of a list can hold the scheduler.

A server has loops over all of its connections: to end those that are too slow, to close them at a
stop, to send all of them a message. Ten thousand steps of some microseconds are a stretch in which
no request is answered. `in_slices` lets the hub poll after every few hundred of them, and the
others run: what has arrived meanwhile is served before the next item is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from ._hub import current_hub
from ._pooled_greenlet import current_task

T = TypeVar("T")

SLICE = 256
"""Number of items between two turns of the scheduler."""


def in_slices(items: Iterable[T], *, size: int = SLICE) -> Iterator[T]:
    """Iterate over a copy of ``items`` and let other tasks run after every ``size`` of them.

    The items are copied at once, so ``items`` may change meanwhile: an item may have been removed
    from it by the time that it is returned here.

    Args:
        items: The items.
        size: Number of items between two turns of the scheduler.

    Raises:
        Cancelled: A scope around the task was cancelled.
        NotRunning: The caller does not run in a task.

    Blocks: the calling task, while other tasks have their turns.

    Example:
        >>> import photon_runtime as rt
        >>> from photon_runtime.slices import in_slices
        >>> rt.run(lambda: sum(in_slices(range(1000))))
        499500
    """
    copied = list(items)
    for start in range(0, len(copied), size):
        if start:
            yield_to_events()
        yield from copied[start : start + size]


def yield_to_events() -> None:
    """Let the hub poll sockets and timers, and every other task run once, also those it wakes.

    More than `photon_runtime.yield_now`, which usually lets only tasks run that were runnable.

    Raises:
        Cancelled: A scope around the task was cancelled.
        NotRunning: The caller does not run in a task.

    Blocks: the calling task, while other tasks have their turns.
    """
    task = current_task()
    current_hub().end_turn()
    task.yield_turn()
    task.yield_turn()  # behind the tasks that the poll has woken
