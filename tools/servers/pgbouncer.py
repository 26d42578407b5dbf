"""PgBouncer for tests: a pooler in front of a PostgreSQL, by default in transaction mode.

In that mode a client has a server connection of its own only for the time of a transaction. What
lives longer than that (prepared statements, ``SET``, advisory locks) does not reach the same server
connection again. Debian has its program.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ._folder import Guardian, give_to_server, server_folder
from ._process import Server, running
from ._programs import ServerUnavailable, program
from .postgres import USER, PostgresServer

_SETTINGS = """\
[databases]
* = host=127.0.0.1 port={target} user={user}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {pool_size}
max_client_conn = {max_clients}
ignore_startup_parameters = extra_float_digits
server_login_retry = 0.2
"""


class PgBouncer(Server):
    """A PgBouncer."""

    ready_text = b"process up"
    stop_signal = signal.SIGQUIT  # SIGTERM waits for the clients in newer versions

    def __init__(
        self,
        folder: Path,
        guardian: Guardian,
        target: PostgresServer,
        *,
        pool_size: int,
        max_clients: int,
        mode: str,
    ) -> None:
        """Prepare a pooler in front of ``target``; see `run_pgbouncer`."""
        super().__init__(folder, guardian)
        self._program = pgbouncer_program()
        self._target = target
        self._values = {"pool_size": pool_size, "max_clients": max_clients, "mode": mode}

    @property
    def url(self) -> str:
        """The URL of the database ``postgres`` of the server behind it."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def command(self) -> list[str]:
        """Write the settings and return the command that runs the pooler with them."""
        file = self.folder / "pgbouncer.ini"
        values = {"port": self.port, "target": self._target.port, "user": USER, **self._values}
        file.write_text(_SETTINGS.format(**values))
        give_to_server(file)
        return [str(self._program), str(file)]


@contextmanager
def run_pgbouncer(
    target: PostgresServer,
    *,
    pool_size: int = 2,
    max_clients: int = 200,
    mode: str = "transaction",
) -> Iterator[PgBouncer]:
    """Run a PgBouncer in front of a PostgreSQL for the time of a block.

    Args:
        target: The server that it connects to.
        pool_size: The number of server connections.
        max_clients: The number of connections that it accepts.
        mode: ``transaction``, ``session`` or ``statement``.
    """
    with server_folder("pgbouncer") as (folder, guardian):
        sizes = {"pool_size": pool_size, "max_clients": max_clients}
        server = PgBouncer(folder, guardian, target, mode=mode, **sizes)
        with running(server):
            yield server


def pgbouncer_program() -> Path:
    """Return the program of PgBouncer.

    Raises:
        ServerUnavailable: It is not installed.
    """
    if installed := program("pgbouncer"):
        return installed
    raise ServerUnavailable(
        "PgBouncer is not installed: run `python3 tools/dev.py servers` as root, or install the "
        "package pgbouncer of your system"
    )
