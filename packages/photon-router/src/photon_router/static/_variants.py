"""Files that were compressed beforehand: ``app.js.br``, ``app.js.zst``, ``app.js.gz``.

They lie beside the file that they stand for, which must be there, too, for clients that take no
coding. One that is older than its file by more than `SLACK` was made of something else and does
not count; less than that, and it was only copied in another order.
"""

from __future__ import annotations

import stat
from typing import Final, NamedTuple

from photon_runtime.http import Request, choose_coding

from ._folder import OpenFile, Walk, is_absence

SLACK: Final = 10.0
"""Seconds by which a compressed file may be older than the file itself."""

_SUFFIXES: Final = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}


class Variant(NamedTuple):
    """What is sent for a file.

    Attributes:
        opened: The file, or one that was made of it.
        coding: The content coding; ``None`` for the file itself.
        varies: Whether other clients may get something else.
    """

    opened: OpenFile
    coding: str | None = None
    varies: bool = False


def choose_variant(walk: Walk, name: str, opened: OpenFile, request: Request) -> Variant:
    """Choose what a client gets; ``opened`` is closed if it is not that.

    Args:
        walk: Where the file is.
        name: Its name there.
        opened: The file itself.
        request: Says by ``Accept-Encoding`` what the client takes.
    """
    present = tuple(
        coding for coding, suffix in _SUFFIXES.items() if _is_there(walk, name + suffix, opened)
    )
    if not present:
        return Variant(opened)
    accepted = ", ".join(request.headers.getlist("accept-encoding"))
    coding = choose_coding(accepted, present).coding
    encoded = None if coding is None else _open(walk, name + _SUFFIXES[coding])
    if encoded is None:
        return Variant(opened, varies=True)
    opened.close()
    return Variant(encoded, coding, varies=True)


def _is_there(walk: Walk, name: str, opened: OpenFile) -> bool:
    status = walk.status(name)
    return (
        status is not None
        and stat.S_ISREG(status.st_mode)
        and status.st_mtime >= opened.status.st_mtime - SLACK
    )


def _open(walk: Walk, name: str) -> OpenFile | None:
    try:
        return walk.open(name)
    except OSError as error:
        if is_absence(error):
            return None  # gone meanwhile, or a link that leads out
        raise
