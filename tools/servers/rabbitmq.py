"""RabbitMQ for tests. Debian has its programs, and those of Erlang, which runs it.

A node of Erlang is found through a process of its own, epmd, which is shared by a machine. A server
of a test has its own one, on another port, which ends with it and after an hour at the latest.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ._folder import Guardian, server_folder
from ._process import Server, free_port, running
from ._programs import ServerUnavailable, program

_FOLDERS = (Path("/usr/lib/rabbitmq/bin"), Path("/usr/local/sbin"), Path("/opt/rabbitmq/sbin"))
_RUN = 'timeout -s KILL 1h epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" & exec "$0"'


class RabbitMQServer(Server):
    """A RabbitMQ with its user ``guest``."""

    ready_text = b"startup complete"
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, guardian: Guardian, server: Path) -> None:
        """Prepare a server that runs the program ``server``."""
        super().__init__(folder, guardian)
        self._server = server
        self._epmd_port = 0

    @property
    def url(self) -> str:
        """The URL of its first virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2f"

    def command(self) -> list[str]:
        """Return the command that runs the server."""
        self._epmd_port = free_port()
        folder = self.folder
        environment = {
            "HOME": folder,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": self._epmd_port,
            "RABBITMQ_ALLOW_INPUT": 1,  # else a shell is between this process and the server
            "RABBITMQ_CONF_ENV_FILE": folder / "none",
            "RABBITMQ_CONFIG_FILE": folder / "none",
            "RABBITMQ_DIST_PORT": free_port(),
            "RABBITMQ_ENABLED_PLUGINS_FILE": folder / "plugins",
            "RABBITMQ_LOG_BASE": folder / "logs",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_MNESIA_BASE": folder / "data",
            "RABBITMQ_NODENAME": f"photon-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": self.port,
            "RABBITMQ_PID_FILE": folder / "pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput +sbwt none +S 1:1",
        }
        variables = [f"{name}={value}" for name, value in environment.items()]
        return ["env", *variables, "sh", "-c", _RUN, str(self._server)]

    def stop(self, *, immediate: bool = False) -> None:
        """End the server and its epmd."""
        super().stop(immediate=immediate)
        if self._epmd_port:
            command = ["epmd", "-port", str(self._epmd_port), "-kill"]
            subprocess.run(command, check=False, capture_output=True)
            self._epmd_port = 0


@contextmanager
def run_rabbitmq() -> Iterator[RabbitMQServer]:
    """Run a RabbitMQ for the time of a block."""
    with server_folder("rabbitmq") as (folder, guardian):
        server = RabbitMQServer(folder, guardian, rabbitmq_program())
        with running(server):
            yield server


def rabbitmq_program() -> Path:
    """Return the program of the server.

    Raises:
        ServerUnavailable: RabbitMQ is not installed.
    """
    for folder in _FOLDERS:  # not PATH first: Debian's program there is for the user rabbitmq alone
        if (found := folder / "rabbitmq-server").exists():
            return found
    if installed := program("rabbitmq-server"):
        return installed
    raise ServerUnavailable(
        "RabbitMQ is not installed: set PHOTON_TEST_RABBITMQ_URL, run `python3 tools/dev.py "
        "servers` as root, or install rabbitmq-server"
    )
