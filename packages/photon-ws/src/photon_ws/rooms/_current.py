"""The rooms that the calling code belongs to: those of its application.

A context variable has them. An application sets it while it starts, and every request, and every
task that is spawned by one, begins with the variables of its application; so two applications in
one process never meet.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from .errors import RoomsMissing

if TYPE_CHECKING:
    from ._rooms import Rooms

rooms_variable: ContextVar[Rooms] = ContextVar("photon_rooms")


def current_rooms(name: str) -> Rooms:
    """Return the rooms of the running application.

    Args:
        name: Name of the room that is used, for the message of the error.

    Raises:
        RoomsMissing: The calling code does not belong to one.
    """
    rooms = rooms_variable.get(None)
    if rooms is None or not rooms.is_running:
        raise RoomsMissing(
            f"the room {name!r} is used outside of a running application: members and messages "
            "belong to an application with WebSockets, so use it in handlers and tasks of one; an "
            "application without a WebSocket of its own adds WebSocketsPart()"
        )
    return rooms
