"""What a browser shows at ``/``: the boards as they are, and where the documentation is."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from photon import Response, Router

from .dependencies import CurrentStore
from .models import Board, Card, Column
from .store import Store

router = Router()
_HEADINGS = {Column.TODO: "To do", Column.DOING: "Doing", Column.DONE: "Done"}


@router.get("/", include_in_schema=False)
def home(store: CurrentStore) -> Response:
    """Show all boards."""
    boards = "".join(_board(store, board) for board in store.boards())
    return Response(body=_PAGE.replace("BOARDS", boards), content_type="text/html; charset=utf-8")


def _board(store: Store, board: Board) -> str:
    columns = "".join(_column(column, store.cards(board, column=column)) for column in Column)
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
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; --line: #8884; --ground: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
h1, h2, h3 { line-height: 1.2 }
h3 { font-size: 1rem; margin: 0 0 .5rem }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: 1rem }
.columns > div { background: var(--ground); border-radius: .5rem; padding: 1rem }
ul { list-style: none; margin: 0; padding: 0 }
li { border: 1px solid var(--line); border-radius: .5rem; margin-top: .5rem; padding: .5rem .75rem }
small { background: var(--line); border-radius: 1rem; padding: 0 .5rem; white-space: nowrap }
footer { font-size: .875rem; opacity: .75 }
</style>
</head>
<body>
<h1>Team Board</h1>
<p>
A demo of Photon: a public API written spec first, and routes around it written code first.
<a href="/docs">The documentation</a> lists them all and lets you try them; the document behind it
is at <a href="/openapi.yaml">/openapi.yaml</a>.
</p>
BOARDS
<h2>Worth a look</h2>
<ul>
<li><a href="/reports/workload?delay=1">/reports/workload?delay=1</a>
asks four calendars that take a second each, and answers after one second.</li>
<li><a href="/reports/cards.csv?pace=0.5">/reports/cards.csv?pace=0.5</a>
sends its rows as they are made; watch them with <code>curl -N</code>.</li>
<li><a href="/api/boards/1/cards?column=x&amp;limit=0">/api/boards/1/cards?column=x&amp;limit=0</a>
is refused, with everything that is wrong with it.</li>
</ul>
</body>
</html>
"""
