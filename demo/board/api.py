"""The public API, spec first: ``openapi.yaml`` is the contract, these are its operations.

The file says paths, parameters, bodies and what they must satisfy; a handler is tied to it by its
operation's name. An operation without a handler, or a handler without an operation, keeps the
application from starting.
"""

from __future__ import annotations

import itertools

import msgspec

from photon import HttpError, Json, Response, Router

from .dependencies import CurrentBoard, CurrentCard, CurrentStore
from .models import Board, Card, CardDetails, Column, Move, NewComment
from .store import ColumnFull

router = Router()


@router.operation("listBoards")
def list_boards(store: CurrentStore) -> list[Board]:
    """Return all boards."""
    return store.boards()


@router.operation("getBoard")
def get_board(board: CurrentBoard) -> Board:
    """Return one board."""
    return board


@router.operation("listCards")
def list_cards(
    board: CurrentBoard,
    store: CurrentStore,
    *,
    column: Column | None = None,
    assignee: str | None = None,
    label: list[str] | None = None,
    limit: int = 50,
) -> list[Card]:
    """Return the cards of a board that fit, at most ``limit``."""
    found = store.cards(board, column=column, assignee=assignee, labels=label or ())
    return list(itertools.islice(found, limit))


@router.operation("addCard")
def add_card(board: CurrentBoard, details: Json[CardDetails], store: CurrentStore) -> Response:
    """Put a new card on a board, and say where it is."""
    card = store.add_card(board, details)
    return Response(
        201,
        body=msgspec.json.encode(card),
        headers={"location": f"/api/cards/{card.id}"},
        content_type="application/json",
    )


@router.operation("getCard")
def get_card(card: CurrentCard) -> Card:
    """Return one card."""
    return card


@router.operation("rewriteCard")
def rewrite_card(card: CurrentCard, details: Json[CardDetails], store: CurrentStore) -> Card:
    """Replace what is written on a card."""
    return store.rewrite(card, details)


@router.operation("removeCard")
def remove_card(card: CurrentCard, store: CurrentStore) -> None:
    """Throw a card away."""
    store.remove(card)


@router.operation("moveCard")
def move_card(card: CurrentCard, move: Json[Move], store: CurrentStore) -> Card:
    """Move a card to another column."""
    try:
        return store.move(card, move.column)
    except ColumnFull as error:
        raise HttpError(
            409, str(error), title="Column Full", extensions={"limit": error.board.limit}
        ) from error


@router.operation("commentCard")
def comment_card(card: CurrentCard, comment: Json[NewComment], store: CurrentStore) -> Card:
    """Add a comment to a card."""
    return store.comment(card, comment)
