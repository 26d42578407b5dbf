"""The store that a setting names: ``[websockets] rooms``.

The modules of stores import their libraries, so they are imported when they are used.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from photon_runtime.errors import PhotonError

from ._store import RoomStore


def store_of(url: str, root: Path | None) -> RoomStore | None:
    """Return the store at a URL; ``None`` for ``memory``. Nothing is opened.

    Args:
        url: As the setting has it.
        root: The folder of the project, which ``sqlite:///rooms.db`` begins at; the path of
            ``sqlite:////var/rooms.db`` is absolute.

    Raises:
        PhotonError: A library that the store needs is not installed, or the URL names no file.
    """
    scheme = url.partition(":")[0]
    if scheme in ("redis", "rediss"):
        from .redis import RedisStore

        return RedisStore(url)
    if scheme == "postgresql":
        from .postgresql import PostgreSQLStore

        return PostgreSQLStore(url)
    if scheme == "sqlite":
        from .sqlite import SQLiteStore

        return SQLiteStore(_path(url, root))
    return None


def _path(url: str, root: Path | None) -> Path:
    """Return the file of ``sqlite:///rooms.db``, or of ``sqlite:////srv/rooms.db``."""
    path = unquote(url.removeprefix("sqlite:///"))
    if not path or path in (url, ":memory:"):
        raise PhotonError(
            f"[websockets] rooms: the workers share a file, such as sqlite:///rooms.db, not {url!r}"
        )
    return (root or Path.cwd()) / path
