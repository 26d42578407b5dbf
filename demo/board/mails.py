"""The mails of the board; in development, ``/photon/mails`` shows them."""

from __future__ import annotations

from collections.abc import Sequence

from photon import MailMessage, mailer

from .models import Board, Card


@mailer("mails/cards")
def cards_mail(recipient: str, board: Board, cards: Sequence[Card]) -> MailMessage:
    """List the cards of a board."""
    return MailMessage(to=address_of(recipient), values={"board": board, "cards": cards})


@mailer("mails/reminder")
def reminder_mail(card: Card, recipient: str) -> MailMessage:
    """Remind a member of a card."""
    return MailMessage(to=address_of(recipient), values={"card": card, "name": recipient})


def address_of(member: str) -> str:
    """Return the address of a member."""
    return f"{member}@board.example"
