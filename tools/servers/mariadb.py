"""MariaDB for tests. Debian has its programs; a MySQL may be named by the environment instead.

A commit is written to the operating system before it is confirmed, so it survives a crash of the
server, but is not synced to the disk. Clients may use TLS if the server was given a certificate.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ._folder import Guardian, copies, give_to_server, prepare, server_folder
from ._process import Server, running
from ._programs import ServerUnavailable, program
from .postgres import ServerConnection

DATABASE = "test"
_SMALL = ("--innodb-log-file-size=16M", "--innodb-buffer-pool-size=32M")
_SQL = f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4;\n"


class MariaDBServer(Server):
    """A MariaDB whose user ``root`` may do everything without a password."""

    ready_text = b"ready for connections"
    stop_signal = signal.SIGTERM

    def __init__(
        self, folder: Path, guardian: Guardian, server: Path, settings: Sequence[str]
    ) -> None:
        """Prepare a server that runs the program ``server`` with these options."""
        super().__init__(folder, guardian)
        self._server = server
        self.settings = tuple(settings)

    @property
    def url(self) -> str:
        """The URL of its database ``test``."""
        return f"mysql://root@127.0.0.1:{self.port}/{DATABASE}"

    def command(self) -> list[str]:
        """Return the command that runs the server."""
        return [
            str(self._server),
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--tmpdir={self.folder}",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            f"--init-file={self.folder / 'init.sql'}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            *self.settings,
        ]

    def execute(self, query: str, *parameters: object) -> tuple[tuple[Any, ...], ...]:
        """Execute a query on a connection of its own, commit, and return its rows.

        Blocks: the thread, also inside of a coroutine (use `offload` there).
        """
        import pymysql  # only here, so that a test decides when it is imported

        connection = pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=DATABASE, autocommit=True
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return tuple(cursor.fetchall())

    def connections(self) -> list[ServerConnection]:
        """Return the connections of clients, without the one of this question. Blocks."""
        rows = self.execute(
            "SELECT id, command, coalesce(info, ''), '' FROM information_schema.processlist "
            "WHERE id <> connection_id() AND user <> 'system user' ORDER BY id"
        )
        return [ServerConnection(*row) for row in rows]


@contextmanager
def run_mariadb(
    *,
    max_connections: int = 200,
    tls: tuple[Path, Path] | None = None,
    settings: Sequence[str] = (),
) -> Iterator[MariaDBServer]:
    """Run a MariaDB for the time of a block.

    Args:
        max_connections: The number of connections that it accepts.
        tls: The files of a key and of a certificate, to offer TLS.
        settings: Further options, such as ``--wait-timeout=2``.
    """
    server_program, install_program = mariadb_programs()
    with server_folder("mariadb") as (folder, guardian):
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", *_SMALL]
        data = f"--datadir={folder / 'data'}"
        prepare(install_program, "--no-defaults", data, *options, folder=folder)
        commands = folder / "init.sql"
        commands.write_text(_SQL)
        give_to_server(commands)
        lines = [
            f"--max-connections={max_connections}",
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-doublewrite=0",
            "--character-set-server=utf8mb4",
            "--local-infile=1",
            "--max-allowed-packet=64M",
            *_SMALL,
            *([] if tls is None else _encryption(*copies(tls, folder))),
        ]
        server = MariaDBServer(folder, guardian, server_program, [*lines, *settings])
        with running(server):
            yield server


def mariadb_programs() -> tuple[Path, Path]:
    """Return the program of the server, and the one that prepares its data.

    Raises:
        ServerUnavailable: MariaDB is not installed.
    """
    server, install = program("mariadbd"), program("mariadb-install-db")
    if server and install and program("my_print_defaults"):
        return server, install
    raise ServerUnavailable(
        "MariaDB is not installed: set PHOTON_TEST_MYSQL_DSN, or run `python3 tools/dev.py "
        "servers` as root, or install the packages mariadb-server-core and mariadb-client-core"
    )


def _encryption(key: Path, certificate: Path) -> list[str]:
    return [f"--ssl-key={key}", f"--ssl-cert={certificate}", f"--ssl-ca={certificate}"]
