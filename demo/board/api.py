"""The public API, spec first: ``openapi.yaml`` is the contract, these are its operations.

The file says paths, parameters, bodies and what they must satisfy; a handler is tied to it by its
operation's name. An operation without a handler, or a handler without an operation, keeps the
application from starting.
"""

from __future__ import annotations

import itertools
from urllib.parse import quote

import msgspec

from photon import HttpError, Json, Response, Router, UploadFile

from .dependencies import CurrentBoard, CurrentCard, CurrentStore
from .models import Attachment, Board, Card, CardDetails, Column, Move, NewComment
from .store import ColumnFull, NotFound

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
    """Return the matching cards of a board, at most ``limit``."""
    cards = store.cards(board, column=column, assignee=assignee, labels=label or ())
    return list(itertools.islice(cards, limit))


@router.operation("addCard")
def add_card(board: CurrentBoard, details: Json[CardDetails], store: CurrentStore) -> Response:
    """Add a card to a board, and return its location."""
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


@router.operation("listAttachments")
def list_attachments(card: CurrentCard, store: CurrentStore) -> list[Attachment]:
    """Return the files of a card."""
    return store.attachments(card)


@router.operation("attachToCard")
def attach_to_card(
    card: CurrentCard, file: UploadFile, store: CurrentStore, note: str = ""
) -> Response:
    """Store a file, and return its location."""
    attachment = store.attach(card, name=file.safe_name, content=file.read(), note=note)
    return Response(
        201,
        body=msgspec.json.encode(attachment),
        headers={"location": f"/api/attachments/{attachment.id}"},
        content_type="application/json",
    )


@router.operation("getAttachment")
def get_attachment(attachment_id: int, store: CurrentStore) -> Response:
    """Return a file, never to be shown as a page: its content may be of any type."""
    try:
        attachment, content = store.file(attachment_id)
    except NotFound as error:
        raise HttpError(404, str(error)) from error
    name = quote(attachment.name, safe="")
    return Response(
        body=content,
        headers={
            "content-disposition": f"attachment; filename*=UTF-8''{name}",
            "x-content-type-options": "nosniff",
        },
        content_type="application/octet-stream",
    )
