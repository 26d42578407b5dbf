"""Where the jobs are: a file of SQLite, a PostgreSQL and a Redis, for the whole run.

The servers run on the core of the load. PostgreSQL runs without ``fsync``, as in the database
suite, and Redis keeps nothing on a disk; SQLite syncs every commit. Each runner has a store of its
own: a file, a database, or the number of a database of Redis.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.jobs._runners import POSTGRESQL, REDIS
from servers.postgres import run_postgres
from servers.valkey import run_valkey

if TYPE_CHECKING:
    from servers.postgres import PostgresServer

_REDIS_DATABASES = 16


@dataclass(slots=True)
class JobStores:
    """The stores of a run.

    Attributes:
        folder: Where files are.
        postgres: The server.
        redis: URL of the server, without a database.
    """

    folder: Path
    postgres: PostgresServer | None = None
    redis: str = ""
    _names: dict[str, int] = field(default_factory=dict)

    def environ(self, store: str, name: str) -> Mapping[str, str]:
        """Return the variables of a worker and of what enqueues for it.

        Args:
            store: The kind of the store.
            name: Its name; two uses of one name share their jobs.
        """
        is_new = name not in self._names
        number = self._names.setdefault(name, len(self._names))
        environ = {
            "JOBS_EFFECTS": str(self.effects(name)),
            "PHOTON__TASKS__MODE": "queue",
            "PHOTON_ENV": "production",
        }
        if store == REDIS:
            url = f"{self.redis}/{number % _REDIS_DATABASES}"
            return {**environ, "PHOTON__TASKS__URL": url, "REDIS_URL": url}
        if store == POSTGRESQL:
            assert self.postgres is not None
            if is_new:
                self.postgres.execute(f'CREATE DATABASE "{name}"')
            url = f"{self.postgres.url.rpartition('/')[0]}/{name}"
        else:
            url = f"sqlite:///{self.folder}/{name}.db"
        return {**environ, "PHOTON__DATABASE__URL": url}

    def effects(self, name: str) -> Path:
        """Return the file that the jobs of a store write to."""
        return self.folder / f"{name}.effects"


@contextmanager
def run_stores(kinds: Sequence[str], core: int) -> Iterator[JobStores]:
    """Run the servers of these kinds on a core, for the time of a block.

    Raises:
        ServerUnavailable: A server is not installed.
    """
    allowed = os.sched_getaffinity(0)
    with ExitStack() as stack:
        folder = tempfile.TemporaryDirectory(dir=Path.cwd())  # /tmp may be memory
        stores = JobStores(Path(stack.enter_context(folder)))
        stack.callback(os.sched_setaffinity, 0, allowed)
        os.sched_setaffinity(0, {core})  # inherited by the servers
        if POSTGRESQL in kinds:
            stores.postgres = stack.enter_context(run_postgres())
        if REDIS in kinds:
            stores.redis = stack.enter_context(run_valkey()).url.rpartition("/")[0]
        os.sched_setaffinity(0, allowed)
        yield stores
