"""Alembic without ``alembic.ini`` and ``env.py``: its environment for one connection.

Migrations may use ``from alembic import op, context`` as always. Both are proxies of the process,
so that one environment exists at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO, TypeAlias

from alembic.config import Config
from alembic.ddl.impl import DefaultImpl
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import URL

from ._log import VERSION_TABLE
from ._postgresql import PostgresqlOperations
from ._scripts import Scripts
from .sqlite import SqliteOperations

Plan: TypeAlias = Callable[[Sequence[str]], Iterable[RevisionStep]]
"""Returns the steps to take from the current revisions, the next one first."""
_one_at_a_time = threading.Lock()
_OPERATIONS: dict[str, type[DefaultImpl]] = {
    "sqlite": SqliteOperations,
    "postgresql": PostgresqlOperations,
}


@contextmanager
def environment(
    scripts: Scripts,
    *,
    connection: Connection | None = None,
    plan: Plan | None = None,
    **options: Any,
) -> Iterator[EnvironmentContext]:
    """Yield an environment in which migrations run.

    Args:
        scripts: Revision files.
        connection: Connection to run them on; ``None`` to write SQL, with the options for that.
        plan: Steps that `EnvironmentContext.run_migrations` takes; by default none.
        options: Further ones of `EnvironmentContext.configure`.

    Blocks: the thread, while another one uses an environment.
    """

    def steps(current: Any, context: MigrationContext) -> Any:
        return [] if plan is None else plan(tuple(current or ()))

    with (
        _one_at_a_time,
        EnvironmentContext(Config(), scripts.directory, fn=steps) as env,
    ):
        env.configure(
            connection=connection,
            version_table=VERSION_TABLE,
            transaction_per_migration=True,
            **options,
        )
        context = env.get_context()
        operations = _OPERATIONS.get(context.dialect.name)
        if operations is not None and connection is not None:
            is_transactional = context.dialect.name == "sqlite" or context.impl.transactional_ddl
            context.impl = operations(
                context.dialect, connection, False, is_transactional, None, dict(context.opts)
            )
        yield env


def run(env: EnvironmentContext) -> None:
    """Take the steps of an environment, as `EnvironmentContext.run_migrations` does.

    ``op.batch_alter_table(…, recreate="always")`` asks for Alembic's own rebuild of tables, which
    loses what SQLAlchemy does not reflect, such as triggers. Without options that need it, the
    rebuild of this package is used.
    """
    context = env.get_context()
    with Operations.context(context) as operations:
        original = operations.batch_alter_table

        def batch_alter_table(
            table_name: str, schema: str | None = None, recreate: Any = "auto", **options: Any
        ) -> Any:
            own: Any = recreate if any(options.values()) else "auto"
            return original(table_name, schema, own, **options)

        operations.__dict__["batch_alter_table"] = batch_alter_table
        context.run_migrations()


def write_sql(
    scripts: Scripts, url: URL, plan: Plan, current: Sequence[str], output: TextIO
) -> None:
    """Write the SQL of migrations to ``output``, without a connection.

    Args:
        scripts: Revision files.
        url: Address that names the kind of the database.
        plan: Steps to take.
        current: Revisions of the database.
        output: Destination.
    """
    with environment(
        scripts,
        plan=lambda _: plan(current),
        url=url,
        as_sql=True,
        literal_binds=True,
        output_buffer=output,
        starting_rev=tuple(current) or None,
        dialect_opts={"paramstyle": "named"},
    ) as env:
        run(env)


def current_revisions(connection: Connection) -> tuple[str, ...]:
    """Return the revisions that the database is at. Blocks: the thread, for a round trip or two."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return ()
    rows = connection.scalars(text(f"SELECT version_num FROM {VERSION_TABLE} ORDER BY 1"))
    return tuple(rows)
