"""`SharedPresence`: the users of this worker in the store, and those of all workers from it.

Theory of operation. The sockets that a user has in a room of this worker are a number, and the
store has the same number a moment later: changes are collected, so a user whose page is reloaded
causes one call or none. The store returns the sockets over all workers before and after each
change, so exactly one worker sees that a user has joined with the first, or left with the last.

The numbers of a worker count as long as its lease. It is renewed after a third of its time; if the
store says that the worker had none, because it is new, was stopped for too long, or because the
store has lost everything, all numbers are set again. Then the worker also removes what others have
left behind whose lease has expired, from the rooms that it has itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from photon_runtime import Lock, current_task

from ._presence_calls import PresenceCalls
from ._room_state import RoomState
from ._store import PresenceChange, PresenceTotals, RoomStore

if TYPE_CHECKING:
    from ._room import Room

_BATCH = 500


class SharedPresence:
    """The presence of users over all workers.

    Args:
        store: The store.
        origin: Name of the run of the application.
        lease: Seconds after which the users of a killed worker are no longer present.
        states: The rooms by name, as they are at any time.
        calls: The calls of the application about users.

    Attributes:
        changed: Called when `flush` has something to do.
    """

    def __init__(
        self,
        store: RoomStore,
        *,
        origin: str,
        lease: float,
        states: Mapping[str, RoomState],
        calls: PresenceCalls,
    ) -> None:
        """Begin without users."""
        self.changed: Callable[[], object] = lambda: None
        self._store = store
        self._origin = origin
        self._lease = lease
        self._states = states
        self._calls = calls
        self._changes: dict[tuple[str, str], Room] = {}
        self._flushing = Lock()
        self._renew_at = 0.0

    @property
    def seconds_until_renewal(self) -> float:
        """The time until `renew` is to be called."""
        return max(0.0, self._renew_at - current_task().hub.time())

    def note(self, room: Room, user: str) -> None:
        """Note that the number of sockets of a user has changed. Does not wait."""
        self._changes[room.name, user] = room
        self.changed()

    def flush(self) -> None:
        """Give the store what has changed.

        Raises:
            StoreUnavailable: The store does not answer; the changes are kept.

        Blocks: the calling task.
        """
        with self._flushing:
            while self._changes:
                keys = [*self._changes][:_BATCH]
                changes = [
                    PresenceChange(room, user, self._sockets(room, user)) for room, user in keys
                ]
                rooms = [self._changes.pop(key) for key in keys]
                try:
                    totals = self._store.set_presence(self._origin, changes)
                except BaseException:
                    for key, room in zip(keys, rooms, strict=True):
                        self._changes.setdefault(key, room)
                    raise
                for change, room, total in zip(changes, rooms, totals, strict=True):
                    self._call(room, change.user, total)

    def users(self, room: str) -> Mapping[str, int]:
        """Return the sockets of each user in a room, over all workers.

        Raises:
            StoreUnavailable: The store does not answer.

        Blocks: the calling task.
        """
        self.flush()
        return self._store.presence(room)

    def renew(self) -> None:
        """Renew the lease, and remove what workers have left behind that were killed.

        Raises:
            StoreUnavailable: The store does not answer.

        Blocks: the calling task.
        """
        if not self._store.renew(self._origin, self._lease):
            for state in self._states.values():
                for user in state.users:
                    self._changes[state.room.name, user] = state.room
        self._renew_at = current_task().hub.time() + self._lease / 3
        rooms = [name for name, state in self._states.items() if state.is_used]
        if rooms:
            for name, user in self._store.expire(rooms):
                if name in self._states:
                    self._calls.add(self._states[name].room, user, has_joined=False)

    def release(self) -> None:
        """Remove the lease of this worker, which ends."""
        self._store.release(self._origin)

    def _sockets(self, room: str, user: str) -> int:
        state = self._states.get(room)
        return 0 if state is None else state.users.get(user, 0)

    def _call(self, room: Room, user: str, total: PresenceTotals) -> None:
        if not (total.before and total.after) and total.before != total.after:
            self._calls.add(room, user, has_joined=not total.before)
