"""Values for handlers: the store, an existing board or card, the current member.

A handler names one of the aliases as the type of an argument. A request for a board or card that
does not exist is refused here, and the handler does not run.

The store belongs to one application. Its middleware puts it into the state of each request, from
which `current_store` returns it; no data is at module level, so two applications in one process
do not share any.
"""

from __future__ import annotations

from typing import Annotated, cast

from photon import CurrentUser, Depends, HttpError, Path, Request, Response
from photon_router.security import Identity
from photon_runtime.http import Handler

from .models import Board, Card, Member
from .store import NotFound, Store

_KEY = "board.store"


class StoreMiddleware:
    """Adds an application's store to its requests."""

    def __init__(self, store: Store) -> None:
        """Create the middleware of a store."""
        self._store = store

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Handle the request with the store in its state."""
        request.state[_KEY] = self._store
        return call_next(request)


def current_store(request: Request) -> Store:
    """Return the application's store."""
    return cast(Store, request.state[_KEY])


CurrentStore = Annotated[Store, Depends(current_store)]


def current_board(board_id: Path[int], store: CurrentStore) -> Board:
    """Return the board that the path names, or respond with 404."""
    try:
        return store.board(board_id)
    except NotFound as error:
        raise HttpError(404, str(error)) from error


def current_card(card_id: Path[int], store: CurrentStore) -> Card:
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


def current_lead(member: Annotated[Member, Depends(current_member)]) -> Member:
    """Return the current member, or respond with 403 if they do not lead the team."""
    if not member.is_lead:
        raise HttpError(403, f"{member.name} does not lead the team")
    return member


CurrentBoard = Annotated[Board, Depends(current_board)]
CurrentCard = Annotated[Card, Depends(current_card)]
CurrentMember = Annotated[Member, Depends(current_member)]
CurrentLead = Annotated[Member, Depends(current_lead)]
