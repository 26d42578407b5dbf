"""Routes for the people who run the board, code first: the signatures are the contract.

The application that includes them sets the credentials; every handler has the current member.
"""

from __future__ import annotations

from photon import Accepted, Json, Router
from photon.jobs import jobs_belong_to

from .dependencies import CurrentBoard, CurrentLead, CurrentMember, CurrentStore, name_of_member
from .jobs import mail_cards
from .models import BoardStatistics, NewBoard

router = Router(prefix="/admin", tags=["admin"], middleware=[jobs_belong_to(name_of_member)])
_FORBIDDEN = {403: "The member with this key may not do this."}


@router.get("/boards", responses=_FORBIDDEN)
def board_statistics(store: CurrentStore, member: CurrentMember) -> list[BoardStatistics]:
    """Count the cards of all boards.

    Every member of the team may do this, with a key such as `the-key-of-grace-in-the-demo`.
    """
    return store.statistics()


@router.post("/boards", status=201, responses=_FORBIDDEN)
def open_board(new: Json[NewBoard], store: CurrentStore, lead: CurrentLead) -> BoardStatistics:
    """Open a board.

    Only leads of the team may do this, such as `ada`.
    """
    board = store.open_board(new)
    return BoardStatistics(board.id, board.name, board.limit, todo=0, doing=0, done=0)


@router.post("/boards/{board_id}/mail", responses=_FORBIDDEN | {404: "The board does not exist."})
def request_cards(board: CurrentBoard, member: CurrentMember) -> Accepted:
    """Mail the cards of a board to the member.

    The job can be followed at the `Location` of the response, with the same key.
    """
    return Accepted(mail_cards.enqueue(board.id, member.name))


@router.delete("/boards/{board_id}", responses=_FORBIDDEN | {404: "The board does not exist."})
def close_board(board: CurrentBoard, store: CurrentStore, lead: CurrentLead) -> None:
    """Close a board and remove its cards.

    Only leads of the team may do this, such as `ada`.
    """
    store.close_board(board)
