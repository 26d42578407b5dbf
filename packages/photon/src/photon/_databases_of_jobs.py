"""The databases of an application, for its jobs: photon_tasks is handed engines, and makes none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from photon_lifeguard import Database, DatabasePart, Databases, DatabaseSettings
from photon_runtime.parts import Host
from photon_tasks.part import environment_of

_CONNECTIONS = 4


class JobDatabases:
    """Makes the engines of stores; a `photon_tasks.stores.DatabaseSource`.

    An application without a database gets the one that ``[database]`` has by default.

    Args:
        part: The part with the databases of the application; ``None`` if it has none.
        host: Host of the application's parts.
    """

    def __init__(self, part: DatabasePart | None, host: Host) -> None:
        """Note the host; nothing is opened."""
        self._part = part
        self._host = host
        self._own: Database | None = None

    def engine(self) -> Any:
        """Return the engine of the application's database. Does not wait."""
        return self._database().engine

    def engines(self) -> Mapping[str, Any]:
        """Return the engines of all databases of the application, by name. Does not wait."""
        databases = self._provided()
        if databases is None:
            return {}
        named = {name: each.engine for name, each in databases.named.items()}
        return {"default": databases.default.engine, **named}

    @contextmanager
    def opened(self, url: str) -> Iterator[Any]:
        """Yield the engine of a database of its own pool, and close it afterwards."""
        further = self._database().sibling(url, pool_size=_CONNECTIONS)
        try:
            yield further.engine
        finally:
            further.close()

    def close(self) -> None:
        """Close the database that the application does not have otherwise."""
        if self._own is not None:
            self._own.close()

    def _database(self) -> Database:
        databases = self._provided()
        if databases is not None:
            return databases.default
        if self._own is None:
            settings = DatabaseSettings().with_environment()
            if environment_of(self._host) == "test":
                settings = DatabaseSettings(url="sqlite://")
            self._own = Database(settings, folder=self._host.root)
        return self._own

    def _provided(self) -> Databases | None:
        return None if self._part is None else self._part.installed_in(self._host)
