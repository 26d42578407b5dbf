"""Precompressed files: ``app.js.br``, ``app.js.zst``, ``app.js.gz``.

They are in the folder of the uncompressed file, which must exist, too, for clients that do not
accept a coding. A precompressed file that is older than the file by more than `SLACK` belongs to
another version and is ignored; a smaller difference may be the order in which files were copied.
"""

from __future__ import annotations

import stat
from typing import Final

from photon_runtime.http import Request, choose_coding

from ..files import OpenFile, Variant, is_absence
from ._folder import Walk

SLACK: Final = 10.0
"""Seconds by which a compressed file may be older than the file itself."""

_SUFFIXES: Final = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}


def choose_variant(walk: Walk, name: str, opened: OpenFile, request: Request) -> Variant:
    """Choose the variant for a client; ``opened`` is closed if another file is chosen.

    Args:
        walk: Walk in the folder of the file.
        name: Name of the file.
        opened: The file itself.
        request: The request with ``Accept-Encoding``.
    """
    present = tuple(
        coding for coding, suffix in _SUFFIXES.items() if _is_current(walk, name + suffix, opened)
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


def _is_current(walk: Walk, name: str, opened: OpenFile) -> bool:
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
            return None  # removed meanwhile, or a link out of the folder
        raise
