"""`DatabasePart`: sessions by annotation, committed before the response.

::

    app.add(DatabasePart())

    @app.post("/posts")
    def create_post(post: Json[NewPost], db: Session) -> PostOut: ...

A handler and all dependencies of one request share one session, which opens a connection with its
first statement. Changes are flushed when the handler has returned, so that the result has the
values of the database, and committed before the response is sent. What fails then is the response.

A handler of a WebSocket has a unit of work for each message: when it asks for the next one, the
session is committed, its objects expire, and its connection goes back to the pool.

Encoding the result executes no statement: an attribute that is not loaded is an error, which names
the attribute and the way to load it (`photon_lifeguard.results`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar
from weakref import WeakKeyDictionary

import attrs
from sqlalchemy.orm import Session

import photon_runtime as rt
from photon_runtime.http import Request
from photon_runtime.parts import Host
from photon_runtime.settings import Settings
from photon_runtime.transactions import find_transactions_by
from photon_runtime.units_of_work import after_each_message, outlives_request

from ._console_values import console_values
from ._database_settings import DatabaseSettings
from ._responses import add_error_handlers
from .database import Database, ReadFrom
from .errors import DatabaseConfigurationError
from .observability import DatabaseMetrics, DatabaseObserver, RequestStatements
from .replicas import ReplicaMetrics, position_middleware
from .results import refresh_expired, while_encoding
from .transactions import (
    awaits_commit,
    commit_changes,
    complete_message,
    end_management,
    find,
    manage,
)

T = TypeVar("T")


_SAFE_METHODS = frozenset(["GET", "HEAD", "QUERY"])
"""Methods of requests that only read, whose sessions may read from replicas."""


@attrs.frozen
class Databases:
    """The databases of an application; an argument of handlers and dependencies.

    Attributes:
        default: The database of the section ``[database]``.
        named: Those of the sections ``[database.NAME]``, by name.
    """

    default: Database
    named: Mapping[str, Database] = attrs.field(factory=dict)

    def __getitem__(self, name: str) -> Database:
        """Return the database of the section ``[database.NAME]``.

        Raises:
            KeyError: The settings have no such section.
        """
        return self.named[name]


class DatabaseFactory(Protocol):
    """Makes a database of an application."""

    def __call__(
        self,
        name: str,
        settings: DatabaseSettings,
        *,
        folder: Path | None,
        observer: DatabaseObserver | None,
    ) -> Database:
        """Return the database of a section; ``default`` is the name of ``[database]``."""
        ...


class SettingsSource(Protocol):
    """An application, as far as its settings are concerned."""

    @property
    def settings(self) -> Settings | None:
        """The settings; ``None`` without any."""
        ...

    def read_settings(self, cls: type[T]) -> T:
        """Return the section of a class."""
        ...

    def named_settings(self, cls: type[T]) -> Mapping[str, T]:
        """Return the further sections of a class, by name."""
        ...


class DatabasePart:
    """The databases of an application.

    Handlers and dependencies may have arguments of the types `sqlalchemy.orm.Session`, `Database`
    and `Databases`, and of the classes in ``sessions``.

    Args:
        sessions: Subclasses of `sqlalchemy.orm.Session` for the databases of the sections
            ``[database.NAME]``, by name: a handler with an argument of that class gets a session of
            that database.
    """

    settings = DatabaseSettings

    def __init__(self, sessions: Mapping[str, type[Session]] | None = None) -> None:
        """Note the classes of sessions."""
        self._sessions = dict(sessions or {})
        self._factory: DatabaseFactory = _new_database
        self._installed: WeakKeyDictionary[Host, Databases] = WeakKeyDictionary()

    def installed_in(self, host: Host) -> Databases | None:
        """Return the databases of a start of the application, for a part that is installed later.

        Args:
            host: Host of that start.

        Returns:
            ``None`` if the part is not installed in it.
        """
        return self._installed.get(host)

    @contextmanager
    def overridden(self, factory: DatabaseFactory) -> Iterator[None]:
        """Let starts of the application inside of the block get their databases from ``factory``.

        For tests: see `photon_lifeguard.testing`.
        """
        before, self._factory = self._factory, factory
        try:
            yield
        finally:
            self._factory = before

    def new_databases(self, application: SettingsSource) -> Databases:
        """Return the databases of an application anew, for code beside it such as a test.

        Args:
            application: The application that the part was added to.

        Raises:
            DatabaseConfigurationError: The settings of a database cannot be used.
        """
        settings = application.settings
        return _databases(
            application.read_settings(DatabaseSettings),
            application.named_settings(DatabaseSettings),
            lambda name, of: self._factory(
                name, of, folder=None if settings is None else settings.root, observer=None
            ),
        )

    def console_values(
        self, application: SettingsSource
    ) -> AbstractContextManager[Mapping[str, object]]:
        """Return the values for ``photon console``: ``db``, ``databases`` and the models."""
        return console_values(self.new_databases(application))

    def install(self, host: Host, settings: DatabaseSettings) -> None:
        """Register sessions, error responses, readiness checks and metrics.

        Raises:
            DatabaseConfigurationError: The settings of a database cannot be used, or a database in
                ``sessions`` has none.
        """
        metrics = DatabaseMetrics(host.meter)
        databases = _databases(
            settings,
            host.named_settings(DatabaseSettings),
            lambda name, of: _observed(self._factory, host, metrics, name, of),
        )
        self._installed[host] = databases
        if self._factory is _new_database:  # those of tests have their tables already
            host.lifespan(lambda: _migrations(databases, host))
        host.lifespan(lambda: _life(databases))
        host.provide(Databases, lambda: databases, scope="application")
        host.provide(Database, lambda: databases.default, scope="application")
        host.provide(Session, _provider(databases.default, Session), finish=_finish)
        for name, cls in self._sessions.items():
            if name not in databases.named:
                raise DatabaseConfigurationError(
                    f"the sessions {cls.__qualname__} are of the database {name!r}, and the "
                    f"settings have no section [database.{name}]"
                )
            host.provide(cls, _provider(databases.named[name], cls), finish=_finish)
        repeated = settings.repeated_statements_in(host.environment, development=host.development)
        host.middleware(RequestStatements(metrics, repeated))
        _add_positions(host, databases)
        _add_readiness(host, databases)
        add_error_handlers(host)


def _new_database(
    name: str, settings: DatabaseSettings, *, folder: Path | None, observer: DatabaseObserver | None
) -> Database:
    return Database(settings, folder=folder, observer=observer)


def _databases(
    settings: DatabaseSettings,
    named: Mapping[str, DatabaseSettings],
    make: Callable[[str, DatabaseSettings], Database],
) -> Databases:
    return Databases(
        make("default", settings.with_environment()),
        {name: make(name, each.with_name(name)) for name, each in named.items()},
    )


def _observed(
    factory: DatabaseFactory,
    host: Host,
    metrics: DatabaseMetrics,
    name: str,
    settings: DatabaseSettings,
) -> Database:
    database = factory(name, settings, folder=host.root, observer=metrics.observer(name))
    metrics.observe(name, database)
    if database.replicas is not None:
        database.replicas.observer = ReplicaMetrics(host.meter, metrics, name)
        for replica in database.replicas:
            metrics.observe(name, replica, "replica")
    return database


@contextmanager
def _migrations(databases: Databases, host: Host) -> Iterator[None]:
    """Apply or report the migrations of the databases, before their first use."""
    environment = {
        "is_production": host.environment == "production",
        "is_development": host.development,
    }
    for database in (databases.default, *databases.named.values()):
        folder = (database.folder or Path.cwd()) / database.settings.migrations
        if folder.is_dir():  # otherwise Alembic is not needed
            alembic = logging.getLogger("alembic")
            if alembic.level == logging.NOTSET:
                alembic.setLevel(logging.WARNING)  # its steps are reported by `migrate`
            from .migrations import prepare_start

            rt.offload(prepare_start, database, **environment)
    yield


@contextmanager
def _life(databases: Databases) -> Iterator[None]:
    find_transactions_by(find)  # sessions of the application may be named before they are used
    with ExitStack() as stack:
        for database in (databases.default, *databases.named.values()):
            stack.enter_context(database.life())
        yield


def _provider(
    database: Database, cls: type[Session]
) -> Callable[[Request | None], Iterator[Session]]:
    """Return the provider of sessions of class ``cls``, for requests and for jobs."""

    def session(request: Request | None = None) -> Iterator[Session]:
        has_messages = request is not None and outlives_request(request)
        # Messages and jobs may write.
        is_read = request is not None and request.method in _SAFE_METHODS and not has_messages
        read: ReadFrom = "replica" if is_read else "primary"
        with database.session(cls, is_reusable=False, read=read) as session:
            if has_messages:
                after_each_message(partial(complete_message, session), undo=session.rollback)
            manage(session)
            try:
                yield session
            finally:
                end_management(session)
            if session.in_transaction() or awaits_commit(session):  # the handler may have closed it
                commit_changes(session)

    return session


def _finish(session: object) -> AbstractContextManager[object] | None:
    """Flush the changes, so that the result is encoded with the values of the database."""
    if not isinstance(session, Session):  # a test may have replaced it
        return None
    session.flush()
    refresh_expired(session)
    return while_encoding()


def _add_readiness(host: Host, databases: Databases) -> None:
    host.readiness.add("database", databases.default.check_readiness)
    for name, database in databases.named.items():
        host.readiness.add(f"database.{name}", database.check_readiness)


def _add_positions(host: Host, databases: Databases) -> None:
    """Let clients read their own writes where databases have replicas."""
    every = {"default": databases.default, **databases.named}
    replicas = {name: each.replicas for name, each in every.items() if each.replicas is not None}
    if replicas:
        host.middleware(position_middleware(replicas))
