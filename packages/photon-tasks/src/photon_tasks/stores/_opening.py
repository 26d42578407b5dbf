"""The store that the settings name.

Stores on SQLAlchemy get their engine from the application (`DatabaseSource`), which has the pool,
the drivers and the settings of its databases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import attrs

from .._tasks_settings import TasksSettings
from ._store import JobStore


class DatabaseSource(Protocol):
    """Makes the engines of SQLAlchemy that stores use; an application has one."""

    def engine(self) -> Any:
        """Return the engine of the application's database. Does not wait.

        Raises:
            StoreRefused: The application has no database.
        """
        ...

    def close(self) -> None:
        """Close the engines that are this object's own. Blocks: the calling task."""

    def engines(self) -> Mapping[str, Any]:
        """Return the engines of all databases of the application, by name. Does not wait.

        It is empty if the application has none. The one of ``[database]`` is named ``default``.
        """
        ...

    def opened(self, url: str) -> AbstractContextManager[Any]:
        """Return a further engine, for another hub or another database; closed by the block.

        Args:
            url: Address of the database; empty for that of the application.

        Raises:
            StoreRefused: The database cannot be used.
        """
        ...


@contextmanager
def opened_store(
    settings: TasksSettings,
    source: DatabaseSource,
    *,
    is_shared: bool = True,
    clock: Callable[[], float] | None = None,
) -> Iterator[JobStore]:
    """Yield the store of the settings, and close it afterwards. It is not opened yet.

    Args:
        settings: The section ``[tasks]``.
        source: Makes engines.
        is_shared: True to use the engine of the application, so that jobs can be a part of its
            transactions; false for another hub.
        clock: Returns the time in seconds since the epoch, for stores in a database; by default
            their own.

    Raises:
        StoreRefused: The store cannot be used.
    """
    scheme = settings.url.partition(":")[0].partition("+")[0]
    if scheme in ("redis", "rediss"):
        from .redis import RedisStore

        store: JobStore = RedisStore(settings.url)
        try:
            yield store
        finally:
            store.close()
    elif scheme in ("amqp", "amqps"):
        from .rabbitmq import RabbitStore

        # RabbitMQ announces jobs; they are in the database of the application.
        in_database = attrs.evolve(settings, url="")
        with opened_store(in_database, source, is_shared=is_shared) as records:
            store = RabbitStore(settings.url, records)
            try:
                yield store
            finally:
                store.close()
    elif is_shared and not settings.url:
        yield _sql_store(source.engine(), clock)
    else:
        with source.opened(settings.url) as engine:
            store = _sql_store(engine, clock)
            try:
                yield store
            finally:
                store.close()


def _sql_store(engine: Any, clock: Callable[[], float] | None) -> JobStore:
    from .sql import SqlStore

    store: JobStore = SqlStore(engine, clock=clock)
    return store
