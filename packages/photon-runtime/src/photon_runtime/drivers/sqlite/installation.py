"""`install`: all connections of the process cooperate, with any library that opens them."""

from __future__ import annotations

import _sqlite3
import sys
from collections.abc import Mapping

from ._blob import Blob
from ._connection import Connection, connect
from ._cursor import Cursor

_REPLACEMENTS: Mapping[str, object] = {
    "connect": connect,
    "Connection": Connection,
    "Cursor": Cursor,
    "Blob": Blob,
}


def install() -> Mapping[str, tuple[object, object]]:
    """Let every connection that `sqlite3` opens from now on cooperate.

    `photon_runtime.patch` calls it when `sqlite3` is imported. A second call changes nothing.

    Returns:
        The original and the replacement of each name, for modules that hold an original.
    """
    for module in ("sqlite3", "sqlite3.dbapi2"):
        for name, value in _REPLACEMENTS.items():
            if module in sys.modules:
                setattr(sys.modules[module], name, value)
    for value in _REPLACEMENTS.values():
        value.__module__ = "sqlite3"  # by which pickles and people know them
    return {name: (getattr(_sqlite3, name), value) for name, value in _REPLACEMENTS.items()}
