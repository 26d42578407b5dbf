"""What there is on a board, and what clients send to change it."""

from __future__ import annotations

import datetime
import enum

import attrs
from attrs.validators import ge, le, max_len, min_len


class Column(enum.StrEnum):
    """How far a card has come."""

    TODO = "todo"
    DOING = "doing"
    DONE = "done"


@attrs.frozen
class Board:
    """What one team works on.

    Attributes:
        id: Its number.
        name: What the team calls it.
        limit: How many cards may be in ``doing`` at once.
    """

    id: int
    name: str
    limit: int


@attrs.frozen
class Comment:
    """Something that somebody said about a card."""

    author: str
    text: str
    written_at: datetime.datetime


@attrs.frozen(kw_only=True)
class CardDetails:
    """What people write on a card."""

    title: str
    description: str = ""
    labels: tuple[str, ...] = ()
    assignee: str | None = None
    due: datetime.date | None = None


@attrs.frozen(kw_only=True)
class Card(CardDetails):
    """A piece of work.

    Attributes:
        id: Its number, over all boards.
        board_id: The board that it is on.
        column: How far it has come.
        created_at: When it was written, in UTC.
        comments: The oldest first.
    """

    id: int
    board_id: int
    column: Column
    created_at: datetime.datetime
    comments: tuple[Comment, ...] = ()


@attrs.frozen
class NewComment:
    """A comment on its way in."""

    author: str
    text: str


@attrs.frozen
class Attachment:
    """A file that belongs to a card.

    Attributes:
        id: Its number, over all cards.
        card_id: The card that it belongs to.
        name: The name that it was sent with, made fit for a folder.
        size: Bytes.
        note: What somebody said about it.
    """

    id: int
    card_id: int
    name: str
    size: int
    note: str = ""


@attrs.frozen
class Move:
    """Where a card shall go."""

    column: Column


@attrs.frozen
class NewBoard:
    """A board that shall be opened.

    Attributes:
        name: What the team calls it.
        limit: How many cards may be in ``doing`` at once.
    """

    name: str = attrs.field(validator=[min_len(1), max_len(60)])
    limit: int = attrs.field(default=3, validator=[ge(1), le(20)])


@attrs.frozen
class BoardStatistics:
    """How many cards a board has in each column."""

    id: int
    name: str
    limit: int
    todo: int
    doing: int
    done: int


@attrs.frozen
class Member:
    """Somebody of the team.

    Attributes:
        name: As cards name their assignee.
        is_lead: Whether they may open and close boards.
    """

    name: str
    is_lead: bool = False
