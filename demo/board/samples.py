"""The boards that a new database begins with, as an example."""

from __future__ import annotations

import datetime

from sqlalchemy.orm import Session

from .models import CardDetails, Column, Member, NewBoard, NewComment
from .store import Store

_TEAM = (Member("ada", is_lead=True), Member("grace"), Member("linus"), Member("margaret"))
SAMPLE_KEYS = {member.name: f"the-key-of-{member.name}-in-the-demo" for member in _TEAM}
"""Public, for the demo only; a real application reads them from its settings."""


def add_samples(session: Session) -> None:
    """Add a team, two boards and some cards, unless there is a team already.

    ``photon db seed`` calls it; the changes are committed by the caller.
    """
    store = Store(session)
    if store.members():
        return
    for member in _TEAM:
        store.add_member(member)
    _open_website(store)
    _open_garden(store)


def _open_website(store: Store) -> None:
    board = store.open_board(NewBoard("Website", limit=3))
    store.add_card(board, CardDetails(title="Write the imprint", labels=("text",)))
    store.add_card(
        board,
        CardDetails(
            title="Choose the photographs",
            description="Six are enough; ask for permission.",
            labels=("design",),
            assignee="margaret",
        ),
    )
    search = store.add_card(
        board,
        CardDetails(
            title="Search finds nothing with umlauts",
            labels=("bug", "urgent"),
            assignee="grace",
            due=datetime.date(2027, 3, 1),
        ),
    )
    search = store.comment(search, NewComment("ada", "It worked before the last release."))
    store.move(search, Column.DOING)
    footer = store.add_card(board, CardDetails(title="Mend the footer", assignee="linus"))
    store.move(footer, Column.DONE)


def _open_garden(store: Store) -> None:
    board = store.open_board(NewBoard("Garden", limit=1))
    store.add_card(board, CardDetails(title="Order seeds", assignee="ada"))
    hedge = store.add_card(board, CardDetails(title="Cut the hedge", assignee="margaret"))
    store.move(hedge, Column.DOING)
