"""The store that a setting names: ``[websockets] rooms``.

The modules of stores import their libraries, so they are imported when they are used.
"""

from __future__ import annotations

from pathlib import Path

from ._store import RoomStore


def store_of(url: str, root: Path | None) -> RoomStore | None:
    """Return the store at a URL; ``None`` for ``memory``. Nothing is opened.

    Args:
        url: As the setting has it.
        root: The folder of the project, which ``sqlite:///rooms.db`` begins at; the path of
            ``sqlite:////var/rooms.db`` is absolute.

    Raises:
        PhotonError: A library that the store needs is not installed.
    """
    scheme, _, rest = url.partition("://")
    if scheme in ("redis", "rediss"):
        from .redis import RedisStore

        return RedisStore(url)
    if scheme == "postgresql":
        from .postgresql import PostgreSQLStore

        return PostgreSQLStore(url)
    if scheme == "sqlite":
        from .sqlite import SQLiteStore

        return SQLiteStore((root or Path.cwd()) / rest.removeprefix("/"))
    return None
