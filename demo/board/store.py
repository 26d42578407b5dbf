"""Boards and cards in the database, as the values of `models`.

A store belongs to one session, and so to one request: what its methods change is committed together
with everything else of that request, before the response is sent.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, selectinload, undefer

from .models import (
    Attachment,
    Board,
    BoardStatistics,
    Card,
    CardDetails,
    Column,
    Comment,
    Member,
    NewBoard,
    NewComment,
)
from .tables import AttachmentRow, BoardRow, CardRow, CommentRow, MemberRow


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


def _announce_nothing(board_id: int) -> None:
    """Announce no change, where no page can be open."""


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Store:
    """All boards of a team.

    Args:
        session: Session of the database.
        now: Returns the time, in UTC.
        announce: Called with the number of a board for each change of the board or its cards,
            within the transaction of the change.
    """

    def __init__(
        self,
        session: Session,
        *,
        now: Callable[[], datetime.datetime] = _utc_now,
        announce: Callable[[int], object] = _announce_nothing,
    ) -> None:
        """Use a session."""
        self._session = session
        self._now = now
        self._announce = announce

    # -- the team -----------------------------------------------------------------------------

    def members(self) -> list[Member]:
        """Return the team."""
        rows = self._session.scalars(select(MemberRow).order_by(MemberRow.position))
        return [Member(row.name, row.is_lead) for row in rows]

    def member(self, name: str) -> Member:
        """Return a member.

        Raises:
            NotFound: No member has the name.
        """
        row = self._session.get(MemberRow, name)
        if row is None:
            raise NotFound(f"the team has no member {name!r}")
        return Member(row.name, row.is_lead)

    def add_member(self, member: Member) -> None:
        """Add a member to the team, behind the others."""
        position = self._session.scalar(select(func.count()).select_from(MemberRow)) or 0
        self._session.add(MemberRow(name=member.name, position=position, is_lead=member.is_lead))
        self._session.flush()

    # -- boards -------------------------------------------------------------------------------

    def boards(self) -> list[Board]:
        """Return all boards, the oldest first."""
        return [
            _board(row) for row in self._session.scalars(select(BoardRow).order_by(BoardRow.id))
        ]

    def board(self, board_id: int) -> Board:
        """Return a board.

        Raises:
            NotFound: No such number exists.
        """
        return _board(self._board_row(board_id))

    def open_board(self, new: NewBoard) -> Board:
        """Open a board and return it."""
        row = BoardRow(name=new.name, limit=new.limit)
        self._session.add(row)
        self._session.flush()
        self._announce(row.id)
        return _board(row)

    def close_board(self, board: Board) -> None:
        """Remove a board with all its cards."""
        self._session.delete(self._board_row(board.id))
        self._flush(board.id)

    # -- cards --------------------------------------------------------------------------------

    def cards(
        self,
        board: Board | None = None,
        *,
        column: Column | None = None,
        assignee: str | None = None,
        labels: Sequence[str] = (),
    ) -> Iterator[Card]:
        """Iterate over the cards of a board, the oldest first.

        Args:
            board: The board; ``None`` for all boards, one after the other.
            column: Only those in this column; ``None`` for all.
            assignee: Only those of this member; ``None`` for all.
            labels: Only those that have all of these.
        """
        query = _cards()
        if board is not None:
            query = query.where(CardRow.board_id == board.id)
        if column is not None:
            query = query.where(CardRow.column == column)
        if assignee is not None:
            query = query.where(CardRow.assignee == assignee)
        for row in self._session.scalars(query):
            if set(labels) <= set(row.labels):
                yield _card(row)

    def statistics(self) -> list[BoardStatistics]:
        """Count the cards in each column of all boards, in two statements."""
        query = select(CardRow.board_id, CardRow.column, func.count())
        rows = self._session.execute(query.group_by(CardRow.board_id, CardRow.column))
        counts = {(board_id, column): count for board_id, column, count in rows}
        return [
            BoardStatistics(
                board.id,
                board.name,
                board.limit,
                **{column.value: counts.get((board.id, column), 0) for column in Column},
            )
            for board in self.boards()
        ]

    def card(self, card_id: int) -> Card:
        """Return a card.

        Raises:
            NotFound: No such number exists.
        """
        return _card(self._card_row(card_id))

    def add_card(self, board: Board, details: CardDetails) -> Card:
        """Put a new card into ``todo`` and return it."""
        row = CardRow(board_id=board.id, column=Column.TODO, created_at=self._now(), comments=[])
        _write(row, details)
        self._session.add(row)
        self._flush(board.id)
        return _card(row)

    def rewrite(self, card: Card, details: CardDetails) -> Card:
        """Replace the details of a card; it stays in its column."""
        row = self._card_row(card.id)
        _write(row, details)
        self._flush(row.board_id)
        return _card(row)

    def move(self, card: Card, column: Column) -> Card:
        """Move a card to a column.

        Raises:
            ColumnFull: The column ``doing`` is full.
        """
        row = self._card_row(card.id)
        if column is Column.DOING and row.column is not column:
            self._require_room(row.board_id)
        row.column = column
        self._flush(row.board_id)
        return _card(row)

    def comment(self, card: Card, new: NewComment) -> Card:
        """Add a comment to a card."""
        row = self._card_row(card.id)
        row.comments.append(CommentRow(author=new.author, text=new.text, written_at=self._now()))
        self._flush(row.board_id)
        return _card(row)

    def remove(self, card: Card) -> None:
        """Remove a card, with its comments and files."""
        self._session.delete(self._card_row(card.id))
        self._flush(card.board_id)

    # -- files --------------------------------------------------------------------------------

    def attach(self, card: Card, *, name: str, content: bytes, note: str = "") -> Attachment:
        """Add a file to a card and return the attachment."""
        row = AttachmentRow(
            card_id=card.id, name=name, size=len(content), note=note, content=content
        )
        self._session.add(row)
        self._flush(card.board_id)
        return _attachment(row)

    def attachments(self, card: Card) -> list[Attachment]:
        """Return the files of a card, the oldest first."""
        query = select(AttachmentRow).where(AttachmentRow.card_id == card.id)
        rows = self._session.scalars(query.order_by(AttachmentRow.id))
        return [_attachment(row) for row in rows]

    def file(self, attachment_id: int) -> tuple[Attachment, bytes]:
        """Return a file with its content.

        Raises:
            NotFound: No such number exists.
        """
        row = self._session.get(
            AttachmentRow, attachment_id, options=[undefer(AttachmentRow.content)]
        )
        if row is None:
            raise NotFound(f"file {attachment_id} does not exist")
        return _attachment(row), row.content

    # -- changes ------------------------------------------------------------------------------

    def _flush(self, board_id: int) -> None:
        """Send the changes of a board to the database, and announce them."""
        self._session.flush()
        self._announce(board_id)

    # -- rows ---------------------------------------------------------------------------------

    def _board_row(self, board_id: int) -> BoardRow:
        row = self._session.get(BoardRow, board_id)
        if row is None:
            raise NotFound(f"board {board_id} does not exist")
        return row

    def _card_row(self, card_id: int) -> CardRow:
        row = self._session.scalar(_cards().where(CardRow.id == card_id))
        if row is None:
            raise NotFound(f"card {card_id} does not exist")
        return row

    def _require_room(self, board_id: int) -> None:
        """Require room in ``doing``; the board is locked, so that no other request fills it."""
        board = self._session.get_one(BoardRow, board_id, with_for_update=True)
        in_doing = self._session.scalar(
            select(func.count()).where(CardRow.board_id == board_id, CardRow.column == Column.DOING)
        )
        if (in_doing or 0) >= board.limit:
            raise ColumnFull(_board(board))


def _cards() -> Select[CardRow]:
    """Select cards with their comments, in one further statement for all of them."""
    query = select(CardRow).order_by(CardRow.board_id, CardRow.id)
    return query.options(selectinload(CardRow.comments))


def _write(row: CardRow, details: CardDetails) -> None:
    row.title = details.title
    row.description = details.description
    row.labels = list(details.labels)
    row.assignee = details.assignee
    row.due = details.due


def _board(row: BoardRow) -> Board:
    return Board(row.id, row.name, row.limit)


def _card(row: CardRow) -> Card:
    return Card(
        id=row.id,
        board_id=row.board_id,
        column=row.column,
        title=row.title,
        description=row.description,
        labels=tuple(row.labels),
        assignee=row.assignee,
        due=row.due,
        created_at=row.created_at,
        comments=tuple(Comment(each.author, each.text, each.written_at) for each in row.comments),
    )


def _attachment(row: AttachmentRow) -> Attachment:
    return Attachment(row.id, row.card_id, row.name, row.size, row.note)
