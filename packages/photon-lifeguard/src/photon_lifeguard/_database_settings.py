"""The ``[database]`` section of photon.toml, and ``[database.NAME]`` for further databases."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import attrs
from attrs.validators import ge, gt, in_, optional

from photon_runtime.settings import section


def _without_password(url: str) -> str:
    return repr(_PASSWORD.sub(r"\1***@", url))


def _without_passwords(urls: tuple[str, ...]) -> str:
    return f"({', '.join(map(_without_password, urls))})"


_PASSWORD = re.compile(r"(://[^/@]*:).*@")


@section("database", named=True)
@attrs.frozen
class DatabaseSettings:
    """The settings of one database.

    Durations are seconds. The environment variable ``DATABASE_URL`` replaces `url` of the section
    ``[database]``; ``PHOTON__DATABASE__URL`` replaces both.

    Attributes:
        url: Address of the database, as SQLAlchemy writes it: ``sqlite:///app.db`` (relative to the
            folder of the project), ``postgresql://user:password@host/name``, ``mysql://…``.
        replicas: Addresses of standbys that follow it, for reads; PostgreSQL only.
        max_replica_lag: Seconds by which a replica may be behind and still be read from; below 0.1
            replicas are mostly unused.
        pool_size: Maximum number of connections of one process to one server.
        pool_min_size: Number of connections that stay open while they are idle.
        acquire_timeout: Maximum time to wait for a connection.
        max_waiting: Maximum number of callers that wait for a connection; further ones are refused
            at once.
        connect_timeout: Maximum time to open a connection.
        max_lifetime: Age after which a connection is replaced; zero for never. Each connection has
            an age of its own, up to a tenth less, so that they are not replaced all at once.
        idle_timeout: Time after which an idle connection above `pool_min_size` is closed; zero for
            never.
        liveness_interval: Time after which an idle connection is checked before its next use.
        leak_after: Time after which a connection that is still in use is reported; zero for never.
        statement_timeout: Maximum time of a statement, enforced by the server (PostgreSQL and
            MySQL); zero for no limit. The deadline of a request shortens it.
        transaction_pooling: True if a pooler such as PgBouncer in transaction mode is in front of
            PostgreSQL: nothing that outlives a transaction is used.
        synchronous: When a commit of SQLite is on the disk: ``full`` before it returns, ``normal``
            at the next checkpoint (a loss of power may lose the last commits, a crash of the
            process loses nothing).
        slow_query: Duration from which a statement is logged as slow, with its line and without its
            values; zero for none.
        repeated_statements: Number of executions of one statement in one request from which it is
            logged as repeated, with its line and the remedy; zero for none. By default 3 in
            development and in the environment ``test``, and zero elsewhere. The section
            ``[database]`` decides for all databases.
        echo: True to log every statement, and to show the values of a statement in its error; for
            development.
        models: Models of the database, as ``module:attribute`` of a declarative base class or a
            `sqlalchemy.MetaData`; migrations are generated from them.
        migrations: Folder of the migrations, relative to that of the project; that of the section
            ``[database.NAME]`` is ``db/migrations/NAME`` by default.
        seeds: Folder of the seeds, likewise.
        ignored_tables: Tables that are not part of the models and stay, as patterns such as
            ``legacy_*``; those named ``photon_*``, such as the tables of jobs, always do.
        auto_migrate: True to apply pending migrations when the application starts; of several
            processes one does, and the others wait for it.
        pending_migrations: What a start does about pending migrations: ``refuse``, ``warn`` or
            ``ignore``; by default it refuses in production and warns elsewhere.
        lock_timeout: Maximum time that a statement of a migration waits for a lock, because reads
            and writes of the table queue behind it; zero for no limit. The migration is then rolled
            back and tried again.
        lock_attempts: Number of attempts to get the locks of a migration.
        migration_wait: Maximum time to wait for another process that migrates the same database.
    """

    url: str = attrs.field(default="sqlite:///app.db", repr=_without_password)
    replicas: tuple[str, ...] = attrs.field(default=(), repr=_without_passwords)
    max_replica_lag: float = attrs.field(default=1.0, validator=gt(0))
    pool_size: int = attrs.field(default=10, validator=ge(1))
    pool_min_size: int = attrs.field(default=0, validator=ge(0))
    acquire_timeout: float = attrs.field(default=10.0, validator=gt(0))
    max_waiting: int = attrs.field(default=1000, validator=ge(0))
    connect_timeout: float = attrs.field(default=5.0, validator=gt(0))
    max_lifetime: float = attrs.field(default=1800.0, validator=ge(0))
    idle_timeout: float = attrs.field(default=600.0, validator=ge(0))
    liveness_interval: float = attrs.field(default=30.0, validator=gt(0))
    leak_after: float = attrs.field(default=60.0, validator=ge(0))
    statement_timeout: float = attrs.field(default=30.0, validator=ge(0))
    transaction_pooling: bool = False
    synchronous: str = attrs.field(default="full", validator=in_(("full", "normal")))
    slow_query: float = attrs.field(default=0.5, validator=ge(0))
    repeated_statements: int | None = attrs.field(default=None, validator=optional(ge(0)))
    echo: bool = False
    models: str = ""
    migrations: str = "db/migrations"
    seeds: str = "db/seeds"
    ignored_tables: tuple[str, ...] = ()
    auto_migrate: bool = False
    pending_migrations: str = attrs.field(
        default="", validator=in_(("", "refuse", "warn", "ignore"))
    )
    lock_timeout: float = attrs.field(default=3.0, validator=ge(0))
    lock_attempts: int = attrs.field(default=10, validator=ge(1))
    migration_wait: float = attrs.field(default=600.0, validator=gt(0))

    def with_name(self, name: str) -> DatabaseSettings:
        """Return the settings of the section ``[database.NAME]`` with the folders of that name."""
        general = DatabaseSettings()

        def folder(value: str, default: str) -> str:
            return f"{default}/{name}" if value == default else value

        return attrs.evolve(
            self,
            migrations=folder(self.migrations, general.migrations),
            seeds=folder(self.seeds, general.seeds),
        )

    def with_environment(self, environ: Mapping[str, str] = os.environ) -> DatabaseSettings:
        """Return the settings of the section ``[database]`` with ``DATABASE_URL``, if it is set.

        Args:
            environ: Variables of the environment.
        """
        url = environ.get("DATABASE_URL")
        if not url or "PHOTON__DATABASE__URL" in environ:
            return self
        return attrs.evolve(self, url=url)

    def repeated_statements_in(self, environment: str, *, development: bool) -> int:
        """Return `repeated_statements` with its default in an environment.

        Args:
            environment: Name of the environment.
            development: True in development mode.
        """
        if self.repeated_statements is not None:
            return self.repeated_statements
        return _REPEATED if development or environment == "test" else 0


_REPEATED = 3
