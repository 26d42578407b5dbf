"""Reports: a response that takes time, and one that is sent while it is made."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Annotated

import attrs

from photon import HttpError, Param, Query, Response, Router, deadline, scope, sleep
from photon_runtime import DeadlineExceeded

from .calendars import free_hours
from .dependencies import CurrentStore
from .models import Column
from .store import Store

router = Router(prefix="/reports", tags=["reports"])

PATIENCE = 2.0
"""Seconds that the calendars have to respond."""

_Delay = Annotated[float, Param(ge=0, le=10, description="Seconds until each calendar responds.")]
_Pace = Annotated[float, Param(ge=0, le=10, description="Seconds to wait before each row.")]


@attrs.frozen
class Workload:
    """The open work of a member, and the time for it.

    Attributes:
        member: The name of the member.
        open_cards: The number of their cards that are not done.
        free_hours: The free hours of their calendar this week.
    """

    member: str
    open_cards: int
    free_hours: int


@router.get("/workload", responses={504: "The calendars took too long."})
def workload(store: CurrentStore, delay: Query[_Delay] = 0.5) -> list[Workload]:
    """Query the calendars of all members at the same time.

    The response takes as long as one calendar, for any number of members. The time limit is two
    seconds.
    """
    try:
        with deadline(PATIENCE), scope() as calls:
            hours = {
                member.name: calls.spawn(free_hours, member.name, delay=delay)
                for member in store.members()
            }
    except DeadlineExceeded as error:
        raise HttpError(504, f"the calendars took longer than {PATIENCE:g} s") from error
    open_cards = [card for card in store.cards() if card.column is not Column.DONE]
    return [
        Workload(name, sum(card.assignee == name for card in open_cards), task.result())
        for name, task in hours.items()
    ]


_CSV = {200: {"description": "One row for each card.", "content": {"text/csv": {}}}}


@router.get("/cards.csv", responses=_CSV)
def cards_csv(store: CurrentStore, pace: Query[_Pace] = 0.0) -> Response:
    """List the cards of all boards as CSV.

    Each row is sent when it is ready: with a pace of half a second, you can watch them arrive.
    """
    return Response(body=_rows(store, pace=pace), content_type="text/csv; charset=utf-8")


def _rows(store: Store, *, pace: float) -> Iterator[bytes]:
    yield _row("board", "card", "title", "column", "assignee")
    for card in list(store.cards()):  # a slow client must not hold the rows of a query
        sleep(pace)
        yield _row(card.board_id, card.id, card.title, card.column, card.assignee)


def _row(*fields: object) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(fields)
    return line.getvalue().encode()
