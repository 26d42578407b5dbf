"""The engines of a database: that of the primary, and those of its replicas."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from sqlalchemy import URL, Engine, create_engine

from ._database_settings import DatabaseSettings
from ._value_errors import unify_value_errors
from .backends import Backend, backend_for, database_url, is_in_memory
from .errors import DatabaseConfigurationError
from .observability import DatabaseObserver, EngineWatch, observe_engine
from .pool import PoolLimits, WaitingPool
from .replicas import Probe, Replica, Replicas, follow_commits
from .results import refuse_statements
from .transactions import BACKEND, begin_on_demand

_REPLICA_ACQUIRE_TIMEOUT = 0.001  # the primary is there
_REPLICA_CONNECT_TIMEOUT = 1.0


def make_engine(
    url: URL,
    settings: DatabaseSettings,
    backend: Backend,
    observer: DatabaseObserver,
    *,
    committed: Callable[[int], object] | None = None,
) -> tuple[Engine, EngineWatch]:
    """Return an engine whose pool waits in the scheduler, and what observes its statements.

    Args:
        url: Address of the server.
        settings: Settings of the database.
        backend: Kind of the database.
        observer: Is informed of what the pool and the statements do.
        committed: Is called with the position of each commit, if the database has replicas.
    """
    engine = _create_engine(url, settings, backend, observer)
    if settings.replicas and committed is not None:
        _check_replicated(backend)
        follow_commits(engine, backend, committed)  # next to the driver, so that it is observed
    watch = observe_engine(engine, backend, observer, slow_query=settings.slow_query)
    begin_on_demand(engine, backend, statement_timeout=settings.statement_timeout)
    refuse_statements(engine)
    unify_value_errors(engine)
    return engine, watch


def make_replicas(
    primary: Engine, settings: DatabaseSettings, backend: Backend, observer: DatabaseObserver
) -> Replicas | None:
    """Return the replicas that the settings name; ``None`` without any.

    Args:
        primary: Engine of the primary.
        settings: Settings of the database.
        backend: Kind of the database.
        observer: That of the primary.

    Raises:
        DatabaseConfigurationError: The database cannot have replicas, or an address is not that of
            a PostgreSQL server.
    """
    if not settings.replicas:
        return None
    of_replicas = observer.for_replicas()
    return Replicas(
        primary,
        Probe(backend.connector(primary.dialect, primary.url, settings), backend),
        [_make_replica(address, settings, of_replicas) for address in settings.replicas],
        max_lag=settings.max_replica_lag,
    )


def _make_replica(address: str, settings: DatabaseSettings, observer: DatabaseObserver) -> Replica:
    url = database_url(address, setting="replicas")
    if url.get_backend_name() != "postgresql":
        raise DatabaseConfigurationError(
            f"[database] replicas: {url.get_backend_name()} is not the kind of the primary: write "
            "addresses as postgresql://user:password@host/name"
        )
    if not settings.transaction_pooling:  # poolers refuse options; a standby refuses writes anyway
        url = _read_only(url)
    settings = attrs.evolve(
        settings,
        url=address,
        replicas=(),
        acquire_timeout=_REPLICA_ACQUIRE_TIMEOUT,
        connect_timeout=min(settings.connect_timeout, _REPLICA_CONNECT_TIMEOUT),
    )
    backend = backend_for(url, settings)
    engine, _ = make_engine(url, settings, backend, observer)
    probe = Probe(backend.connector(engine.dialect, engine.url, settings), backend)
    return Replica(engine, probe, max_lag=settings.max_replica_lag)


def _check_replicated(backend: Backend) -> None:
    if backend.name != "postgresql":
        raise DatabaseConfigurationError(
            f"[database] replicas: the database is {backend.name}, and only PostgreSQL has "
            "replicas here: remove the setting"
        )


def _read_only(url: URL) -> URL:
    options = url.query.get("options", "")
    text = options if isinstance(options, str) else " ".join(options)
    read_only = f"{text} -c default_transaction_read_only=on".strip()
    return url.update_query_dict({"options": read_only})


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
        hide_parameters=not settings.echo,  # errors are logged, and values of rows may be private
        execution_options={BACKEND: (backend, settings.statement_timeout)},
    )
