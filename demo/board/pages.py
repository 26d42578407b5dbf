"""The page at ``/``: the boards, and links to the documentation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape

from photon import Html, Request, Router, StaticFiles

from .dependencies import CurrentStore
from .models import Board, Card, Column

_HEADINGS = {Column.TODO: "To do", Column.DOING: "Doing", Column.DONE: "Done"}


def pages(files: StaticFiles) -> Router:
    """Return the handlers of the pages.

    Args:
        files: The style sheet and the icon.
    """
    router = Router()

    @router.get("/", include_in_schema=False)
    def home(store: CurrentStore, request: Request) -> Html:
        """Show all boards."""
        cards: dict[int, list[Card]] = defaultdict(list)
        for card in store.cards():
            cards[card.board_id].append(card)
        boards = "".join(_board(board, cards[board.id]) for board in store.boards())
        page = _PAGE.format(
            stylesheet=files.url("board.css"),
            icon=files.url("icon.svg"),
            boards=boards,
            caller=_caller(request),
        )
        return Html(page)

    return router


def _caller(request: Request) -> str:
    """Describe client and URL of a request; behind a trusted proxy, those of the proxy's client."""
    client = request.client
    address = client[0] if isinstance(client, tuple) else "a socket of this machine"
    return escape(f"{address} requested {request.scheme}://{request.host}{request.path}")


def _board(board: Board, cards: Sequence[Card]) -> str:
    columns = "".join(
        _column(column, [card for card in cards if card.column is column]) for column in Column
    )
    return f"<section><h2>{escape(board.name)}</h2><div class=columns>{columns}</div></section>"


def _column(column: Column, cards: Iterable[Card]) -> str:
    items = "".join(_card(card) for card in cards)
    return f"<div><h3>{_HEADINGS[column]}</h3><ul>{items}</ul></div>"


def _card(card: Card) -> str:
    labels = "".join(f" <small>{escape(label)}</small>" for label in card.labels)
    assignee = f"<footer>{escape(card.assignee)}</footer>" if card.assignee else ""
    link = f'<a href="/api/cards/{card.id}">{escape(card.title)}</a>'
    return f"<li>{link}{labels}{assignee}</li>"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Team Board</title>
<link rel="icon" href="{icon}">
<link rel="stylesheet" href="{stylesheet}">
</head>
<body>
<h1>Team Board</h1>
<p>
A demo of Photon: a public API written spec first, and further routes written code first.
<a href="/docs">The documentation</a> lists them all and lets you try them; the document behind it
is at <a href="/openapi.yaml">/openapi.yaml</a>.
</p>
{boards}
<h2>Worth a look</h2>
<ul>
<li><a href="/reports/workload?delay=1">/reports/workload?delay=1</a>
calls four calendars that take a second each, and responds after one second.</li>
<li><a href="/reports/cards.csv?pace=0.5">/reports/cards.csv?pace=0.5</a>
sends each row when it is ready; watch them with <code>curl -N</code>.</li>
<li><a href="/api/boards/1/cards?column=x&amp;limit=0">/api/boards/1/cards?column=x&amp;limit=0</a>
is refused, with the complete list of its errors.</li>
</ul>
<footer>{caller}</footer>
</body>
</html>
"""
