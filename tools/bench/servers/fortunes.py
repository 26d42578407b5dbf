"""The page of the fortunes, the same code for every server: their databases are compared."""

from collections.abc import Iterable
from html import escape

ADDED = "Additional fortune added at request time."
_HEAD = "<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table>"
_TITLES = "<tr><th>id</th><th>message</th></tr>"


def fortunes_page(fortunes: Iterable[tuple[int, str]]) -> str:
    """Return the page of ``fortunes``, by their text, with one that is added here."""
    listed = sorted([*fortunes, (0, ADDED)], key=lambda fortune: fortune[1])
    rows = [f"<tr><td>{number}</td><td>{escape(text)}</td></tr>" for number, text in listed]
    return f"{_HEAD}{_TITLES}{''.join(rows)}</table></body></html>"
