"""`Rooms`: all rooms of one running application.

Theory of operation. Rooms are made when they are used first and found by their names. A room that
is not used any more, without members and event streams, keeps its history; what is bounded is the
number of rooms, and a new one replaces the one that has been unused for the longest time. If all
are used, it is refused. A room that never had a message has nothing to keep and is removed at once.
A room that is made again after it had messages gets a log with another epoch, so an id of its
earlier life leads to a gap, never to other messages.

With a store, a room that is not used is dropped after a minute, because the store has its history;
`_store_link` has what happens between the worker and the store.

Calls of the application about users who join and leave are made by one task, in order, because a
socket leaves in a step that must not wait.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from secrets import token_hex
from time import time

from photon_runtime import deadline, shield, sleep, spawn
from photon_runtime.http import ServerSentEvent
from photon_runtime.observability import Meter, Readiness
from photon_runtime.transactions import on_commit
from photon_runtime.workers import worker_count

from .._websockets_settings import WebSocketsSettings
from ._contents import Content, encode_content
from ._current import rooms_variable
from ._entries import MessageId
from ._members import Member, MessageCheck, Socket
from ._membership import Membership
from ._messages import RoomMessage
from ._presence_calls import PresenceCalls
from ._reader import Reader
from ._room import Room, check_name
from ._room_figures import RoomFigures
from ._room_state import RoomState
from ._shared_presence import SharedPresence
from ._store import RoomStore
from ._store_link import CALL_TIMEOUT, StoreLink
from ._stores import store_of
from .errors import RoomLimitReached

_log = logging.getLogger("photon.websockets")
_TRIM_INTERVAL = 30.0
_UNUSED_FOR = 60.0
"""Seconds after which a room that is not used is dropped, if a store has its history."""


class Rooms:
    """The rooms of one application, for each time that it runs.

    Args:
        settings: The section ``[websockets]``.
        meter: Gets the figures of the rooms.
        readiness: Gets a check of the store, if there is one.
        now: Returns the time in seconds since 1970.
        root: The folder of the project, for a store in a file.
        store: Connects the rooms with those of other workers; by default that of the settings.

    Attributes:
        is_running: Whether the application runs.
    """

    def __init__(
        self,
        settings: WebSocketsSettings,
        meter: Meter,
        readiness: Readiness,
        *,
        now: Callable[[], float] = time,
        root: Path | None = None,
        store: RoomStore | None = None,
    ) -> None:
        """Declare the metrics; nothing is opened."""
        self.is_running = False
        self._now = now
        self._max_rooms = settings.max_rooms
        self._states: dict[str, RoomState] = {}
        self._unused: OrderedDict[str, float] = OrderedDict()
        self._sequence = count(1)
        self._origin, self._epoch = token_hex(8), token_hex(8)
        self._is_draining = self._is_warned = False
        self._calls = PresenceCalls()
        self._figures = RoomFigures()
        self._figures.expose(meter)
        meter.observable_gauge("photon_rooms", "Rooms in memory.", lambda: len(self._states))
        meter.observable_gauge("photon_room_members", "Members of rooms.", self._count_members)
        self._presence: SharedPresence | None = None
        self._link: StoreLink | None = None
        store = store_of(settings.rooms, root) if store is None else store
        if store is not None:
            self._presence = SharedPresence(
                store,
                origin=self._origin,
                lease=settings.rooms_lease,
                states=self._states,
                calls=self._calls,
            )
            self._link = StoreLink(store, self._states, self._presence)
            self._link.expose(meter)
            readiness.add("rooms", self._link.check)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the code of the application use rooms, for the time of a block; once.

        Blocks: the calling task, at its begin and end, while a store is connected and disconnected.
        """
        token = rooms_variable.set(self)
        self.is_running = True
        tasks = [spawn(self._calls.run), spawn(self._trim)]
        try:
            if self._link is not None:
                self._link.start()
            yield
        finally:
            self.drain()
            with shield():
                self._end_calls()
                if self._link is not None:
                    self._link.stop()
                self.is_running = False
                for task in tasks:
                    task.cancel()
                    task.join()
            self._states.clear()
            self._unused.clear()
            with suppress(ValueError):  # the end of an application may be in another context
                rooms_variable.reset(token)

    def _end_calls(self) -> None:
        """Make the calls about users who have left, now that all sockets are closed."""
        try:
            with deadline(CALL_TIMEOUT):
                if self._presence is not None and self._link is not None and self._link.is_up:
                    self._presence.flush()
                self._calls.make()
        except Exception as error:
            _log.warning("the end of the presence in rooms is not known: %s", error)

    def drain(self) -> None:
        """End the event streams: the server stops. Does not wait."""
        self._is_draining = True
        for state in self._states.values():
            state.close()

    # -- members ------------------------------------------------------------------------------

    def join(self, room: Room, ws: Socket, *, user: str | None, after: str | None) -> Membership:
        """Let a socket join a room; see `Room.join`."""
        if user is not None:
            check_name("user", user)
        if ws.message_check is not None and after is not None:
            _check_gap(room, ws.message_check)
        connection = ws.connection
        with self._loaded(room) as state:
            if connection in state.memberships:
                raise ValueError(f"the socket is a member of the room {room.name!r} already")
            if len(state.memberships) >= room.max_members:
                raise RoomLimitReached(
                    f"the room {room.name!r} has its maximum of {room.max_members} members"
                )
            membership = Membership(partial(self._leave, state, connection), user=user)
            state.memberships[connection] = membership
            if ws.message_check is not None:
                state.checks.add(ws.message_check)
            try:
                if after is not None:
                    self._catch_up(state, after)
                    membership.has_gap = state.send_missed(connection, after)
                self._enter(state, connection, membership)
            except BaseException:
                membership.leave()
                raise
        return membership

    def leave(self, room: Room, ws: Socket) -> None:
        """Let a socket leave a room; see `Room.leave`."""
        state = self._states.get(room.name)
        membership = None if state is None else state.memberships.get(ws.connection)
        if membership is not None:
            membership.leave()

    def presence(self, room: Room) -> Mapping[str, int]:
        """Return the users in a room; see `Room.presence`."""
        if self._link is not None and self._presence is not None and self._link.is_up:
            try:
                with deadline(CALL_TIMEOUT):
                    return self._presence.users(room.name)
            except Exception as error:
                self._link.note_failure(error)
        state = self._states.get(room.name)
        return {} if state is None else dict(state.users)

    def _enter(self, state: RoomState, connection: Member, membership: Membership) -> None:
        """Let a socket get what is posted from now on. Does not wait."""
        if not connection.is_open:
            raise connection.closed_error()
        if not membership.is_member:
            return  # it has left before it has joined
        state.members.add(connection)
        connection.on_close(membership.leave)
        if membership.user is not None:
            self._count_user(state, membership.user, 1)

    def _leave(self, state: RoomState, connection: Member) -> None:
        """Remove a socket from a room. Does not wait."""
        membership = state.memberships.pop(connection)
        if connection in state.members:
            state.members.remove(connection)
            connection.forget_on_close(membership.leave)
            if membership.user is not None:
                self._count_user(state, membership.user, -1)
        self._note_use(state)

    def _count_user(self, state: RoomState, user: str, change: int) -> None:
        before = state.users.get(user, 0)
        after = before + change
        if after:
            state.users[user] = after
        else:
            del state.users[user]
        if self._presence is not None:
            self._presence.note(state.room, user)
        elif not (before and after):
            self._calls.add(state.room, user, has_joined=not before)

    # -- messages -----------------------------------------------------------------------------

    def broadcast(self, room: Room, message: object, exclude: Collection[Socket] = ()) -> None:
        """Send a message to the members of a room; see `Room.broadcast`."""
        content = encode_content(message)
        room.form.check(content)
        self._check(room, content)
        on_commit(partial(self._publish, room, content, [ws.connection for ws in exclude]))

    def _check(self, room: Room, content: Content) -> None:
        """Refuse a message that sockets of this worker do not send; only in development."""
        state = self._states.get(room.name)
        if state is not None and state.checks:
            message = room.form.message(content, "0")
            for check in state.checks:
                check(message)

    def _publish(self, room: Room, content: Content, exclude: Collection[Member]) -> None:
        self._figures.messages += 1
        with self._used(room) as state:
            if self._link is not None:
                self._link.publish(state, content, next(self._sequence), exclude)
            else:
                state.publish(content, next(self._sequence), exclude)

    def history(self, room: Room) -> list[RoomMessage]:
        """Return the messages of a room; see `Room.history`."""
        with self._loaded(room) as state:
            reader = Reader(state, "")
            messages = []
            while taken := reader.take():
                messages += taken
        return messages

    def last_id(self, room: Room) -> str:
        """Return the id of the newest message; see `Room.last_id`."""
        with self._loaded(room) as state:
            return state.id

    def events(self, room: Room, last_event_id: str | None) -> Iterator[ServerSentEvent]:
        """Return the messages of a room as events; see `Room.events`."""
        if last_event_id is not None:
            return self._events(room, last_event_id)
        return self._events(room, self.last_id(room), is_live=True)

    def _events(
        self, room: Room, after: str, *, is_live: bool = False
    ) -> Iterator[ServerSentEvent]:
        with self._loaded(room) as state, state.stream() as event:
            self._catch_up(state, after)
            reader = Reader(state, after)
            if is_live:  # so that a client that reconnects before the first message misses none
                yield ServerSentEvent(id=after)
            while True:
                event.clear()
                messages = reader.take()
                for message in messages:
                    yield message.to_event()
                if not messages:
                    if state.is_closed:
                        return
                    event.wait()

    # -- rooms --------------------------------------------------------------------------------

    @contextmanager
    def _used(self, room: Room) -> Iterator[RoomState]:
        """Return the state of a room, which stays while it is used."""
        state = self._states.get(room.name)
        if state is None:
            state = self._make(room)
        elif state.room is not room and state.room != room:
            raise ValueError(
                f"the room {room.name!r} has other options already: {state.room!r}; declare it "
                "once, or with the same options"
            )
        try:
            yield state
        finally:
            self._note_use(state)

    @contextmanager
    def _loaded(self, room: Room) -> Iterator[RoomState]:
        """Return the state of a room with its log, if a store has that and is available."""
        with self._used(room) as state:
            if self._link is not None:
                self._link.load(state)
            yield state

    def _catch_up(self, state: RoomState, after: str) -> None:
        """Read the log of the store, if a client has seen more of it than this worker."""
        last = MessageId.parse(after)
        if self._link is None or last is None:
            return
        if last.epoch != state.log.epoch or last.position > state.log.position:
            self._link.catch_up(state)

    def _warn_of_workers(self) -> None:
        """Log that members of other workers are out of reach, when the first room is made."""
        workers = worker_count()
        if workers > 1 and self._link is None and not self._is_warned:
            _log.warning(
                "rooms connect the sockets of one process, and %d workers serve the application: "
                "set [websockets] rooms to the URL of a Redis, a PostgreSQL or an SQLite file",
                workers,
            )
        self._is_warned = True

    def _make(self, room: Room) -> RoomState:
        self._warn_of_workers()
        if len(self._states) >= self._max_rooms:
            self._drop_unused(room)
        state = self._states[room.name] = RoomState(
            room, origin=self._origin, epoch=self._epoch, now=self._now, figures=self._figures
        )
        if self._is_draining:
            state.close()
        return state

    def _drop_unused(self, room: Room) -> None:
        if not self._unused:
            raise RoomLimitReached(
                f"the room {room.name!r} cannot be made: all {self._max_rooms} rooms of the "
                "application have members"
            )
        name = next(iter(self._unused))
        self._drop(name)
        self._epoch = token_hex(8)

    def _drop(self, name: str) -> None:
        del self._unused[name]
        state = self._states.pop(name)
        if self._link is not None:
            self._link.forget(state)

    def _note_use(self, state: RoomState) -> None:
        """Drop a room that is empty, or note that it is not used from now on."""
        name = state.room.name
        self._unused.pop(name, None)
        if state.is_used or self._states.get(name) is not state:
            return
        if state.log.position or state.is_loaded or state.provisional:
            self._unused[name] = self._now()
        else:
            del self._states[name]

    def _trim(self) -> None:
        """Remove messages that are too old, and rooms that a store has."""
        while True:
            sleep(_TRIM_INTERVAL)
            now = self._now()
            for state in [*self._states.values()]:
                state.log.trim(now)
            if self._link is not None:
                for name, since in [*self._unused.items()]:
                    state = self._states[name]
                    if now - since > _UNUSED_FOR and not state.provisional and not state.is_used:
                        self._drop(name)

    def _count_members(self) -> int:
        return sum(len(state.members) for state in self._states.values())


def _check_gap(room: Room, check: MessageCheck) -> None:
    """Refuse a gap message that a socket, which resumes, does not send; only in development."""
    try:
        check(room.form.gap(room.gap_content, "0"))
    except Exception as error:
        error.add_note(f"it is the gap message of the room {room.name!r}: set `gap=` of the room")
        raise
