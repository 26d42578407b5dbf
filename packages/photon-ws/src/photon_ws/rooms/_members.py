"""`Members`: the sockets of a room, grouped so that a message is encoded as seldom as possible.

Theory of operation. The cost of a broadcast is that of its inner loop, so the loop consists of one
bound method and one call for each member: `Connection.post`, which never waits, and deals with a
slow reader by the policy of the room. Members that have negotiated the same compression share one
frame. The list that the loop runs over is made after a change of the members and not for each
message; a member that leaves during the loop is on the list and its post does nothing.

Many sends in a row would let other tasks wait: after each slice of `SLICE` members the broadcast
yields its turn, and the hub polls. The caller keeps the order of messages, see `_room_state`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Literal, Protocol, TypeAlias

from photon_runtime.slices import SLICE, yield_to_events

from ..protocol import Deflater

Slow: TypeAlias = Literal["disconnect", "drop_oldest", "drop_newest"]
"""What happens to a member whose queue is full."""

Post: TypeAlias = Callable[[bytes, Slow], bool]
MessageCheck: TypeAlias = Callable[[str | bytes], None]
"""Raises an error for a message that a socket does not send."""
Encode: TypeAlias = Callable[[Deflater | None], bytes]
"""Returns the frame of a message for the members with a compressor."""


class Member(Protocol):
    """What a room needs of a socket."""

    @property
    def deflater(self) -> Deflater | None:
        """Compresses messages for it; equal for members that can share a frame."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        ...

    def post(self, frame: bytes, slow: Slow) -> bool:
        """Send a frame without waiting; return ``False`` if it was dropped."""
        ...

    def send(self, message: str | bytes) -> None:
        """Send a message, waiting for the client."""

    def on_close(self, callback: Callable[[], object]) -> None:
        """Call a function when the socket is closed; at once if it is."""

    def forget_on_close(self, callback: Callable[[], object]) -> None:
        """End what `on_close` began."""

    def closed_error(self) -> Exception:
        """Return the error for a socket that is closed."""
        ...


class Socket(Protocol):
    """A `PhotonWebSocket`, or an object with such a connection."""

    @property
    def connection(self) -> Member:
        """Its connection, which is the member of rooms."""
        ...

    @property
    def message_check(self) -> MessageCheck | None:
        """Refuses messages that it does not send, in development; ``None`` for any messages."""
        ...


class Members:
    """The members of a room."""

    __slots__ = ("_changes", "_groups", "_lists")

    def __init__(self) -> None:
        """Begin without members."""
        self._groups: dict[Deflater | None, dict[Member, Post]] = {}
        self._lists: list[tuple[Deflater | None, list[Post]]] | None = None
        self._changes = 0

    def __len__(self) -> int:
        """Return the number of members."""
        return sum(map(len, self._groups.values()))

    def __contains__(self, member: Member) -> bool:
        """Return whether a socket is a member."""
        return member in self._groups.get(member.deflater, ())

    def add(self, member: Member) -> None:
        """Add a member."""
        self._groups.setdefault(member.deflater, {})[member] = member.post
        self._lists = None
        self._changes += 1

    def remove(self, member: Member) -> None:
        """Remove a member, if it is one."""
        group = self._groups.get(member.deflater)
        if group is not None and group.pop(member, None) is not None:
            self._lists = None
            self._changes += 1
            if not group:
                del self._groups[member.deflater]

    def post(self, encode: Encode, slow: Slow, exclude: Collection[Member] = ()) -> int:
        """Send a message to all members in one turn.

        Returns:
            Number of members that did not get it.
        """
        failed = 0
        for deflater, posts in self._all_posts() if not exclude else self._posts_except(exclude):
            frame = encode(deflater)
            for post in posts:
                if not post(frame, slow):
                    failed += 1
        return failed

    def post_in_slices(self, encode: Encode, slow: Slow, exclude: Collection[Member] = ()) -> int:
        """Send a message to all members, and let other tasks run in between.

        A member that leaves in between does not get it; nor does one that joins, which has taken it
        from the log if it resumes.

        Returns:
            Number of members that did not get it.

        Blocks: the calling task, for its next turns.
        """
        failed = since_turn = 0
        changes = self._changes
        lists = [*self._posts_except(exclude)] if exclude else self._all_posts()
        for deflater, posts in lists:
            frame = encode(deflater)
            for start in range(0, len(posts), SLICE):
                part = posts[start : start + SLICE]
                if self._changes != changes:
                    part = self._current(deflater, part)
                for post in part:
                    if not post(frame, slow):
                        failed += 1
                since_turn += len(part)
                if since_turn >= SLICE:
                    yield_to_events()
                    since_turn = 0
        return failed

    def _current(self, deflater: Deflater | None, posts: list[Post]) -> list[Post]:
        """Return those whose members have not left; one that has joined again has another post."""
        current = {id(post) for post in self._groups.get(deflater, {}).values()}
        return [post for post in posts if id(post) in current]

    def _all_posts(self) -> list[tuple[Deflater | None, list[Post]]]:
        if self._lists is None:
            groups = self._groups.items()
            self._lists = [(deflater, [*group.values()]) for deflater, group in groups]
        return self._lists

    def _posts_except(
        self, exclude: Collection[Member]
    ) -> Iterator[tuple[Deflater | None, list[Post]]]:
        for deflater, group in [*self._groups.items()]:
            yield deflater, [post for member, post in group.items() if member not in exclude]
