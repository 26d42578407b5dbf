"""What the log of a room consists of, and the ids by which clients name a position in it."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

import attrs

Kind: TypeAlias = Literal["text", "bytes", "json", "gap"]
"""What a payload is: UTF-8 text, bytes, JSON, or, for ``gap``, the number of lost messages."""

_ID = re.compile(r"([0-9a-z]{1,32})-(\d{1,15})(?:~([0-9a-z]{1,32})\.(\d{1,15}))?")


@attrs.frozen
class Record:
    """A message on its way to the log of its room.

    Attributes:
        origin: Name of the run of an application that sends it: 16 lower-case letters and digits.
        sequence: A number that increases with each message of the origin, with holes.
        kind: What the payload is.
        payload: The message.
    """

    origin: str
    sequence: int
    kind: Kind
    payload: bytes


@attrs.frozen
class Entry:
    """A message in the log of its room.

    Attributes:
        position: Its number in the log. The numbers of a log begin with 1 and have no holes.
        time: When it was appended, by the clock of the store, in seconds since 1970.
        origin: As in `Record`.
        sequence: As in `Record`.
        kind: As in `Record`.
        payload: As in `Record`.
    """

    position: int
    time: float
    origin: str
    sequence: int
    kind: Kind
    payload: bytes


@attrs.frozen
class MessageId:
    """The id of a message: what its reader has seen of a room.

    Attributes:
        epoch: Name of the life of the log; a log that has lost its entries has another one.
        position: Position up to which the reader has seen everything.
        ahead: Origin and sequence up to which the reader has also seen the messages of one origin
            that have no position yet, because the store was down; see `_room_state`.
    """

    epoch: str
    position: int
    ahead: tuple[str, int] | None = None

    def __str__(self) -> str:
        """Return the id as clients know it."""
        text = f"{self.epoch}-{self.position}"
        return text if self.ahead is None else f"{text}~{self.ahead[0]}.{self.ahead[1]}"

    @classmethod
    def parse(cls, text: str) -> MessageId | None:
        """Return the id that a client has sent; ``None`` for any other text."""
        match = _ID.fullmatch(text)
        if match is None or not text.isascii():
            return None
        ahead = None if match[3] is None else (match[3], int(match[4]))
        return cls(match[1], int(match[2]), ahead)
