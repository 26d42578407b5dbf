"""Values for handlers: the store, an existing board or card, the current member, the newest change.

A handler names one of the aliases as the type of an argument. A request for a board or card that
does not exist is refused here, and the handler does not run. The handler and all dependencies of a
request share one store and one session.
"""

from __future__ import annotations

from typing import Annotated

from sqlalchemy.orm import Session

from photon import CurrentUser, Depends, HttpError, Param, Path, Request
from photon_router.security import Identity, identity_of

from .live import announce_change, changes
from .models import Board, Card, Member
from .store import NotFound, Store

# The database stores 64 bits, and JavaScript counts exactly to 2**53 - 1.
_Number = Annotated[int, Param(ge=1, le=2**53 - 1)]


def current_store(db: Session) -> Store:
    """Return the store of the request's session, whose changes reach all open pages."""
    return Store(db, announce=announce_change)


CurrentStore = Annotated[Store, Depends(current_store)]


def current_board(board_id: Path[_Number], store: CurrentStore) -> Board:
    """Return the board that the path names, or respond with 404."""
    try:
        return store.board(board_id)
    except NotFound as error:
        raise HttpError(404, str(error)) from error


def current_card(card_id: Path[_Number], store: CurrentStore) -> Card:
    """Return the card that the path names, or respond with 404."""
    try:
        return store.card(card_id)
    except NotFound as error:
        raise HttpError(404, str(error)) from error


def current_member(user: CurrentUser[Identity], store: CurrentStore) -> Member:
    """Return the member whose key was sent, or respond with 403 if they have left the team."""
    try:
        return store.member(user.subject)
    except NotFound as error:
        raise HttpError(403, str(error)) from error


def name_of_member(request: Request) -> str | None:
    """Return the name of the member whose key was sent, to whom the jobs of the request belong."""
    identity = identity_of(request, Identity)
    return None if identity is None else identity.subject


def current_lead(member: Annotated[Member, Depends(current_member)]) -> Member:
    """Return the current member, or respond with 403 if they do not lead the team."""
    if not member.is_lead:
        raise HttpError(403, f"{member.name} does not lead the team")
    return member


def latest_change() -> str:
    """Return the id of the newest change; first in a signature, before rows are read."""
    return changes.last_id()


LatestChange = Annotated[str, Depends(latest_change)]
CurrentBoard = Annotated[Board, Depends(current_board)]
CurrentCard = Annotated[Card, Depends(current_card)]
CurrentMember = Annotated[Member, Depends(current_member)]
CurrentLead = Annotated[Member, Depends(current_lead)]
