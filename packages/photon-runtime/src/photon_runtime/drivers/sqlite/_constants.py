"""The names of `sqlite3` that differ between versions, such as ``SQLITE_BUSY``."""

from __future__ import annotations

from sqlite3 import dbapi2
from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(dbapi2, name)
