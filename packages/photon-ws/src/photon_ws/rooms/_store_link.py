"""`StoreLink`: what a worker does with the store of its rooms, in the background.

Theory of operation. Three tasks. The *sender* empties the outbox into the logs, in batches, gives
the store the presence (`_shared_presence`), and repeats what failed until the store is available
again. The *listener* runs `RoomStore.listen`, again and again. The *reader* reads the logs that
have something that was not received.

Every call of the store has a time limit, so a store that does not answer is noticed as one that
refuses connections. While it is *down*, messages are posted to the members of this worker at once,
and wait in the outbox for the other workers. While it is *available*, a message is posted when it
has its position, which the sender learns from the store itself: the notifications may be late or
lost without a consequence for the members of the same worker.

A failure is logged once, when the store becomes unavailable, and shown by a metric and the
readiness check for as long as it lasts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from time import monotonic
from typing import TypeVar

from photon_runtime import DeadlineExceeded, Event, Task, deadline, shield, sleep, spawn
from photon_runtime.backoff import Backoff
from photon_runtime.observability import Meter

from ._contents import Content
from ._entries import Entry, Record
from ._members import Member
from ._outbox import Outbox
from ._room_state import RoomState
from ._shared_presence import SharedPresence
from ._store import Appended, Batch, Retention, RoomStore
from .errors import StoreRefused, StoreUnavailable

_log = logging.getLogger("photon.websockets")
T = TypeVar("T")

CALL_TIMEOUT = 1.0
"""Seconds after which a store that does not answer is down."""
# Waits between attempts: short, because one attempt costs little and members wait for messages.
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 0.5
_PAGE = 500
_KEPT_FOR_CATCHING_UP = 500
_KEPT_SECONDS = 60.0
"""What the store keeps of rooms with a shorter history or none, so that workers whose connection
was interrupted do not miss messages."""


class StoreLink:
    """Connects the rooms of one run of an application with its store.

    Args:
        store: The store.
        states: The rooms by name, as they are at any time.
        presence: The presence of the users of all workers.

    Attributes:
        is_up: Whether the store answers.
        is_listening: Whether notifications of the store arrive.
    """

    def __init__(
        self, store: RoomStore, states: Mapping[str, RoomState], presence: SharedPresence
    ) -> None:
        """Begin without a connection."""
        self.is_up = False
        self.is_listening = False
        self.outbox = Outbox()
        self._store = store
        self._states = states
        self._presence = presence
        self._is_open = False
        self._is_posted_ahead = False
        self._work = Event()
        self._space = Event()
        self._behind: dict[str, None] = {}
        self._unwatched: dict[str, None] = {}
        self._overdue: dict[str, int | None] = {}
        self._is_behind = Event()
        self._tasks: list[Task[None]] = []
        self._listen_again = Backoff(first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
        presence.changed = self._work.set

    def expose(self, meter: Meter) -> None:
        """Declare the metrics."""
        gauge = meter.observable_gauge
        gauge(
            "photon_room_store_up",
            "1 if the store of rooms answers and sends notifications, else 0.",
            lambda: float(self.is_up and self.is_listening),
            aggregation="min",
        )
        gauge(
            "photon_room_outbox",
            "Messages that wait for the store of rooms.",
            lambda: float(len(self.outbox)),
        )
        gauge(
            "photon_room_store_lag_seconds",
            "Time that the oldest message waits for the store of rooms.",
            self._lag,
            aggregation="max",
        )
        meter.observable_counter(
            "photon_room_lost_messages",
            "Messages that other workers did not get, since the store was down for too long.",
            lambda: self.outbox.dropped,
        )

    def _lag(self) -> float:
        oldest = self.outbox.oldest()
        return 0.0 if oldest is None else monotonic() - oldest

    def check(self) -> None:
        """Raise if the store does not answer, or sends no notifications; a readiness check."""
        if not self.is_up:
            raise StoreUnavailable("the store of rooms does not answer")
        if not self.is_listening:
            raise StoreUnavailable("the store of rooms sends no notifications")

    # -- the life of the link -----------------------------------------------------------------

    def start(self) -> None:
        """Connect, if that is possible at once, and start the tasks.

        Raises:
            StoreRefused: The store lacks a right that another attempt does not change.

        Blocks: the calling task, for a few seconds at most.
        """
        try:
            self._reach()
        except StoreRefused:
            raise
        except Exception as error:
            self.note_failure(error)
            _log.warning("rooms begin without their store: %s", _text(error))
        self._tasks = [
            spawn(self._run, self._send),
            spawn(self._run, self._catch_up_behind),
            spawn(self._listen),
        ]

    def stop(self) -> None:
        """Send what waits, if the store is available, and disconnect.

        Blocks: the calling task, for a few seconds at most.
        """
        for task in self._tasks:
            task.cancel()
        with shield():
            for task in self._tasks:
                task.join()
            if self.is_up:
                try:
                    with deadline(CALL_TIMEOUT):
                        self._flush()
                        self._presence.release()
                except Exception as error:
                    _log.warning("the store of rooms did not get the end: %s", _text(error))
            try:
                self._store.close()
            except Exception as error:
                _log.debug("the store of rooms was not closed properly: %s", _text(error))

    # -- messages -----------------------------------------------------------------------------

    def publish(
        self, state: RoomState, content: Content, sequence: int, exclude: Collection[Member]
    ) -> None:
        """Send a message to all workers, this one included.

        Blocks: the calling task, while the outbox is full and the store available; in a large room,
            while messages are posted.
        """
        while self.is_up and self.outbox.is_full:
            self._space.clear()
            self._space.wait()
        if not self.is_up and not self._is_posted_ahead:
            self._post_ahead()  # before something of it is dropped
        if self.outbox.is_full:
            room, gap = self.outbox.drop_oldest()
            if room in self._states:
                self._states[room].note_dropped(gap)
        record = Record(state.origin, sequence, content.kind, content.payload)
        if exclude and state.is_used:
            state.exclude(sequence, exclude)
        self.outbox.add(state.room.name, record, retention_of(state), monotonic())
        if self.is_up:
            self._work.set()
        elif self._is_posted_ahead:
            state.post_ahead([record])
        else:
            state.post_ahead(self.outbox.pending(state.room.name))

    def load(self, state: RoomState) -> None:
        """Let the log of a room follow that of the store, if that is available.

        Blocks: the calling task, for `CALL_TIMEOUT` at most.
        """
        if state.is_loaded or not self.is_up:
            return
        with state.loading:
            if not state.is_loaded and self.is_up:
                self._try(self._load, state)

    def catch_up(self, state: RoomState) -> None:
        """Read what the log of a room has by now.

        Blocks: as `load`.
        """
        if state.is_loaded and self.is_up:
            self._try(self._read, state)

    def forget(self, state: RoomState) -> None:
        """End the notifications about a room that is dropped. Does not wait."""
        if state.is_loaded:
            self._unwatched[state.room.name] = None
            self._is_behind.set()

    def _try(self, call: Callable[[T], object], argument: T) -> None:
        """Call the store in the task of a handler; a failure is left to the sender."""
        try:
            with deadline(CALL_TIMEOUT):
                call(argument)
        except Exception as error:
            self.note_failure(error)

    def _load(self, state: RoomState) -> None:
        name = state.room.name
        self._store.watch(name)
        last = self._store.read(name, _BEYOND, 1).last
        if state.apply_page(self._store.read(name, max(0, last - state.room.history_size), _PAGE)):
            self._read(state)

    def _read(self, state: RoomState) -> None:
        while True:
            after = state.log.position
            if not state.apply_page(self._store.read(state.room.name, after, _PAGE), after):
                return

    # -- calls of the store while it listens --------------------------------------------------

    def listening(self) -> None:
        """Read the logs of all rooms: notifications arrive from now on."""
        self.is_listening = True
        self._listen_again.reset()
        for state in self._states.values():
            if state.is_loaded:
                self.changed(state.room.name)

    def received(self, room: str, epoch: str, entries: Sequence[Entry]) -> None:
        """Take entries that came with a notification."""
        state = self._states.get(room)
        if state is not None and state.is_loaded and not state.apply(epoch, entries):
            self.changed(room)

    def changed(self, room: str) -> None:
        """Read the log of a room."""
        if room in self._states:
            self._behind[room] = None
            self._is_behind.set()

    # -- tasks --------------------------------------------------------------------------------

    def _run(self, step: Callable[[], None]) -> None:
        """Repeat a step; what fails is noted and repeated after a pause."""
        backoff = Backoff(first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
        while True:
            try:
                step()
            except Exception as error:
                self.note_failure(error)
                sleep(backoff.delay())
            else:
                backoff.reset()

    def _send(self) -> None:
        """Do what there is to do for the sender, then wait for more."""
        self._work.clear()
        if not self.is_up:
            self._post_ahead()
            self._reach()
            self._note_recovery()
        with deadline(CALL_TIMEOUT):
            if not self._presence.seconds_until_renewal:
                self._presence.renew()
                self._read_overdue()
        self._flush()
        self._work.wait(self._presence.seconds_until_renewal)

    def _read_overdue(self) -> None:
        """Read the logs whose notifications have not arrived since the last renewal."""
        overdue: dict[str, int | None] = {
            name: state.oldest_unapplied
            for name, state in self._states.items()
            if state.oldest_unapplied is not None
        }
        for name, sequence in overdue.items():
            if self._overdue.get(name) == sequence:
                self.changed(name)
        self._overdue = overdue

    def _reach(self) -> None:
        with deadline(CALL_TIMEOUT * 2):
            if not self._is_open:
                self._store.open()
                self._is_open = True
            self._presence.renew()
            self.is_up = True

    def _flush(self) -> None:
        """Give the store all that it does not have yet."""
        while batches := self.outbox.take():
            try:
                with deadline(CALL_TIMEOUT):
                    appended = self._store.append(batches)
            except BaseException:
                self.outbox.give_back(batches)
                raise
            self.outbox.note_sent()
            self._space.set()
            for batch, outcome in zip(batches, appended, strict=True):
                self._note_appended(batch, outcome)
        with deadline(CALL_TIMEOUT):
            self._presence.flush()

    def _note_appended(self, batch: Batch, outcome: Appended) -> None:
        state = self._states.get(batch.room)
        if state is None:
            return
        if not state.is_loaded:
            state.confirm(batch.records[-1].sequence)
        elif not self._apply(state, batch, outcome):
            # What is missing in between is on its way here as a notification. To read it would be
            # wrong: a log that grows fast may have less than what is on its way.
            state.note_sent(batch.records)
            if not self.is_listening:
                self.changed(batch.room)

    def _apply(self, state: RoomState, batch: Batch, outcome: Appended) -> bool:
        if outcome.first is None:
            return False
        entries = [
            Entry(position, outcome.time, each.origin, each.sequence, each.kind, each.payload)
            for position, each in enumerate(batch.records, outcome.first)
        ]
        return state.apply(outcome.epoch, entries)

    def _catch_up_behind(self) -> None:
        """Read the logs that are behind, then wait for more."""
        while self._behind and self.is_up:
            room = next(iter(self._behind))
            del self._behind[room]
            state = self._states.get(room)
            if state is None:
                continue
            try:
                with deadline(CALL_TIMEOUT):
                    (self._read if state.is_loaded else self._load)(state)
            except BaseException:
                self._behind[room] = None
                raise
        while self._unwatched and self.is_up:
            room, _ = self._unwatched.popitem()
            if room not in self._states:
                with deadline(CALL_TIMEOUT):
                    self._store.unwatch(room)
                    if room in self._states:  # it was made again
                        self._store.watch(room)
        self._is_behind.clear()
        if not (self._behind and self.is_up):
            self._is_behind.wait()

    def _listen(self) -> None:
        """Receive notifications, again and again."""
        is_known = False
        while True:
            try:
                self._store.listen(self)
            except Exception as error:
                if self.is_listening or not is_known:
                    _log_failure("the store of rooms sends no notifications", error)
            self.is_listening, is_known = False, True
            sleep(self._listen_again.delay())

    # -- up and down --------------------------------------------------------------------------

    def note_failure(self, error: Exception) -> None:
        if self.is_up:
            self._is_posted_ahead = False
            _log_failure("the store of rooms is down", error)
        elif not isinstance(error, StoreUnavailable | DeadlineExceeded):
            _log.error("a call of the store of rooms failed", exc_info=error)
        self.is_up = False
        self._space.set()
        self._work.set()

    def _note_recovery(self) -> None:
        _log.info("the store of rooms is available again")
        for state in self._states.values():
            if not state.is_loaded and state.is_used:
                self.changed(state.room.name)
        if self._behind:
            self._is_behind.set()

    def _post_ahead(self) -> None:
        """Post what the members of this worker would otherwise wait for."""
        if self._is_posted_ahead:
            return
        for name, state in [*self._states.items()]:
            if state.oldest_unapplied is not None or self.outbox.has(name):
                state.post_ahead(self.outbox.pending(name))
        self._is_posted_ahead = not self.is_up


_BEYOND = 2**53
"""A position behind all positions."""


def retention_of(state: RoomState) -> Retention:
    """Return what the store keeps of a room."""
    room = state.room
    seconds = room.history_seconds if room.history_size else _KEPT_SECONDS
    return Retention(max(room.history_size, _KEPT_FOR_CATCHING_UP), seconds)


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__


def _log_failure(message: str, error: Exception) -> None:
    if isinstance(error, StoreUnavailable | DeadlineExceeded):
        _log.warning("%s: %s", message, _text(error))
    else:
        _log.error(message, exc_info=error)
