"""Wait for the first of several things: items, room, sockets, time.

Theory of operation. `select` first looks whether a case can be had without waiting, beginning at
a random one, so that a case that is always ready cannot keep the others from winning. If there
is none it puts every case into the queue of its channel, watcher or timer heap, like a task that
waits there, and parks. Whoever wakes a case wakes the task, which can be done only once: that
case has won, and the others, should somebody come to them before the task runs, answer that they
no longer wait. So an item is handed only to the winner, a losing case takes nothing and gives
nothing, and a cancellation, which reaches only a task that still waits, finds no winner at all.
"""

from __future__ import annotations

from random import Random
from typing import TypeVar, overload

from ._carrier import current_task
from ._case import After, Case
from ._hub import Hub, current_hub
from ._task import Task

C = TypeVar("C", bound=Case)


@overload
def select(*cases: C, timeout: None = None) -> C: ...


@overload
def select(*cases: C, timeout: float) -> C | None: ...


def select(*cases: C, timeout: float | None = None) -> C | None:
    """Wait until one of ``cases`` can be had, and have that one only.

    When several can be had at once, chance decides.

    Args:
        cases: `Receive`, `Send`, `Readable`, `Writable`, `After`; each object once.
        timeout: Seconds to wait at the most, zero for not at all; ``None`` waits for as long as
            it takes.

    Returns:
        The case that won; ``None`` when the time ran out. No other case took or gave anything.

    Raises:
        ValueError: There is no case and no ``timeout``, or a case is in use already.
        ChannelClosed: A channel to send to is closed. A closed channel to receive from raises
            nothing: its case wins, with `Receive.ended`.
        OSError: A descriptor is closed.
        Cancelled: A scope around the task was cancelled; no case took or gave anything.
        NotRunning: The caller does not run in a task.

    Blocks: the calling task, unless a case can be had at once.

    Example:
        >>> import photon_runtime as rt
        >>> def main() -> str:
        ...     orders: rt.Channel[str] = rt.Channel(1)
        ...     rt.spawn(orders.send, "coffee")
        ...     order, patience = rt.Receive(orders), rt.After(5)
        ...     won = rt.select(order, patience)
        ...     return order.value if won is order else "nobody came"
        >>> rt.run(main)
        'coffee'
    """
    if not cases and timeout is None:
        raise ValueError("select() needs a case or a timeout: without both it would never end")
    task, hub = current_task(), current_hub()
    limit = None if timeout is None else After(max(0.0, timeout))
    given: tuple[Case, ...] = cases if limit is None else (*cases, limit)
    entered: list[Case] = []
    try:
        for case in given:
            if case._task is not None:
                raise ValueError(f"{case!r} is waited for already; make a case for each select()")
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
    start = _chance(hub).randrange(len(cases)) if len(cases) > 1 else 0
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


def _chance(hub: Hub) -> Random:
    chance = hub.resources.get(Random)
    if not isinstance(chance, Random):
        chance = hub.resources[Random] = Random()
    return chance
