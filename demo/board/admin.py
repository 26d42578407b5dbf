"""Routes for the people who run the board, code first: the signatures are the contract.

The application that includes them sets the credentials; every handler has the current member.
"""

from __future__ import annotations

from collections import Counter

from photon import Json, Router

from .dependencies import CurrentBoard, CurrentLead, CurrentMember, CurrentStore
from .models import Board, BoardStatistics, Column, NewBoard
from .store import Store

router = Router(prefix="/admin", tags=["admin"])
_FORBIDDEN = {403: "The member with this key may not do this."}


@router.get("/boards", responses=_FORBIDDEN)
def board_statistics(store: CurrentStore, member: CurrentMember) -> list[BoardStatistics]:
    """Count the cards of all boards.

    Every member of the team may do this, with a key such as `the-key-of-grace-in-the-demo`.
    """
    return [_statistics(store, board) for board in store.boards()]


@router.post("/boards", status=201, responses=_FORBIDDEN)
def open_board(new: Json[NewBoard], store: CurrentStore, lead: CurrentLead) -> BoardStatistics:
    """Open a board.

    Only leads of the team may do this, such as `ada`.
    """
    return _statistics(store, store.open_board(new))


@router.delete("/boards/{board_id}", responses=_FORBIDDEN | {404: "The board does not exist."})
def close_board(board: CurrentBoard, store: CurrentStore, lead: CurrentLead) -> None:
    """Close a board and remove its cards.

    Only leads of the team may do this, such as `ada`.
    """
    store.close_board(board)


def _statistics(store: Store, board: Board) -> BoardStatistics:
    cards = Counter(card.column for card in store.cards(board))
    counts = {column.value: cards[column] for column in Column}
    return BoardStatistics(board.id, board.name, board.limit, **counts)
