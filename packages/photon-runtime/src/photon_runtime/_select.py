"""Wait for the first of several things: items, room, sockets, time.

Theory of operation. `select` first checks whether a case can complete without waiting, beginning at
a random one, so that a case that is always ready cannot prevent the others from winning. Otherwise
it puts every case into the queue of its channel, watcher or timer heap, like a task that waits
there, and parks. Waking a case wakes the task, which is possible only once: that case has won, and
the others return from then on that they no longer wait. So an item is given only to the winner, a
losing case neither receives nor sends anything, and a cancellation, which affects only a task that
still waits, means that there is no winner.
"""

from __future__ import annotations

from random import Random
from typing import TypeVar, overload

from ._case import After, Case
from ._hub import Hub, current_hub
from ._pooled_greenlet import current_task
from ._task import Task

C = TypeVar("C", bound=Case)


@overload
def select(*cases: C, timeout: None = None) -> C: ...


@overload
def select(*cases: C, timeout: float) -> C | None: ...


def select(*cases: C, timeout: float | None = None) -> C | None:
    """Wait until one of ``cases`` is ready, and complete only that one.

    If several are ready at once, one is chosen at random.

    Args:
        cases: `Receive`, `Send`, `Readable`, `Writable`, `After`; each object once.
        timeout: Seconds to wait at the most, zero for not at all; ``None`` waits for as long as
            it takes.

    Returns:
        The case that won; ``None`` after the timeout. No other case received or sent anything.

    Raises:
        ValueError: There are neither cases nor a ``timeout``, or a case is in use already.
        ChannelClosed: A channel to send to is closed. A closed channel to receive from does not
            raise: its case wins, with `Receive.ended`.
        OSError: A descriptor is closed.
        Cancelled: A scope around the task was cancelled; no case received or sent anything.
        NotRunning: The caller does not run in a task.

    Blocks: the calling task, unless a case is ready at once.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> str:
        ...     orders: rt.Channel[str] = rt.Channel(1)
        ...     rt.spawn(orders.send, "coffee")
        ...     order, patience = rt.Receive(orders), rt.After(5)
        ...     won = rt.select(order, patience)
        ...     return order.value if won is order else "no order"
        >>> rt.run(main)
        'coffee'
    """
    if not cases and timeout is None:
        raise ValueError("select() needs a case or a timeout: without both it would never end")
    task, hub = current_task(), current_hub()
    limit = None if timeout is None else After(max(0.0, timeout))
    all_cases: tuple[Case, ...] = cases if limit is None else (*cases, limit)
    entered: list[Case] = []
    try:
        for case in all_cases:
            if case._task is not None:
                raise ValueError(f"{case!r} is in use already; make a case for each select()")
            case._begin(hub, task)
            entered.append(case)
        won = _first(cases, limit, hub, task)
        if won is not None:
            won._won = True
        return won
    finally:
        for case in entered:
            case._task = None


def _first(cases: tuple[C, ...], limit: After | None, hub: Hub, task: Task[object]) -> C | None:
    """Return the case that wins; ``None`` when that is ``limit``."""
    start = _random_of(hub).randrange(len(cases)) if len(cases) > 1 else 0
    order = cases[start:] + cases[:start]
    while True:
        for case in order:
            if case._try():
                return case
        if limit is not None and limit._try():
            return None
        _wait(order if limit is None else (*order, limit), hub, task)
        for case in order:
            if case._won and case._confirm():
                return case
            case._won = False


def _wait(cases: tuple[Case, ...], hub: Hub, task: Task[object]) -> None:
    """Pause ``task`` until a case was woken."""
    try:
        for case in cases:
            case._join(hub)
        task.park()
    finally:
        for case in cases:
            case._leave(hub)


def _random_of(hub: Hub) -> Random:
    random = hub.resources.get(Random)
    if not isinstance(random, Random):
        random = hub.resources[Random] = Random()
    return random
