"""Boards and cards, and the bodies that clients send to change them."""

from __future__ import annotations

import datetime
import enum

import attrs
from attrs.validators import ge, le, max_len, min_len


class Column(enum.StrEnum):
    """The progress of a card."""

    TODO = "todo"
    DOING = "doing"
    DONE = "done"


@attrs.frozen
class Board:
    """The work of one team.

    Attributes:
        id: Its number.
        name: Its name.
        limit: How many cards may be in ``doing`` at once.
    """

    id: int
    name: str
    limit: int


@attrs.frozen
class Comment:
    """A comment on a card."""

    author: str
    text: str
    written_at: datetime.datetime


@attrs.frozen(kw_only=True)
class CardDetails:
    """The text and the details of a card."""

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
        column: Its progress.
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
    """A comment that a client sends."""

    author: str
    text: str


@attrs.frozen
class Attachment:
    """A file that belongs to a card.

    Attributes:
        id: Its number, over all cards.
        card_id: The card that it belongs to.
        name: The name that the client sent, safe for a folder.
        size: Bytes.
        note: A note on it.
    """

    id: int
    card_id: int
    name: str
    size: int
    note: str = ""


@attrs.frozen
class Move:
    """The new column of a card."""

    column: Column


@attrs.frozen
class NewBoard:
    """A board that a client opens.

    Attributes:
        name: Its name.
        limit: How many cards may be in ``doing`` at once.
    """

    name: str = attrs.field(validator=[min_len(1), max_len(60)])
    limit: int = attrs.field(default=3, validator=[ge(1), le(20)])


@attrs.frozen
class BoardStatistics:
    """The number of cards in each column of a board."""

    id: int
    name: str
    limit: int
    todo: int
    doing: int
    done: int


@attrs.frozen
class Member:
    """A member of the team.

    Attributes:
        name: The name in the assignee of cards.
        is_lead: Whether they may open and close boards.
    """

    name: str
    is_lead: bool = False
