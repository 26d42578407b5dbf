"""`RoomState`: one room of a running application: its members, its log, its event streams.

Theory of operation. Every message gets the next position of the log and is posted to the members
that the room has at this moment, in one step: nothing runs in between. A socket that joins first
takes what is behind its id (`_reader`), waiting for its client as often as it must, and becomes a
member in the step in which nothing is left to take. So each message reaches it exactly once, from
the log or by a post.

A large room yields its turn while a message is posted. Then the room is locked, and other messages
wait for it in order; the position is given behind the lock. The task that posts is shielded
meanwhile, so that no message reaches half of the members.

Rooms of several workers have a store, whose log decides the order (`_store`): a message is posted
when it has come back with its position. While the store is down, messages of this worker are posted
at once, **ahead** of the log. They are skipped when they get their positions later, and the ids
that members get meanwhile consist of the last position and of how far the messages ahead were
posted: "everything up to position 100, and of worker a everything up to message 6".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from photon_runtime import Event, Lock, shield
from photon_runtime.slices import SLICE

from ..protocol import encode_message
from ._contents import Content
from ._entries import Entry, MessageId, Record
from ._log import Log
from ._members import Member, Members, MessageCheck
from ._membership import Membership
from ._messages import RoomMessage
from ._reader import Reader
from ._room_figures import RoomFigures
from ._store import LogPage

if TYPE_CHECKING:
    from ._room import Room

EVENT_TAIL = 64
"""Number of messages that a room without history keeps while event streams read it."""


class RoomState:
    """A room of a running application.

    Args:
        room: The declaration.
        origin: Name of the run of the application.
        epoch: Name of the life of the log.
        now: Returns the time in seconds since 1970.
        figures: Counts what happens.

    Attributes:
        members: The sockets that messages are posted to.
        memberships: All sockets that have joined, also those that still take what they have missed.
        checks: Checks of the messages, by the types of the sockets that have joined; only in
            development.
        users: Number of sockets of each user, in this worker.
        streams: Events that wake the streams of the room.
        log: The newest messages.
        provisional: Messages of this worker that were posted ahead of the log.
        is_loaded: Whether the log follows that of the store.
        loading: Held while the log is loaded.
        is_closed: Whether event streams end.
    """

    __slots__ = (
        "_ahead",
        "_applied",
        "_excluded",
        "_figures",
        "_form",
        "_has_gap",
        "_lock",
        "_sent",
        "checks",
        "is_closed",
        "is_loaded",
        "loading",
        "log",
        "members",
        "memberships",
        "now",
        "origin",
        "provisional",
        "room",
        "streams",
        "users",
    )

    def __init__(
        self,
        room: Room,
        *,
        origin: str,
        epoch: str,
        now: Callable[[], float],
        figures: RoomFigures,
    ) -> None:
        """Begin without members and messages."""
        self.room = room
        self.origin = origin
        self.now = now
        self.log = Log(epoch, entries=room.history_size, seconds=room.history_seconds)
        self.members = Members()
        self.memberships: dict[Member, Membership] = {}
        self.checks: set[MessageCheck] = set()
        self.users: dict[str, int] = {}
        self.streams: set[Event] = set()
        self.provisional: deque[Record] = deque()
        self.is_closed = False
        self.is_loaded = False
        self.loading = Lock()
        self._lock = Lock()
        self._ahead = 0
        self._applied = 0
        self._has_gap = False
        self._sent: deque[Record] = deque()
        self._excluded: dict[int, Collection[Member]] = {}
        self._form = room.form
        self._figures = figures

    @property
    def is_used(self) -> bool:
        """Whether sockets or event streams depend on the room."""
        return bool(self.memberships or self.streams)

    @property
    def id(self) -> str:
        """The id of the newest message."""
        ahead = (self.origin, self._ahead) if self._ahead > self._applied else None
        return str(MessageId(self.log.epoch, self.log.position, ahead))

    # -- members ------------------------------------------------------------------------------

    def send_missed(self, connection: Member, after: str) -> bool:
        """Send what is behind an id; nothing is left when this returns.

        Returns:
            Whether messages may be missing.

        Raises:
            WebSocketClosed: The socket is closed.

        Blocks: the calling task, while the client does not read.
        """
        reader = Reader(self, after)
        has_gap = False
        while messages := reader.take():
            for message in messages:
                has_gap = has_gap or message.is_gap
                connection.send(self._formed(message))
        return has_gap

    @contextmanager
    def stream(self) -> Iterator[Event]:
        """Keep messages for an event stream, and return the event that wakes it."""
        event = Event()
        self.streams.add(event)
        self.log.keep = max(self.room.history_size, EVENT_TAIL)
        try:
            yield event
        finally:
            self.streams.discard(event)
            if not self.streams:
                self.log.keep = self.room.history_size
                self.log.trim(self.now())

    # -- messages -----------------------------------------------------------------------------

    def publish(self, content: Content, sequence: int, exclude: Collection[Member] = ()) -> None:
        """Append a message to the log and post it, in a room without a store.

        Blocks: the calling task, in a room with many members, while messages are posted.
        """
        if len(self.members) <= SLICE and not self._lock.locked():
            self._append(content, sequence)
            self._post(content, exclude)
            return
        with self._lock, shield():
            self._append(content, sequence)
            self._post(content, exclude)

    def apply(self, epoch: str, entries: Sequence[Entry]) -> bool:
        """Take entries of the store's log that follow each other, and post them.

        Returns:
            ``False`` if entries before them are missing.

        Blocks: as `publish`.
        """
        log = self.log
        if not entries or (epoch == log.epoch and entries[-1].position <= log.position):
            return True
        with self._lock, shield():
            if epoch != log.epoch or entries[0].position > log.position + 1:
                return False
            for entry in entries:
                if entry.position > log.position:
                    self._apply(entry)
        return True

    def apply_page(self, page: LogPage, after: int = 0) -> bool:
        """Take what was read from the store behind a position that the log has or had.

        Where the store no longer has what comes next, readers and members get a gap.

        Returns:
            Whether there may be more.

        Blocks: as `publish`.
        """
        log, entries = self.log, page.entries
        base = entries[0].position - 1 if entries else page.last
        with self._lock, shield():
            if self.is_loaded and page.epoch != log.epoch:
                log.restart(page.epoch, 0)  # and read this one from its beginning
                self._has_gap = True
                return True
            if not self.is_loaded or self._has_gap or base > log.position or page.last < after:
                log.restart(page.epoch, base)
                self._has_gap = False
                self._post_gap()
            if not self.is_loaded:
                self.is_loaded = True
                for entry in entries:  # the members have been sent a gap
                    log.append(entry)
                    self._confirm(entry)
            else:
                for entry in entries:
                    if entry.position > log.position:
                        self._apply(entry)
        return bool(entries) and log.position < page.last

    @property
    def oldest_unapplied(self) -> int | None:
        """Sequence of the oldest message of this worker that the store has, and this log not."""
        return self._sent[0].sequence if self._sent else None

    def note_sent(self, records: Iterable[Record]) -> None:
        """Note messages of this worker that the store has, and this log does not yet."""
        self._sent += (each for each in records if each.sequence > self._applied)

    def post_ahead(self, records: Iterable[Record]) -> None:
        """Post messages of this worker that have no position here, each once, in order.

        Args:
            records: Those that the store does not have.

        Blocks: as `publish`.
        """
        with self._lock, shield():
            for record in [*self._sent, *records]:
                if record.sequence > max(self._ahead, self._applied) and record.kind != "gap":
                    self._ahead = record.sequence
                    self.provisional.append(record)
                    exclude = self._excluded.pop(record.sequence, ())
                    self._post(Content(record.kind, record.payload), exclude)

    def exclude(self, sequence: int, members: Collection[Member]) -> None:
        """Do not post a message of this worker, which is on its way to the store, to members."""
        self._excluded[sequence] = members

    def note_dropped(self, gap: Record) -> None:
        """Let those that join from now on know that messages of this worker were dropped."""
        self.forget(gap.sequence)
        self.provisional.appendleft(gap)
        self._ahead = max(self._ahead, gap.sequence)

    def confirm(self, sequence: int) -> None:
        """Note that the store has the messages of this worker up to one."""
        self._applied = max(self._applied, sequence)
        self.forget(sequence)

    def forget(self, sequence: int) -> None:
        """Forget messages of this worker up to one, which the store has or will never have."""
        self._excluded = {key: each for key, each in self._excluded.items() if key > sequence}
        for records in (self.provisional, self._sent):
            while records and records[0].sequence <= sequence:
                records.popleft()

    def close(self) -> None:
        """End the event streams; messages are posted to members until they leave."""
        self.is_closed = True
        self._wake_streams()

    def _append(self, content: Content, sequence: int) -> None:
        position = self.log.position + 1
        kind, payload = content.kind, content.payload
        self.log.append(Entry(position, self.now(), self.origin, sequence, kind, payload))

    def _apply(self, entry: Entry) -> None:
        """Append an entry of the store's log, and post it unless that was done ahead."""
        self.log.append(entry)
        exclude = self._excluded.get(entry.sequence, ()) if entry.origin == self.origin else ()
        if self._confirm(entry):
            return
        if entry.kind == "gap":
            self._post_gap()
        else:
            self._post(Content(entry.kind, entry.payload), exclude)

    def _confirm(self, entry: Entry) -> bool:
        """Note that a message of this worker has its position; return whether it was posted."""
        if entry.origin != self.origin:
            return False
        self._applied = max(self._applied, entry.sequence)
        self.forget(entry.sequence)
        return entry.sequence <= self._ahead

    def _post(self, content: Content, exclude: Collection[Member] = ()) -> None:
        self._wake_streams()
        if len(self.members):
            self._post_message(self._form.message(content, self.id), exclude)

    def _post_gap(self) -> None:
        self._wake_streams()
        self._figures.gaps += len(self.members)
        if len(self.members):
            self._post_message(self._form.gap(self.room.gap_content, self.id), ())

    def _post_message(self, message: str | bytes, exclude: Collection[Member]) -> None:
        """Post to all members; in a large room, in slices, behind the lock and in a shield."""
        members, figures = self.members, self._figures
        figures.posts += len(members)
        post = members.post if len(members) <= SLICE else members.post_in_slices
        figures.dropped += post(
            lambda deflater: encode_message(message, deflater), self.room.slow, exclude
        )

    def _formed(self, message: RoomMessage) -> str | bytes:
        make = self._form.gap if message.is_gap else self._form.message
        return make(message.content, message.id)

    def _wake_streams(self) -> None:
        for event in self.streams:
            event.set()
