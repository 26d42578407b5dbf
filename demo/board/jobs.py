"""Jobs: a list by mail that takes its time, reminders that wait for days, a schedule.

A job runs at least once: if its process is killed, another one runs it again. So each has steps, or
does what may be done twice. Jobs are rows of the board's database, so a job that is enqueued in a
request exists if and only if the request was committed.
"""

from __future__ import annotations

import datetime

from photon import Job, MailMessage, provided, schedule, sleep, task
from photon_lifeguard import Database

from .dependencies import current_store
from .live import announce_progress
from .mails import cards_mail, reminder_mail
from .models import Card, Column, NewComment
from .store import NotFound

PACE = 0.5
"""Seconds for each card, so that the progress can be watched."""
REMINDERS = 2
AUTHOR = "reminder"


@task(unique=True, timeout=120)
def mail_cards(
    board_id: int, recipient: str, job: Job = provided, database: Database = provided
) -> int:
    """Mail the cards of a board to a member, and show the progress on all open pages.

    Returns:
        The number of cards.
    """
    with database.transaction() as session:
        store = current_store(session)
        board = store.board(board_id)
        cards = list(store.cards(board))
    for number in range(len(cards)):
        _show(job, board.name, number, len(cards))
        sleep(PACE)
    job.step("mail", _mail, cards_mail(recipient, board, cards))
    _show(job, board.name, len(cards), len(cards))
    return len(cards)


def _mail(message: MailMessage) -> None:
    message.deliver_later()


def _show(job: Job, board: str, done: int, total: int) -> None:
    job.progress({"done": done, "of": total})
    announce_progress(job.id, f"Mailing {board}", done, total)


@task(unique=True)
def remind(card_id: int, delay: float, job: Job = provided, database: Database = provided) -> None:
    """Remind the assignee of a card, twice unless it is done.

    Args:
        card_id: Number of the card.
        delay: Seconds to wait before each reminder. The job waits in the database, over restarts
            and deployments, and uses no worker.
        job: The running job.
        database: The database of the board.
    """
    for number in range(1, REMINDERS + 1):
        job.sleep(seconds=delay)
        if not job.step(f"reminder {number}", _remind, database, card_id, number):
            return


def _remind(database: Database, card_id: int, number: int) -> bool:
    """Write a comment and enqueue a mail, in one transaction; return whether the card is open."""
    with database.transaction() as session:
        store = current_store(session)
        try:
            card = store.card(card_id)
        except NotFound:
            return False
        if card.column is Column.DONE:
            return False
        text = f"Reminder {number} of {REMINDERS} for {card.assignee or 'everyone'}."
        store.comment(card, NewComment(AUTHOR, text))
        if card.assignee:
            reminder_mail(card, card.assignee).deliver_later()
        return True


@schedule("every weekday at 8:00", timezone="Europe/Berlin")
@task
def mail_due_cards(database: Database = provided) -> int:
    """Remind the assignees of all cards that are due; ``photon task mail_due_cards`` does it now.

    Returns:
        The number of mails.
    """
    today = datetime.datetime.now(datetime.UTC).date()
    with database.transaction() as session:
        due = [card for card in current_store(session).cards() if _is_due(card, today)]
        for card in due:
            reminder_mail(card, card.assignee or "").deliver_later()
    return len(due)


def _is_due(card: Card, today: datetime.date) -> bool:
    is_late = card.due is not None and card.due <= today
    return is_late and card.assignee is not None and card.column is not Column.DONE
