"""Letting others run in calls that poll descriptors.

The hub looks at timers and sockets only every 128 switches. Event loops call their selector after
each round of callbacks, and a round may take milliseconds: twenty loops would keep timers waiting
for 128 of them. So a turn of the hub that takes longer than 5 milliseconds is ended here.
"""

from __future__ import annotations

from .._hub import Hub
from .._task import Task
from ._running import hub_of

_LONGEST = 0.005


class _Turn:
    """The last turn of a hub in which a task polled.

    Attributes:
        number: Its number.
        since: When the first task did.
    """

    __slots__ = ("number", "since")

    def __init__(self) -> None:
        """Begin before the first turn."""
        self.number = -1
        self.since = 0.0


def let_others_poll(task: Task[object]) -> None:
    """Run the other runnable tasks, and let the hub poll if it has not for long.

    Args:
        task: The running task.

    Raises:
        Cancelled: A scope around the task was cancelled.
    """
    hub = hub_of(task)
    turn, now = _turn_of(hub), hub.time()
    if turn.number != hub.turns:
        turn.number, turn.since = hub.turns, now
    elif now - turn.since > _LONGEST:
        hub.end_turn()
    task.yield_turn()


def _turn_of(hub: Hub) -> _Turn:
    found = hub.resources.get(_Turn)
    if not isinstance(found, _Turn):
        found = hub.resources[_Turn] = _Turn()
    return found
