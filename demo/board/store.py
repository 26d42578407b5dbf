"""Boards and cards in memory.

Nothing in here waits, so no other coroutine can run in the middle of a method: every change is
whole, without a lock. The objects are frozen; a change replaces them, and who holds an old one
keeps what he read.
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
    """There is no such board, card, file or member."""


class ColumnFull(Exception):
    """A board has as many cards in ``doing`` as it allows.

    Attributes:
        board: The board.
    """

    def __init__(self, board: Board) -> None:
        """Keep the board."""
        super().__init__(f"{board.name} allows {board.limit} in doing: finish a card first")
        self.board = board


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Store:
    """All boards of a team.

    Args:
        members: The team.
        now: Gives the time, in UTC.
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
            NotFound: Nobody has the name.
        """
        if name not in self._members:
            raise NotFound(f"nobody in the team is called {name!r}")
        return self._members[name]

    # -- boards -------------------------------------------------------------------------------

    def boards(self) -> list[Board]:
        """Return all boards, the oldest first."""
        return list(self._boards.values())

    def board(self, board_id: int) -> Board:
        """Return a board.

        Raises:
            NotFound: There is none with the number.
        """
        if board_id not in self._boards:
            raise NotFound(f"there is no board {board_id}")
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
            NotFound: There is none with the number.
        """
        if card_id not in self._cards:
            raise NotFound(f"there is no card {card_id}")
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
        """Replace what is written on a card; it stays where it is."""
        rewritten = attrs.evolve(
            card,
            title=details.title,
            description=details.description,
            labels=details.labels,
            assignee=details.assignee,
            due=details.due,
        )
        return self._keep(rewritten)

    def move(self, card: Card, column: Column) -> Card:
        """Move a card to a column.

        Raises:
            ColumnFull: There is no room in ``doing``.
        """
        if column is Column.DOING and card.column is not column:
            board = self.board(card.board_id)
            if len(list(self.cards(board, column=column))) >= board.limit:
                raise ColumnFull(board)
        return self._keep(attrs.evolve(card, column=column))

    def comment(self, card: Card, new: NewComment) -> Card:
        """Add a comment to a card."""
        comment = Comment(new.author, new.text, self._now())
        return self._keep(attrs.evolve(card, comments=(*card.comments, comment)))

    def remove(self, card: Card) -> None:
        """Throw a card away, with its files."""
        del self._cards[card.id]
        for attachment in self.attachments(card):
            del self._files[attachment.id]

    # -- files --------------------------------------------------------------------------------

    def attach(self, card: Card, *, name: str, content: bytes, note: str = "") -> Attachment:
        """Put a file to a card and return what was kept."""
        attachment = Attachment(next(self._file_ids), card.id, name, len(content), note)
        self._files[attachment.id] = attachment, content
        return attachment

    def attachments(self, card: Card) -> list[Attachment]:
        """Return the files of a card, the oldest first."""
        return [kept for kept, _ in self._files.values() if kept.card_id == card.id]

    def file(self, attachment_id: int) -> tuple[Attachment, bytes]:
        """Return a file with its content.

        Raises:
            NotFound: There is none with the number.
        """
        if attachment_id not in self._files:
            raise NotFound(f"there is no file {attachment_id}")
        return self._files[attachment_id]

    # -- within -------------------------------------------------------------------------------

    def _keep(self, card: Card) -> Card:
        self._cards[card.id] = card
        return card
