"""`Room`: the declaration of a room, and what handlers do with it.

::

    lobby = Room("lobby", history=100)

    @app.websocket("/lobby")
    def chat(ws: PhotonWebSocket, after: str | None = None) -> None:
        with lobby.join(ws, after=after):
            for text in ws:
                lobby.broadcast(text)

A room is a value: it has no members and no messages. These belong to the running application, which
finds them by the name of the room; see `_rooms`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, get_args

import attrs
from attrs.validators import ge, gt, optional

from photon_runtime.http import ServerSentEvent
from photon_runtime.signatures import require_call

from ._contents import Content, Form, encode_content
from ._current import current_rooms
from ._members import Slow, Socket
from ._membership import Membership
from ._messages import RoomMessage

MAX_NAME = 255
"""Maximum length of the names of rooms and users."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_name(kind: str, name: object) -> None:
    """Refuse a name of a room or a user that is empty, too long, or has control characters.

    Raises:
        TypeError: It is not a string.
        ValueError: It is invalid.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a {kind} must be a string, not {name!r}")
    if not 0 < len(name) <= MAX_NAME or _CONTROL.search(name):
        raise ValueError(
            f"the name of a {kind} must have 1 to {MAX_NAME} characters, without control "
            f"characters, not {name[: MAX_NAME + 1]!r}"
        )


def _room_name(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    check_name("room", value)


def _slow(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if value not in get_args(Slow):
        raise ValueError(
            f"slow must be one of {', '.join(get_args(Slow))}, not {value!r}; a room does not wait "
            "for a member, because the others would wait with it"
        )


def _function(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None:
        require_call(value, attribute.name, "room", "user")


@attrs.frozen
class Room:
    """A group of WebSockets that messages are broadcast to.

    Two declarations with one name must have the same options.

    Args:
        name: Its name; any number of rooms may be made from values, such as ``f"board-{id}"``.
        history: Number of newest messages that clients can get later, by their ids.
        history_seconds: Age beyond which they cannot, in seconds; ``None`` for no limit.
        slow: What happens to a member that does not read fast enough, when more than ``max_queue``
            bytes wait for it: its socket is closed with 1013 (``"disconnect"``), or it loses its
            oldest messages, or the new one. The other members never wait for it.
        envelope: True to send ``{"id": …, "data": …}`` around each message, so that clients know
            the id to resume with.
        id_member: Name of a member that is set to the id in each message; all messages must be
            JSON objects then.
        gap: Message for members if messages between the last one and the next may be missing; with
            an envelope they get ``{"id": …, "gap": true}`` instead.
        max_members: Maximum number of sockets in each worker.
        on_user_joined: Called with the room and the name of a user when its first socket has
            joined, over all workers; it runs in one of them.
        on_user_left: Likewise, when its last socket has left.

    Raises:
        ValueError: An option is invalid; the message says what is valid.
    """

    name: str = attrs.field(validator=_room_name)
    history_size: int = attrs.field(default=0, alias="history", kw_only=True, validator=ge(0))
    history_seconds: float | None = attrs.field(
        default=None, kw_only=True, validator=optional(gt(0))
    )
    slow: Slow = attrs.field(default="disconnect", kw_only=True, validator=_slow)
    envelope: bool = attrs.field(default=False, kw_only=True)
    id_member: str | None = attrs.field(default=None, kw_only=True)
    gap_content: Content = attrs.field(
        default={"type": "gap"},  # type: ignore[assignment]  # it is converted
        alias="gap",
        kw_only=True,
        converter=encode_content,
    )
    max_members: int = attrs.field(default=10_000, kw_only=True, validator=gt(0))
    on_user_joined: Callable[[Room, str], object] | None = attrs.field(
        default=None, kw_only=True, validator=_function
    )
    on_user_left: Callable[[Room, str], object] | None = attrs.field(
        default=None, kw_only=True, validator=_function
    )

    def __attrs_post_init__(self) -> None:
        """Refuse options that exclude each other."""
        if self.history_seconds is not None and not self.history_size:
            raise ValueError("history_seconds limits a history: give its number of messages, too")
        if self.envelope and self.id_member is not None:
            raise ValueError("a room has either an envelope or an id_member")
        if not self.envelope:
            self.form.check(self.gap_content)

    @property
    def form(self) -> Form:
        """How its messages are sent."""
        return Form(self.envelope, self.id_member)

    # -- members ------------------------------------------------------------------------------

    def join(self, ws: Socket, *, user: str | None = None, after: str | None = None) -> Membership:
        """Let a socket get the messages of the room from now on.

        Args:
            ws: The socket. It leaves when it is closed, or by the result.
            user: Name of the user that it belongs to, for `presence`.
            after: Id of the last message that the client has. It is sent what it has missed, before
                anything else of the room; if that is not known, the gap message and all messages
                that the room has. An empty id stands for all of them; ``None`` for none.

        Returns:
            The membership, a context manager.

        Raises:
            InvalidMessage: The gap message is not as the types of the socket describe it; only in
                development and in tests, and with ``after``.
            ValueError: The socket is a member already, or the name of the user is invalid.
            RoomLimitReached: The room has as many members as it may, or the application as many
                rooms.
            RoomsMissing: There is no running application.
            WebSocketClosed: The socket is closed.

        Blocks: the calling task, while the client does not read what it has missed.
        """
        return current_rooms(self.name).join(self, ws, user=user, after=after)

    def leave(self, ws: Socket) -> None:
        """Let a socket get no more messages of the room; harmless if it is not a member."""
        current_rooms(self.name).leave(self, ws)

    def presence(self) -> Mapping[str, int]:
        """Return the users in the room, with the number of their sockets, over all workers.

        While the store of rooms is down, those of this worker.

        Blocks: the calling task, in an application with several workers.
        """
        return current_rooms(self.name).presence(self)

    # -- messages -----------------------------------------------------------------------------

    def broadcast(self, message: object, *, exclude: Socket | Collection[Socket] = ()) -> None:
        """Send a message to all members, on all workers.

        Inside of a transaction of the database, it is sent after the commit, or never.

        Args:
            message: A text, bytes, or any other value, which is sent as JSON.
            exclude: Sockets that do not get it. They get it if they resume from an earlier id.

        Raises:
            TypeError: The value cannot be encoded as JSON, or in the form of the room.
            InvalidMessage: The message is not as the types of a socket that has joined describe it;
                only in development and in tests, and for sockets of this worker.
            RoomLimitReached: The application has as many rooms as it may.
            RoomsMissing: There is no running application.

        Blocks: the calling task, in a room with many members, while they are sent messages, and
            while the queue to the store is full. It never waits for a slow member.
        """
        sockets = exclude if isinstance(exclude, Collection) else (exclude,)
        current_rooms(self.name).broadcast(self, message, sockets)

    def history(self) -> list[RoomMessage]:
        """Return the messages that the room has, oldest first.

        Blocks: the calling task, in an application with several workers, at the first use of the
            room.
        """
        return current_rooms(self.name).history(self)

    def last_id(self) -> str:
        """Return the id of the newest message.

        A page that shows the state of now puts it into its script, which connects with it: then no
        message is missing between the page and the connection.

        Blocks: as `history`.
        """
        return current_rooms(self.name).last_id(self)

    def events(self, last_event_id: str | None = None) -> Iterator[ServerSentEvent]:
        """Return the messages of the room as events, to be returned by a handler of a stream.

        Args:
            last_event_id: Value of ``Last-Event-ID``, or an id that a page has. What was missed
                comes first; if it is not known, an event ``gap`` and all messages that the room
                has. An empty id stands for all of them; ``None`` for none.

        Returns:
            Events that end when the server stops.

        Raises:
            RoomsMissing: There is no running application.
        """
        return current_rooms(self.name).events(self, last_event_id)
