"""Routes for the people who run the board, code first: the signatures are the contract.

Who includes them says who may call them; every handler is given the member who does.
"""

from __future__ import annotations

from collections import Counter

from photon import Json, Router

from .dependencies import CurrentBoard, CurrentLead, CurrentMember, CurrentStore
from .models import Board, BoardStatistics, Column, NewBoard
from .store import Store

router = Router(prefix="/admin", tags=["admin"])
_FORBIDDEN = {403: "The key is that of nobody who may do this."}


@router.get("/boards", responses=_FORBIDDEN)
def board_statistics(store: CurrentStore, member: CurrentMember) -> list[BoardStatistics]:
    """Count the cards of all boards.

    Whoever is of the team may ask, with a key such as `the-key-of-grace-in-the-demo`.
    """
    return [_statistics(store, board) for board in store.boards()]


@router.post("/boards", status=201, responses=_FORBIDDEN)
def open_board(new: Json[NewBoard], store: CurrentStore, lead: CurrentLead) -> BoardStatistics:
    """Open a board.

    That is for those who lead the team, such as `ada`.
    """
    return _statistics(store, store.open_board(new))


@router.delete("/boards/{board_id}", responses=_FORBIDDEN | {404: "There is no such board."})
def close_board(board: CurrentBoard, store: CurrentStore, lead: CurrentLead) -> None:
    """Close a board and throw its cards away.

    That is for those who lead the team, such as `ada`.
    """
    store.close_board(board)


def _statistics(store: Store, board: Board) -> BoardStatistics:
    found = Counter(card.column for card in store.cards(board))
    counts = {column.value: found[column] for column in Column}
    return BoardStatistics(board.id, board.name, board.limit, **counts)
