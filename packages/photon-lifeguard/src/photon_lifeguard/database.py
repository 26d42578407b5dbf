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

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar, overload

import attrs
from sqlalchemy import select
from sqlalchemy.orm import Session, configure_mappers

import photon_runtime as rt
from photon_runtime.errors import NotRunning
from photon_runtime.project import Project

from ._database_settings import DatabaseSettings
from ._engines import make_engine, make_replicas
from .backends import Backend, Isolation, backend_for, database_url
from .errors import DatabaseConfigurationError
from .observability import DatabaseObserver, ReadinessCheck
from .pool import WaitingPool, maintain
from .replicas import route_reads, routing_class
from .transactions import note_session, repeat_transaction, transaction

S = TypeVar("S", bound=Session)
T = TypeVar("T")

ReadFrom: TypeAlias = Literal["primary", "replica"]
"""The server that a session reads from, until it writes."""


class Database:
    """One database of an application.

    Args:
        settings: Settings of the database.
        folder: Folder that a relative path of SQLite begins at.
        observer: Is informed of what the pool and the statements do.
        backend: Kind of the database, in place of the one that the address names; for tests.

    Attributes:
        settings: Settings of the database.
        folder: Folder that relative paths of the settings begin at; ``None`` for the current one.
        backend: Kind of the database.
        engine: Engine of SQLAlchemy; that of the primary.
        replicas: The replicas; ``None`` without any.

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
        self.folder = folder
        url = database_url(settings.url, folder)
        self.backend = backend or backend_for(url, settings)
        observer = observer or DatabaseObserver()
        self.engine, watch = make_engine(
            url, settings, self.backend, observer, committed=self._committed
        )
        self.replicas = make_replicas(self.engine, settings, self.backend, observer)
        self._check_readiness = ReadinessCheck(self.engine, watch, timeout=settings.connect_timeout)
        self._current: ContextVar[Session | None] = ContextVar("photon_session", default=None)

    @classmethod
    def of_project(cls, name: str | None = None, *, project: Project | None = None) -> Database:
        """Return a database of a project, for scripts.

        ::

            with Database.of_project().session() as session: ...

        Args:
            name: Name of the section ``[database.NAME]``; ``None`` for ``[database]``.
            project: Project; by default that of the current folder, in the environment of
                ``PHOTON_ENV``.

        Raises:
            SettingsError: A settings file or the section is invalid.
            DatabaseConfigurationError: The settings cannot be used, or have no such section.
        """
        if project is None:
            project = Project.here(environment=os.environ.get("PHOTON_ENV"))
        folder = project.root or project.directory
        if name is None:
            settings = project.settings.read(DatabaseSettings).with_environment()
            return cls(settings, folder=folder)
        named = project.settings.read_named(DatabaseSettings)
        if name not in named:
            known = f"; there are {', '.join(sorted(named))}" if named else ""
            raise DatabaseConfigurationError(
                f"the settings have no section [database.{name}]{known}"
            )
        return cls(named[name].with_name(name), folder=folder)

    def sibling(self, url: str = "", *, pool_size: int) -> Database:
        """Return a further database with these settings, with connections of its own.

        For another hub, which cannot share connections with this one, or for a database beside it.
        Opens nothing, and has no replicas.

        Args:
            url: Address of the database; empty for that of this one.
            pool_size: Maximum number of connections.

        Raises:
            DatabaseConfigurationError: The address cannot be used.
        """
        own = self.engine.url.render_as_string(hide_password=False)
        settings = attrs.evolve(self.settings, url=url or own, pool_size=pool_size, replicas=())
        return Database(settings, folder=self.folder)

    def _committed(self, position: int) -> None:
        if self.replicas is not None:
            self.replicas.wrote(position)

    @property
    def pool(self) -> WaitingPool:
        """The pool of the engine."""
        pool = self.engine.pool
        if not isinstance(pool, WaitingPool):
            raise TypeError(f"the engine has a pool of another class: {type(pool).__name__}")
        return pool

    @overload
    def session(self, *, read: ReadFrom = "primary") -> Session: ...

    @overload
    def session(
        self, cls: type[S], *, is_reusable: bool = True, read: ReadFrom = "primary"
    ) -> S: ...

    def session(
        self,
        cls: type[Session] = Session,
        *,
        is_reusable: bool = True,
        read: ReadFrom = "primary",
    ) -> Session:
        """Return a new session, for a ``with`` block. Opens nothing yet.

        The block closes it: changes that were not committed are rolled back.

        Args:
            cls: Class of the session.
            is_reusable: False to refuse the use of the session after the block.
            read: ``replica`` to execute statements that only read on a replica, if one is current
                enough, until the session writes.
        """
        replicas = self.replicas if read == "replica" else None
        of_class = cls if replicas is None else routing_class(cls)
        session = of_class(self.engine, expire_on_commit=False, close_resets_only=is_reusable)
        note_session(session)
        return session if replicas is None else route_reads(session, replicas)

    @contextmanager
    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
        read: ReadFrom = "primary",
    ) -> Iterator[Session]:
        """Open a session whose changes are committed at the end of the block; see `transaction`.

        Inside of another block of this database in the same task it is a savepoint of that block.

        Args:
            isolation: Isolation level; by default the server's.
            read_only: True to refuse writes.
            read: ``replica`` to open a read-only transaction on a replica, if one is current
                enough.

        Raises:
            ValueError: ``read`` is ``replica``, and the transaction may write.

        Blocks: the calling task.
        """
        if read == "replica" and not read_only:
            raise ValueError(
                "a transaction on a replica must be declared by read_only=True: writes go to the "
                "primary, and so does the whole transaction"
            )
        outer = self._current.get()
        if outer is not None and outer.info.get(_OWNER) is _caller():
            with transaction(outer, isolation=isolation, read_only=read_only):
                yield outer
            return
        with self.session(read=read) as session:
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

        Replicas are measured, and so used, only during the block.

        Blocks: the calling task at the end, until the connections are closed.
        """
        configure_mappers()  # under a lock of SQLAlchemy that would block the thread of all tasks
        task = rt.spawn(maintain, self.pool)
        try:
            with nullcontext() if self.replicas is None else self.replicas.life():
                yield
        finally:
            task.cancel()
            task.join()
            self.close()

    def close(self) -> None:
        """Close the connections. The database can be used again, which opens new ones."""
        self.engine.dispose()
        if self.replicas is not None:
            self.replicas.close()


_OWNER = "photon_owner"


def _caller() -> object:
    """Return the running task; ``None`` outside of tasks."""
    try:
        return rt.current_task()
    except NotRunning:
        return None
