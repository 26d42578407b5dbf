"""From the address of a database to its kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from .._database_settings import DatabaseSettings
from ..errors import DatabaseConfigurationError
from ._backend import Backend
from ._mysql import MySql
from ._postgresql import PostgreSql
from ._sqlite import Sqlite

_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",  # the scheme of libpq and of many hosting services
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "sqlite": "sqlite",
    "sqlite3": "sqlite",
}
_BACKENDS: dict[str, Callable[[DatabaseSettings], Backend]] = {
    "postgresql+psycopg": PostgreSql,
    "mysql+pymysql": MySql,
    "mariadb+pymysql": MySql,
    "sqlite": Sqlite,
    "sqlite+pysqlite": Sqlite,
}


def database_url(address: str, folder: Path | None = None, *, setting: str = "url") -> URL:
    """Return the address of a database, with its driver.

    Args:
        address: As in the settings; ``postgres://…`` and ``postgresql://…`` mean psycopg 3.
        folder: Folder that a relative path of SQLite begins at; by default the current one.
        setting: Name of the setting, for messages.

    Raises:
        DatabaseConfigurationError: The address is malformed, or of a database or driver that is not
            supported.
    """
    try:
        url = make_url(address)
    except ArgumentError:
        raise DatabaseConfigurationError(
            f"[database] {setting} is not an address of a database: write it as "
            "sqlite:///app.db or postgresql://user:password@host/name"
        ) from None
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    if url.drivername not in _BACKENDS:
        names = ", ".join(sorted(_DRIVERS))
        raise DatabaseConfigurationError(
            f"[database] {setting}: the driver {url.drivername} is not supported; use one of "
            f"{names}, or SQLAlchemy without photon-lifeguard (docs/databases.md)"
        )
    if url.get_backend_name() == "sqlite" and folder is not None:
        url = _in_folder(url, folder)
    return url


def is_in_memory(url: URL) -> bool:
    """Return whether ``url`` is a database of SQLite that ends with its connection."""
    return url.get_backend_name() == "sqlite" and (url.database or ":memory:") == ":memory:"


def backend_for(url: URL, settings: DatabaseSettings) -> Backend:
    """Return the kind of the database at ``url``, which `database_url` has made.

    Raises:
        DatabaseConfigurationError: Its driver is not installed.
    """
    return _BACKENDS[url.drivername](settings)


def _in_folder(url: URL, folder: Path) -> URL:
    path = url.database
    if is_in_memory(url) or path is None or path.startswith("file:"):
        return url
    return url.set(database=str(folder / path))
