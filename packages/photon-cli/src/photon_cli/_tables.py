"""Aligned rows: with colours on a terminal, plain in a pipe, as ``NO_COLOR`` and the like say.

`rich` is imported only where the output has colours. A plain row is one line, however long, so that
programs can read it; on a terminal, a long cell continues on the next line, below itself.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence


def print_rows(rows: Sequence[Sequence[str]], *, styles: Sequence[str] = ()) -> None:
    """Print rows with aligned columns.

    Args:
        rows: The cells of each row; all rows have the same number of cells.
        styles: Style of each column, in the notation of rich, such as ``bold`` or ``dim``.
    """
    if not rows:
        return
    if is_styled():
        _print_styled(rows, styles)
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def is_styled() -> bool:
    """Return whether standard output has colours: on a terminal, unless the caller refuses."""
    context = click.get_current_context(silent=True)
    color = context.color if context is not None else None
    return sys.stdout.isatty() if color is None else color


def _print_styled(rows: Sequence[Sequence[str]], styles: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in rows[0]:
        table.add_column(overflow="fold")
    for row in rows:
        cells = enumerate(row)
        table.add_row(
            *(Text(cell, style=styles[at] if at < len(styles) else "") for at, cell in cells)
        )
    Console(file=sys.stdout, force_terminal=True, highlight=False).print(table)
