"""`Database`: the engine, the pool and the sessions of one database.

::

    database = Database(DatabaseSettings(url="postgresql://localhost/shop"))
    with database.session() as session:
        session.add(Post(title="Hello"))
        session.commit()

It opens nothing until it is used. `Database.life` keeps the pool in order while an application
runs; scripts do without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar, overload

from sqlalchemy import URL, Engine, create_engine, select
from sqlalchemy.orm import Session, configure_mappers

import photon_runtime as rt
from photon_runtime.errors import NotRunning

from ._database_settings import DatabaseSettings
from .backends import Backend, Isolation, backend_for, database_url, is_in_memory
from .observability import DatabaseObserver, ReadinessCheck, observe_engine
from .pool import PoolLimits, WaitingPool, maintain
from .results import refuse_statements
from .transactions import BACKEND, begin_on_demand, repeat_transaction, transaction

S = TypeVar("S", bound=Session)
T = TypeVar("T")


class Database:
    """One database of an application.

    Args:
        settings: Settings of the database.
        folder: Folder that a relative path of SQLite begins at.
        observer: Is informed of what the pool and the statements do.
        backend: Kind of the database, in place of the one that the address names; for tests.

    Attributes:
        settings: Settings of the database.
        backend: Kind of the database.
        engine: Engine of SQLAlchemy.

    Raises:
        DatabaseConfigurationError: The settings cannot be used.
    """

    def __init__(
        self,
        settings: DatabaseSettings | None = None,
        *,
        folder: Path | None = None,
        observer: DatabaseObserver | None = None,
        backend: Backend | None = None,
    ) -> None:
        """Make the engine; nothing is opened."""
        self.settings = settings = settings or DatabaseSettings()
        url = database_url(settings.url, folder)
        self.backend = backend or backend_for(url, settings)
        observer = observer or DatabaseObserver()
        self.engine = _create_engine(url, settings, self.backend, observer)
        watch = observe_engine(self.engine, self.backend, observer, slow_query=settings.slow_query)
        self._check_readiness = ReadinessCheck(self.engine, watch, timeout=settings.connect_timeout)
        begin_on_demand(self.engine, self.backend, statement_timeout=settings.statement_timeout)
        refuse_statements(self.engine)
        self._current: ContextVar[Session | None] = ContextVar("photon_session", default=None)

    @property
    def pool(self) -> WaitingPool:
        """The pool of the engine."""
        pool = self.engine.pool
        if not isinstance(pool, WaitingPool):
            raise TypeError(f"the engine has a pool of another class: {type(pool).__name__}")
        return pool

    @overload
    def session(self) -> Session: ...

    @overload
    def session(self, cls: type[S], *, is_reusable: bool = True) -> S: ...

    def session(self, cls: type[Session] = Session, *, is_reusable: bool = True) -> Session:
        """Return a new session, for a ``with`` block. Opens nothing yet.

        The block closes it: changes that were not committed are rolled back.

        Args:
            cls: Class of the session.
            is_reusable: False to refuse the use of the session after the block.
        """
        return cls(self.engine, expire_on_commit=False, close_resets_only=is_reusable)

    @contextmanager
    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False
    ) -> Iterator[Session]:
        """Open a session whose changes are committed at the end of the block; see `transaction`.

        Inside of another block of this database in the same task it is a savepoint of that block.

        Blocks: the calling task.
        """
        outer = self._current.get()
        if outer is not None and outer.info.get(_OWNER) is _caller():
            with transaction(outer, isolation=isolation, read_only=read_only):
                yield outer
            return
        with self.session() as session:
            session.info[_OWNER] = _caller()
            token = self._current.set(session)
            try:
                with transaction(session, isolation=isolation, read_only=read_only):
                    yield session
            finally:
                self._current.reset(token)

    def run_transaction(
        self,
        function: Callable[[Session], T],
        *,
        isolation: Isolation | None = None,
        attempts: int = 3,
    ) -> T:
        """Call ``function`` with a session in a transaction, and again if the server gave it up.

        Serializable transactions and deadlocks end with errors that mean: try again. The function
        may be called several times, so it must do nothing but use its session.

        Args:
            function: Function that is called with the session.
            isolation: Isolation level; by default the server's.
            attempts: Maximum number of attempts.

        Returns:
            The result of the attempt that was committed.

        Raises:
            sqlalchemy.exc.DBAPIError: Another error, or that of the last attempt.

        Blocks: the calling task.
        """
        return repeat_transaction(lambda: self.transaction(isolation=isolation), function, attempts)

    def check(self) -> None:
        """Execute a query that needs nothing but the server.

        Raises:
            Exception: The database cannot be used; the message gives the reason.

        Blocks: the calling task, for a connection and a round trip.
        """
        with self.engine.connect() as connection:
            connection.execute(select(1))

    def check_readiness(self) -> None:
        """Check whether the database can be used, at a low cost; for ``/ready``.

        Checks at the same time share one query. While every connection is in use, a statement that
        succeeded within the last second is enough.

        Raises:
            DatabaseUnavailable: The server did not respond in time, or cannot be reached.
            Exception: The database cannot be used; the message gives the reason.

        Blocks: the calling task, for 3 seconds at most.
        """
        self._check_readiness()

    @contextmanager
    def life(self) -> Iterator[None]:
        """Keep the pool in order during the block, and close it at the end.

        Blocks: the calling task at the end, until the connections are closed.
        """
        configure_mappers()  # under a lock of SQLAlchemy that would block the thread of all tasks
        task = rt.spawn(maintain, self.pool)
        try:
            yield
        finally:
            task.cancel()
            task.join()
            self.close()

    def close(self) -> None:
        """Close the connections. The database can be used again, which opens new ones."""
        self.engine.dispose()


_OWNER = "photon_owner"


def _caller() -> object:
    """Return the running task; ``None`` outside of tasks."""
    try:
        return rt.current_task()
    except NotRunning:
        return None


def _create_engine(
    url: URL, settings: DatabaseSettings, backend: Backend, observer: DatabaseObserver
) -> Engine:
    plain = create_engine(url)
    pool = WaitingPool(
        backend.connector(plain.dialect, plain.url, settings),
        backend=backend,
        limits=PoolLimits.of(settings, is_single=is_in_memory(url)),
        observer=observer,
        dialect=plain.dialect,
    )
    return create_engine(
        plain.url,
        pool=pool,
        echo=settings.echo,
        execution_options={BACKEND: (backend, settings.statement_timeout)},
    )
