"""The pages for people: boards, cards, and the forms that change them.

The forms work without scripts. A form that is not valid is shown again by the handler it was sent
to, with the errors beside the fields and with what was typed.

Open pages follow the changes of others by a script (`static/live.js`), which loads the block
`content` again. The id of the newest change is taken before the rows are read, so that no change is
lost in between (see `live`).
"""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Literal

import attrs
from attrs.validators import max_len, min_len

from photon import Html, Param, Redirect, Request, Router, Submitted
from photon_runtime import speedups
from photon_templates import flash, html_form, render_template
from photon_templates.forms import HtmlForm

from .dependencies import CurrentBoard, CurrentCard, CurrentStore, LatestChange
from .jobs import mail_cards, remind
from .models import Card, CardDetails, Column, NewComment
from .store import ColumnFull, Store

router = Router(include_in_schema=False)

REMINDER_DELAY = 20.0
"""Seconds before each reminder; in an application of your own these are days."""

HEADINGS = {Column.TODO: "To do", Column.DOING: "Doing", Column.DONE: "Done"}


@attrs.frozen(kw_only=True)
class CardForm:
    """The fields of a new card.

    Attributes:
        title: What is to be done.
        description: More about it.
        labels: Words separated by commas.
        assignee: A member of the team; ``None`` for a card that is not assigned.
    """

    title: str = attrs.field(validator=[min_len(1), max_len(200)])
    description: Annotated[str, Param(max_length=4000)] = ""
    labels: Annotated[str, Param(max_length=200)] = ""
    assignee: str | None = None


@attrs.frozen
class CommentForm:
    """The fields of a comment."""

    author: str
    text: str = attrs.field(validator=[min_len(1), max_len(1000)])


@attrs.frozen
class MoveForm:
    """The button that was pressed below a card."""

    column: Literal["todo", "doing", "done"]


@router.get("/")
def home(latest: LatestChange, store: CurrentStore) -> Html:
    """Show all boards."""
    cards: dict[int, list[Card]] = defaultdict(list)
    for card in store.cards():
        cards[card.board_id].append(card)
    return render_template(
        "home.html",
        boards=store.boards(),
        cards=cards,
        headings=HEADINGS,
        latest=latest,
        fragment="content",
    )


@router.get("/about")
def about(request: Request) -> Html:
    """Show what else there is, what answers here, and for whom.

    Behind a trusted proxy, the client is that of the proxy.
    """
    address = request.client
    client = address[0] if isinstance(address, tuple) else "a socket of this machine"
    return render_template("about.html", client=client, speedups=speedups.status())


@router.get("/boards/{board_id}/cards/new")
def new_card(board: CurrentBoard, store: CurrentStore) -> Html:
    """Show the form of a new card."""
    return render_template("new_card.html", board=board, form=_card_form(store))


@router.post("/boards/{board_id}/cards/new")
def add_card_to(
    board: CurrentBoard, store: CurrentStore, submitted: Submitted[CardForm]
) -> Html | Redirect:
    """Add a card, or show the form with its errors."""
    new = submitted.value
    if new is None:
        form = _card_form(store, submitted)
        return render_template("new_card.html", board=board, form=form, status=422)
    labels = tuple(filter(None, (label.strip() for label in new.labels.split(","))))
    card = store.add_card(
        board,
        CardDetails(
            title=new.title, description=new.description, labels=labels, assignee=new.assignee
        ),
    )
    flash(f"“{card.title}” was added.")
    return Redirect("/")


@router.get("/cards/{card_id}")
def show_card(latest: LatestChange, card: CurrentCard, store: CurrentStore) -> Html:
    """Show a card with its comments."""
    return _card_page(card, store, _comment_form(store), latest=latest)


@router.post("/cards/{card_id}")
def comment_on(
    latest: LatestChange,
    card: CurrentCard,
    store: CurrentStore,
    submitted: Submitted[CommentForm],
) -> Html | Redirect:
    """Add a comment, or show the form with its errors."""
    new = submitted.value
    if new is None:
        form = _comment_form(store, submitted)
        return _card_page(card, store, form, latest=latest, status=422)
    store.comment(card, NewComment(new.author, new.text))
    flash("The comment was added.")
    return Redirect(f"/cards/{card.id}")


@router.post("/cards/{card_id}/move")
def move_card_to(
    card: CurrentCard, store: CurrentStore, submitted: Submitted[MoveForm]
) -> Redirect:
    """Move a card; a column that is full is a message, because buttons have no fields."""
    move = submitted.value
    if move is not None:
        try:
            moved = store.move(card, Column(move.column))
            flash(f"Moved to {HEADINGS[moved.column]}.")
        except ColumnFull as error:
            flash(f"{error}.", "error")
    return Redirect(f"/cards/{card.id}")


@router.post("/boards/{board_id}/mail")
def mail_cards_of(board: CurrentBoard, store: CurrentStore) -> Redirect:
    """Mail the cards of a board to the lead of the team; the progress is on all open pages."""
    lead = next(member for member in store.members() if member.is_lead)
    is_new = mail_cards.enqueue(board.id, lead.name).is_new
    flash(f"The cards will be mailed to {lead.name}." if is_new else "They are being mailed now.")
    return Redirect("/")


@router.post("/cards/{card_id}/reminder")
def remind_of(card: CurrentCard) -> Redirect:
    """Remind the assignee in a moment, and once more."""
    remind.enqueue(card.id, REMINDER_DELAY)
    flash(f"The first reminder follows in {REMINDER_DELAY:g} seconds.")
    return Redirect(f"/cards/{card.id}")


def _card_page(card: Card, store: Store, form: HtmlForm, *, latest: str, status: int = 200) -> Html:
    return render_template(
        "card.html",
        card=card,
        board=store.board(card.board_id),
        form=form,
        headings=HEADINGS,
        latest=latest,
        status=status,
        fragment="content",
    )


def _card_form(store: Store, submitted: Submitted[CardForm] | None = None) -> HtmlForm:
    return html_form(
        CardForm,
        submitted,
        options={"assignee": [member.name for member in store.members()]},
        widgets={"description": "textarea"},
        hints={"labels": "Separated by commas."},
    )


def _comment_form(store: Store, submitted: Submitted[CommentForm] | None = None) -> HtmlForm:
    return html_form(
        CommentForm,
        submitted,
        options={"author": [member.name for member in store.members()]},
        widgets={"text": "textarea"},
        attributes={"text": {"rows": 3}},
    )
