"""One server process tree: started pinned to a core, watched, and always ended.

A server leads a new session, hence a process group of its own: Ctrl-C in the terminal does not
reach it, and ending it cannot touch anything the benchmark did not start. The leader is asked with
SIGTERM, so that a supervisor can end its workers; what is left of the group after that is killed.
Should the benchmark itself be killed, the kernel sends the leader that SIGTERM, as setpriv asks.
"""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bench._usage import Usage, read_usage
from bench.errors import BenchError

_PATIENCE = 5.0  # seconds between SIGTERM and SIGKILL
_LOG_TAIL = 300  # characters of a server's log quoted in an error


def free_port() -> int:
    """Find a port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """A running server; a context manager that ends it on exit, whatever happened."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        port: int,
        folder: Path,
        core: int,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Start ``command`` in ``folder`` on ``core``; ``port`` is where it will listen.

        ``environ`` is added to the environment of this process.
        """
        self.port = port
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
        self._popen = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", str(core), *command],
            cwd=folder,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process that leads the tree."""
        return self._popen.pid

    def usage(self) -> Usage:
        """Read the CPU time and memory of the whole tree so far."""
        return read_usage(self._popen.pid)

    def check_alive(self, *, within: float = 0.0) -> None:
        """Raise when the server has ended.

        Args:
            within: Seconds to wait for that end, where something hints at it already.

        Raises:
            BenchError: It has ended; the message quotes the end of its log.

        Blocks: for ``within`` seconds if it lives.
        """
        try:
            status = self._popen.wait(within)
        except subprocess.TimeoutExpired:
            return
        raise BenchError(f"the server ended with status {status}: {self._log_tail()}")

    def wait_listening(self, *, timeout: float) -> None:
        """Wait until the port accepts connections.

        Args:
            timeout: Seconds, counted from this call.

        Raises:
            BenchError: The server ended instead, or the time was up.

        Blocks: until a connection is accepted or ``timeout`` is over.
        """
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self.check_alive()
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            time.sleep(0.05)
        raise BenchError(f"nothing listened on the port within {timeout:.0f} s: {self._log_tail()}")

    def stop(self) -> None:
        """End the server and everything left in its group; may be called again."""
        if self._log.closed:
            return
        self.ask_to_end()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(_PATIENCE)
        finally:  # also when Ctrl-C cuts the waiting short
            self._kill_group()
            self._log.close()

    def ask_to_end(self) -> None:
        """Send SIGTERM to the leader, and do not wait."""
        self._popen.terminate()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        end = time.monotonic() + _PATIENCE
        while self.usage().memory and time.monotonic() < end:  # the killed give it back as they go
            time.sleep(0.01)

    def _log_tail(self) -> str:
        self._log.seek(0)
        text = self._log.read().decode(errors="replace").strip()
        return text[-_LOG_TAIL:] or "(its log is empty)"
