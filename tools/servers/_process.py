"""`Server`: one server process of a test.

Theory of operation. A `Server` has a folder and a port of its own, and has both for as long as it
exists: it may be stopped, killed, paused and started again in between, and is found at the same
address with the same data. It is started in a session of its own, so that a ^C at the terminal
reaches pytest alone, which then stops it in an orderly way.

A port that was free may be taken by another process before the server listens there. The first
start then tries another one.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from ._folder import Guardian, unprivileged
from ._programs import ServerUnavailable

_START_TIME = 30.0
_STOP_TIME = 10.0
_ATTEMPTS = 3


class Server:
    """A server process that a test may stop, kill, pause and start again.

    Attributes:
        folder: The folder of its data and its log.
        port: The port of the loopback that it listens on.
    """

    ready_text: ClassVar[bytes]
    """Text of the log, in lower case, that reports that the server accepts connections."""
    stop_signal: ClassVar[signal.Signals]
    """The signal on which the server ends its connections and itself."""
    crash_signal: ClassVar[signal.Signals] = signal.SIGKILL
    """The signal on which the server ends at once, without writing what it has in memory."""

    def __init__(self, folder: Path, guardian: Guardian) -> None:
        """Prepare a server whose data is in ``folder``; it has not been started."""
        self.folder = folder
        self.port = 0
        self._guardian = guardian
        self._process: subprocess.Popen[bytes] | None = None
        self._paused: list[int] = []
        self._log = folder / "log"

    def command(self) -> list[str]:
        """Return the command that runs the server on `port`, in the foreground."""
        raise NotImplementedError

    @property
    def is_running(self) -> bool:
        """True after a start, until the process has ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The number of its first process; zero before a start and after a stop."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the server and wait until it accepts connections.

        Raises:
            ServerUnavailable: It does not start; the message holds its log.
        """
        if self.is_running:
            return
        attempts = 1 if self.port else _ATTEMPTS
        for _ in range(attempts):
            if not self.port or attempts > 1:
                self.port = free_port()
            if self._starts():
                return
            self.kill()
        text = self._log.read_text(errors="replace")
        raise ServerUnavailable(f"{self.command()[0]} does not start:\n{text}")

    def stop(self, *, immediate: bool = False) -> None:
        """End the server, which breaks its connections.

        Args:
            immediate: True to end it as a crash does, without writing what is in memory: it
                recovers at the next start.
        """
        self.resume()
        if self._process is None:
            return
        self._process.send_signal(self.crash_signal if immediate else self.stop_signal)
        try:
            self._process.wait(_STOP_TIME)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None
        self._guardian.watch()

    def restart(self, *, immediate: bool = False) -> None:
        """Stop the server and start it again, on the same port and with the same data."""
        self.stop(immediate=immediate)
        self.start()

    def kill(self) -> None:
        """Kill the server with all of its processes (SIGKILL), as when memory runs out."""
        if self._process is None:
            return
        for pid in self._processes():
            _send(pid, signal.SIGKILL)
        self._process.wait()
        self._process, self._paused = None, []
        self._guardian.watch()

    def pause(self) -> None:
        """Stop all processes of the server (SIGSTOP): connections stay open and are not served."""
        if self._process is None or self._paused:
            return
        _send(self._process.pid, signal.SIGSTOP)  # first, so that it makes no further ones
        self._paused = self._processes()
        self._guardian.watch(*self._paused)
        for pid in self._paused:
            _send(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Continue all processes that `pause` has stopped."""
        paused, self._paused = self._paused, []
        for pid in reversed(paused):
            _send(pid, signal.SIGCONT)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """A block during which the server is paused; see `pause`."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def _processes(self) -> list[int]:
        """Return the process of the server, and those that it has made."""
        assert self._process is not None
        return [self._process.pid, *_children(self._process.pid)]

    def _starts(self) -> bool:
        """Start the process; return whether it reports that it is ready before it ends."""
        uid, gid = unprivileged()
        with self._log.open("wb") as output:
            self._process = process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                user=uid,
                group=gid,
                extra_groups=None if uid is None else [],
                start_new_session=True,
            )
        self._guardian.watch(process.pid)
        expires = time.monotonic() + _START_TIME
        while process.poll() is None and time.monotonic() < expires:
            if self.ready_text in self._log.read_bytes().lower():
                return True
            time.sleep(0.01)
        return False


@contextmanager
def running(server: Server) -> Iterator[None]:
    """Start a server for the time of a block, and stop it in the state that the block left it."""
    try:
        server.start()
        yield
    finally:
        server.stop()


def _children(parent: int) -> list[int]:
    """Return the processes that ``parent`` has made, and those that they have made."""
    children: dict[int, list[int]] = {}
    for pid, made_by in _parents():
        children.setdefault(made_by, []).append(pid)
    found = [parent]
    for pid in found:  # which grows
        found += children.get(pid, [])
    return found[1:]


def _parents() -> Iterator[tuple[int, int]]:
    """Yield each process of the machine, with the one that has made it."""
    files = list(Path("/proc").glob("[0-9]*/stat"))
    for file in files:
        with contextlib.suppress(OSError):  # it has ended
            name, _, rest = file.read_text(errors="replace").rpartition(")")
            yield int(name.split(" ", 1)[0]), int(rest.split()[1])
    if not files:
        command = ["ps", "-A", "-o", "pid=,ppid="]
        for line in subprocess.check_output(command, text=True).splitlines():
            pid, made_by = map(int, line.split())
            yield pid, made_by


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def free_port() -> int:
    """Return a port that is free, and that the operating system gives to no client.

    A client that connects to a stopped server whose port is in that range may be given the same
    port as its own, and is then connected to itself.
    """
    while True:
        port = random.randrange(20_000, 32_768)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
