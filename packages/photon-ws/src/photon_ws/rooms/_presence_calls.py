"""`PresenceCalls`: the calls of an application about users who join and leave."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, final

from photon_runtime import Event

if TYPE_CHECKING:
    from ._room import Room

_log = logging.getLogger("photon.websockets")


@final
class PresenceCalls:
    """A queue of calls that one task makes, in order; an error in one is logged."""

    __slots__ = ("_calls", "_event")

    def __init__(self) -> None:
        """Begin without calls."""
        self._calls: deque[tuple[Room, str, bool]] = deque()
        self._event = Event()

    def add(self, room: Room, user: str, *, has_joined: bool) -> None:
        """Call the function of the room for it, if it has one. Does not wait."""
        if (room.on_user_joined if has_joined else room.on_user_left) is not None:
            self._calls.append((room, user, has_joined))
            self._event.set()

    def run(self) -> None:
        """Make the calls, until the task is cancelled."""
        while True:
            self._event.wait()
            self._event.clear()
            self.make()

    def make(self) -> None:
        """Make the calls that wait, in the running task."""
        while self._calls:
            room, user, has_joined = self._calls.popleft()
            call = room.on_user_joined if has_joined else room.on_user_left
            try:
                if call is not None:
                    call(room, user)
            except Exception:
                _log.exception("a function of the room %r failed for %r", room.name, user)
