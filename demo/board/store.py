"""Boards and cards in memory.

No method waits, so no other coroutine can run in the middle of one: every change is
atomic, without a lock. The objects are frozen; a change replaces them, and an old object keeps its
values.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Iterator, Sequence

import attrs

from .models import (
    Attachment,
    Board,
    Card,
    CardDetails,
    Column,
    Comment,
    Member,
    NewBoard,
    NewComment,
)


class NotFound(LookupError):
    """The board, card, file or member does not exist."""


class ColumnFull(Exception):
    """A board has as many cards in ``doing`` as it allows.

    Attributes:
        board: The board.
    """

    def __init__(self, board: Board) -> None:
        """Create the error for a board."""
        super().__init__(f"{board.name} allows {board.limit} in doing: finish a card first")
        self.board = board


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Store:
    """All boards of a team.

    Args:
        members: The team.
        now: Returns the time, in UTC.
    """

    def __init__(
        self,
        members: Sequence[Member] = (),
        *,
        now: Callable[[], datetime.datetime] = _utc_now,
    ) -> None:
        """Begin without boards."""
        self._members = {member.name: member for member in members}
        self._now = now
        self._boards: dict[int, Board] = {}
        self._cards: dict[int, Card] = {}
        self._board_ids = itertools.count(1)
        self._card_ids = itertools.count(1)
        self._files: dict[int, tuple[Attachment, bytes]] = {}
        self._file_ids = itertools.count(1)

    # -- the team -----------------------------------------------------------------------------

    def members(self) -> list[Member]:
        """Return the team."""
        return list(self._members.values())

    def member(self, name: str) -> Member:
        """Return a member.

        Raises:
            NotFound: No member has the name.
        """
        if name not in self._members:
            raise NotFound(f"the team has no member {name!r}")
        return self._members[name]

    # -- boards -------------------------------------------------------------------------------

    def boards(self) -> list[Board]:
        """Return all boards, the oldest first."""
        return list(self._boards.values())

    def board(self, board_id: int) -> Board:
        """Return a board.

        Raises:
            NotFound: No such number exists.
        """
        if board_id not in self._boards:
            raise NotFound(f"board {board_id} does not exist")
        return self._boards[board_id]

    def open_board(self, new: NewBoard) -> Board:
        """Open a board and return it."""
        board = Board(next(self._board_ids), new.name, new.limit)
        self._boards[board.id] = board
        return board

    def close_board(self, board: Board) -> None:
        """Remove a board with all its cards."""
        del self._boards[board.id]
        for card in list(self.cards(board)):
            self.remove(card)

    # -- cards --------------------------------------------------------------------------------

    def cards(
        self,
        board: Board,
        *,
        column: Column | None = None,
        assignee: str | None = None,
        labels: Sequence[str] = (),
    ) -> Iterator[Card]:
        """Iterate over the cards of a board, the oldest first.

        Args:
            board: The board.
            column: Only those in this column; ``None`` for all.
            assignee: Only those of this member; ``None`` for all.
            labels: Only those that have all of these.
        """
        for card in list(self._cards.values()):
            if card.board_id != board.id:
                continue
            if column is not None and card.column is not column:
                continue
            if assignee is not None and card.assignee != assignee:
                continue
            if set(labels) <= set(card.labels):
                yield card

    def card(self, card_id: int) -> Card:
        """Return a card.

        Raises:
            NotFound: No such number exists.
        """
        if card_id not in self._cards:
            raise NotFound(f"card {card_id} does not exist")
        return self._cards[card_id]

    def add_card(self, board: Board, details: CardDetails) -> Card:
        """Put a new card into ``todo`` and return it."""
        card = Card(
            id=next(self._card_ids),
            board_id=board.id,
            column=Column.TODO,
            title=details.title,
            created_at=self._now(),
        )
        return self.rewrite(card, details)

    def rewrite(self, card: Card, details: CardDetails) -> Card:
        """Replace the details of a card; it stays in its column."""
        rewritten = attrs.evolve(
            card,
            title=details.title,
            description=details.description,
            labels=details.labels,
            assignee=details.assignee,
            due=details.due,
        )
        return self._replace(rewritten)

    def move(self, card: Card, column: Column) -> Card:
        """Move a card to a column.

        Raises:
            ColumnFull: The column ``doing`` is full.
        """
        if column is Column.DOING and card.column is not column:
            board = self.board(card.board_id)
            if len(list(self.cards(board, column=column))) >= board.limit:
                raise ColumnFull(board)
        return self._replace(attrs.evolve(card, column=column))

    def comment(self, card: Card, new: NewComment) -> Card:
        """Add a comment to a card."""
        comment = Comment(new.author, new.text, self._now())
        return self._replace(attrs.evolve(card, comments=(*card.comments, comment)))

    def remove(self, card: Card) -> None:
        """Remove a card, with its files."""
        del self._cards[card.id]
        for attachment in self.attachments(card):
            del self._files[attachment.id]

    # -- files --------------------------------------------------------------------------------

    def attach(self, card: Card, *, name: str, content: bytes, note: str = "") -> Attachment:
        """Add a file to a card and return the attachment."""
        attachment = Attachment(next(self._file_ids), card.id, name, len(content), note)
        self._files[attachment.id] = attachment, content
        return attachment

    def attachments(self, card: Card) -> list[Attachment]:
        """Return the files of a card, the oldest first."""
        return [each for each, _ in self._files.values() if each.card_id == card.id]

    def file(self, attachment_id: int) -> tuple[Attachment, bytes]:
        """Return a file with its content.

        Raises:
            NotFound: No such number exists.
        """
        if attachment_id not in self._files:
            raise NotFound(f"file {attachment_id} does not exist")
        return self._files[attachment_id]

    # -- private ------------------------------------------------------------------------------

    def _replace(self, card: Card) -> Card:
        self._cards[card.id] = card
        return card
