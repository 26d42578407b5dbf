"""Positions in the write-ahead log, as numbers and as the text that clients carry.

A position is a number of bytes from the beginning of the log, which PostgreSQL writes as ``1A/2B``.
A replica that has replayed a position shows every commit before it. The text of a client names its
databases, each with a position: ``default:1A0000002B|reports:primary``.

Clients may send anything. Text that is not such a list counts as the position `UNKNOWN` in every
database, which no replica reaches: the primary is read. A forged position can only make the reads
of its own client older, up to ``max_replica_lag``, or send them to the primary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, unquote

UNKNOWN: Final = 1 << 64
"""The position of a write whose position is unknown: beyond that of every replica."""

_UNKNOWN_TEXT = "primary"
_MAX_LENGTH = 2000
_ENTRY = re.compile(r"([^:|]+):([0-9A-F]{1,16}|primary)")


def format_positions(positions: Mapping[str, int]) -> str:
    """Return the text for clients.

    Args:
        positions: Positions by name of the database.
    """
    return "|".join(
        f"{quote(name, safe='')}:{f'{position:X}' if position < UNKNOWN else _UNKNOWN_TEXT}"
        for name, position in positions.items()
    )


def parse_positions(text: str, databases: Iterable[str]) -> dict[str, int]:
    """Return the positions in a text that a client has sent.

    Args:
        text: The text; anything.
        databases: Names of the databases; others in the text are ignored.

    Returns:
        Positions by name of the database; `UNKNOWN` for all of them if the text is malformed.
    """
    known = set(databases)
    if len(text) > _MAX_LENGTH:
        return dict.fromkeys(known, UNKNOWN)
    matches = [_ENTRY.fullmatch(entry) for entry in text.split("|")]
    positions: dict[str, int] = {}
    for match in matches:
        if match is None:
            return dict.fromkeys(known, UNKNOWN)
        name, value = unquote(match[1]), match[2]
        position = UNKNOWN if value == _UNKNOWN_TEXT else int(value, 16)
        if name in known:
            positions[name] = max(position, positions.get(name, 0))
    return positions
