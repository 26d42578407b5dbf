"""No handler, short of a crash in C, makes `photon run` deaf: with one worker and with two.

Whatever a handler does, a worker that makes no progress is replaced, SIGHUP replaces it, SIGTERM
ends it within the shutdown timeout, and a second signal at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the handlers use calls of Linux"),
]

PROGRAM = """
    import ctypes, os, re, signal
    from photon_runtime import sleep
    from photon_runtime.http import Response

    def loop():
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass

    def regex():
        re.match("(a+)+$", "a" * 64 + "b")

    def lock():
        ctypes.PyDLL(None).sleep(1000)

    def ignore():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        loop()

    def block():
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        loop()

    def setsid():
        os.setsid()
        loop()

    def close():
        os.closerange(3, 1000)

    def close_and_loop():
        os.closerange(3, 1000)
        loop()

    def fork():
        if os.fork() == 0:
            ctypes.PyDLL(None).sleep(30)
            os._exit(0)
        loop()

    def stop():
        os.kill(os.getpid(), signal.SIGSTOP)

    def cancelled():
        while True:
            try:
                sleep(1000)
            except BaseException:
                pass

    def app(request):
        name = request.path[1:]
        if name:
            os.write(1, f"{name} {os.getpid()}\\n".encode())
            globals()[name]()
        return Response(body=str(os.getpid()))
"""
STUCK = (
    *("loop", "regex", "lock", "ignore", "block", "setsid", "close", "close_and_loop"),
    *("fork", "stop"),
)


class Service:
    """`photon run`, with a thread that reads what it writes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.port = 0
        self.clients: list[socket.socket] = []
        self.reading = threading.Thread(target=self._read, daemon=True)
        self.reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            for line in self.process.stdout:
                self.lines.append(line.rstrip("\n"))

    def wait_for(self, text: str, *, since: int = 0) -> str:
        """Wait for a line with a text, and return it."""
        limit = time.monotonic() + 40
        while True:
            for line in self.lines[since:]:
                if text in line:
                    return line
            assert time.monotonic() < limit, f"no {text!r} in:\n" + "\n".join(self.lines)
            time.sleep(0.02)

    def wait_ready(self) -> None:
        self.port = int(self.wait_for("  URL ").rpartition(":")[2])
        self.wait_for("Ctrl-C")

    def misuse(self, name: str) -> int:
        """Have a handler do something bad; return the pid of its worker."""
        begun = len(self.lines)
        client = socket.create_connection(("127.0.0.1", self.port), 40)
        client.sendall(f"GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        self.clients.append(client)
        return int(self.wait_for(f"{name} ", since=begun).split()[1])

    def ask(self) -> int:
        """Return the pid of the worker that responds."""
        limit = time.monotonic() + 40
        while True:
            assert time.monotonic() < limit, "\n".join(self.lines)
            with (
                contextlib.suppress(OSError, ValueError),
                socket.create_connection(("127.0.0.1", self.port), 2) as client,
            ):
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return int(b"".join(iter(lambda: client.recv(4096), b"")).rpartition(b"\n")[2])

    def wait_end(self, seconds: float) -> int:
        code = self.process.wait(seconds)
        self.reading.join(0.5)  # longer, if a process that a handler has forked has the pipe
        return code

    def records(self) -> list[str]:
        """The messages of the supervisor's log records."""
        records = [json.loads(line) for line in self.lines if line.startswith("{")]
        return [each["message"] for each in records if each["logger"] == "photon.workers"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    (tmp_path / "photon.toml").write_text("[project]\nname = 'shop'\napp = 'main:app'\n")
    (tmp_path / "main.py").write_text(textwrap.dedent(PROGRAM))
    environ = {name: value for name, value in os.environ.items() if name != "PHOTON_ENV"}
    services: list[Service] = []

    def start(workers: int, **settings: str) -> Service:
        variables = {f"PHOTON__SERVER__{name.upper()}": each for name, each in settings.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "photon_cli", "run", "--port", "0", "--workers", str(workers)],
            cwd=tmp_path,
            env=environ | variables | {"TMPDIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        services.append(Service(process))
        services[-1].wait_ready()
        return services[-1]

    yield start
    for service in services:
        for client in service.clients:
            client.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(service.process.pid, signal.SIGKILL)
        service.process.wait()


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("workers", [1, 2])
def test_worker_that_a_handler_makes_deaf_is_replaced_and_ended(
    start: Callable[..., Service], workers: int
) -> None:
    service = start(workers, worker_timeout="1.5", shutdown_timeout="0.5", idle_grace="0.1")
    killed = []
    for name in STUCK:
        killed.append(service.misuse(name))
        service.wait_for(f"(pid {killed[-1]}) was killed by" if name != "close" else "; it is rep")
        assert service.ask() not in killed
    assert not any(map(is_alive, killed))
    killed.append(service.misuse("block"))
    service.process.terminate()
    assert service.wait_end(10) == 0
    assert not any(map(is_alive, killed))
    # The process that a handler has forked is still there, and does not listen.
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", service.port)) != 0
    messages = service.records()
    assert "stopping: SIGTERM" in messages
    assert messages[-1].startswith("stopped after ")
    assert any(line.endswith(" in loop") for line in service.lines)  # the stack before the end


@pytest.mark.parametrize("workers", [1, 2])
def test_sighup_and_a_second_signal_work_whatever_a_handler_does(
    start: Callable[..., Service], workers: int
) -> None:
    service = start(workers, worker_timeout="0", shutdown_timeout="0.5", idle_grace="0.1")
    old = []
    for name in (*STUCK, "cancelled"):
        begun = len(service.lines)
        old.append(service.misuse(name))
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("all workers are replaced", since=begun)
        limit = time.monotonic() + 10
        while service.ask() in old:  # an old worker accepts connections until it is told to stop
            assert time.monotonic() < limit
    limit = time.monotonic() + 10
    while any(map(is_alive, old)):
        assert time.monotonic() < limit
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [1, 2])
def test_second_signal_ends_stuck_workers_at_once(
    start: Callable[..., Service], workers: int
) -> None:
    service = start(workers, shutdown_timeout="300")
    stuck = [service.misuse("ignore")]
    service.process.terminate()
    service.wait_for("stopping: SIGTERM")
    time.sleep(0.1)  # closer together, they are one
    service.process.send_signal(signal.SIGINT)
    assert service.wait_end(5) == 0
    assert not any(map(is_alive, stuck))
    assert "SIGINT once more: the workers are killed" in service.records()


def test_signals_to_any_process_of_the_service_show_its_state_and_end_nothing(
    start: Callable[..., Service],
) -> None:
    service = start(1)
    worker = service.ask()
    for number in (signal.SIGTTIN, signal.SIGTTOU, signal.SIGALRM, signal.SIGWINCH):
        service.process.send_signal(number)
    service.process.send_signal(signal.SIGUSR1)
    service.wait_for(f"coroutines of process {worker}:")
    service.wait_for(f"supervisor (pid {service.process.pid}) runs: worker 0 (pid {worker}) is re")
    service.wait_for("Stack (most recent call first):")
    os.kill(worker, signal.SIGUSR2)
    state = json.loads(service.wait_for("state of the process"))
    assert state["pid"] == worker
    assert state["memory"] > 1_000_000
    assert state["tasks"] >= 1
    assert service.ask() == worker
    os.kill(worker, signal.SIGHUP)  # of a terminal that is closed, or by mistake
    service.wait_for("all workers are replaced")
    assert service.ask() != worker
    service.process.send_signal(signal.SIGQUIT)
    assert service.wait_end(5) == 0
