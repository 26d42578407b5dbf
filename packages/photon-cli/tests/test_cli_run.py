from __future__ import annotations

import concurrent.futures
import contextlib
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from photon_cli._serving import announcement
from photon_runtime import speedups
from photon_runtime.project import Project
from photon_runtime.speedups import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

APPLICATION = """
    import contextlib, os, time
    from photon_runtime.http import Response

    class App:
        @contextlib.contextmanager
        def start(self, *, development=False):
            print("started", development, flush=True)
            yield self.handle
            print("ended", flush=True)

        def handle(self, request):
            if request.path == "/slow":
                from photon_runtime import sleep
                sleep(0.5)
            if request.path == "/eat":
                self.eaten = bytearray(b"x") * 64_000_000
            if request.path == "/stuck":
                while True:
                    pass
            return Response(body=f"{os.getpid()} {os.environ['PHOTON_ENV']}")

        def document(self):
            return {}

    app = App()

    def plain(request):
        return Response(body="plain")

    class Refusing:
        def start(self, *, development=False):
            from photon_runtime.errors import PhotonError
            raise PhotonError("two operations have no handler")

    refusing = Refusing()

    class Crashing:
        def start(self, *, development=False):
            raise ConnectionError("no database")

    crashing = Crashing()
"""


class Command:
    """A ``photon`` command in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output = ""
        self.url = ""

    def read_until(self, text: str) -> None:
        """Wait until something was printed."""
        assert self.process.stdout is not None
        while text not in self.output:
            line = self.process.stdout.readline()
            assert line, f"no {text!r} in:\n{self.output}"
            self.output += line

    def wait_ready(self) -> None:
        self.read_until("stop  Ctrl-C")
        (self.url,) = (line.split()[1] for line in self.output.splitlines() if "  URL" in line)

    def get(self, path: str = "/") -> str:
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            text: str = answer.read().decode()
        return text

    def pid_of_answer(self) -> int:
        return int(self.get().split()[0])

    def exit_code(self) -> int:
        """Wait for the end, reading what is printed until then."""
        self.output += self.process.communicate(timeout=30)[0]
        return self.process.returncode


@pytest.fixture
def photon(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    (tmp_path / "photon.toml").write_text("[project]\nname = 'shop'\napp = 'main:app'\n")
    (tmp_path / "main.py").write_text(textwrap.dedent(APPLICATION))
    environ = {name: value for name, value in os.environ.items() if name != "PHOTON_ENV"}
    environ["TMPDIR"] = str(tmp_path)  # what is killed cleans nothing up
    started: list[Command] = []

    def photon(*arguments: str, **variables: str) -> Command:
        process = subprocess.Popen(
            [sys.executable, "-m", "photon_cli", *arguments],
            cwd=tmp_path,
            env=environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(Command(process))
        return started[-1]

    yield photon
    for command in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command.process.pid, signal.SIGKILL)
        command.process.communicate()


def listening_sockets(port: int) -> int:
    """How many sockets listen on a port of 127.0.0.1, as the kernel counts them."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table]
    return [(row[1], row[3]) for row in rows].count((f"0100007F:{port:04X}", "0A"))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_application_of_the_project_is_served_until_a_signal(
    photon: Callable[..., Command], number: signal.Signals
) -> None:
    command = photon("run", "--port", "0")
    command.wait_ready()
    assert command.output.startswith(
        f"started False\nshop serves (production, pid {command.process.pid})\n"
    )
    assert f"docs  {command.url}/docs\n" in command.output
    assert command.get().endswith(" production")
    assert command.pid_of_answer() != command.process.pid
    command.process.send_signal(number)
    assert command.exit_code() == 0
    assert command.output.count("\nended\n") == 1
    assert f"stopping: {number.name}" in command.output
    assert "stopped after 0." in command.output


def test_the_code_that_serves_is_printed(photon: Callable[..., Command]) -> None:
    command = photon("run", "--port", "0", PHOTON_SPEEDUPS="0")
    command.wait_ready()
    reason = "PHOTON_SPEEDUPS=0 switches it off"
    assert f"  code  Python (photon-speedups is not used: {reason})\n  stop" in command.output


def test_the_module_in_c_is_printed_with_its_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(speedups, "status", lambda: Status(is_used=True, version="0.1.0"))
    project = Project.here(environment="test")
    announcement(project, object(), addresses=[("127.0.0.1", 80)], note="pid 1")()
    assert "  code  C and Python (photon-speedups 0.1.0)\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("environment", "is_development"), [("development", True), ("test", False)]
)
def test_the_environment_decides_about_the_development_mode(
    photon: Callable[..., Command], environment: str, is_development: bool
) -> None:
    command = photon("run", "--port", "0", "-e", environment)
    command.wait_ready()
    assert command.output.startswith(f"started {is_development}\nshop serves ({environment}, ")


def test_the_application_is_spared_by_the_garbage_collector_once_it_has_started(
    photon: Callable[..., Command], tmp_path: Path
) -> None:
    (tmp_path / "counting.py").write_text(
        "import gc\n"
        "from photon_runtime.http import Response\n"
        "def count(request):\n"
        "    return Response(body=str(gc.get_freeze_count()))\n"
    )
    command = photon("run", "counting:count", "--port", "0")
    command.wait_ready()
    assert int(command.get()) > 1000


def test_a_named_handler_is_served_and_promises_no_documentation(
    photon: Callable[..., Command],
) -> None:
    command = photon("run", "main:plain", "--port", "0")
    command.wait_ready()
    assert command.get() == "plain"
    assert "docs" not in command.output


def test_options_win_over_variables_and_variables_over_files(
    photon: Callable[..., Command], tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "test.toml").write_text("[server]\nport = -1\nworkers = 0\n")
    command = photon("-e", "test", "run", "--workers", "1", PHOTON__SERVER__PORT="0")
    assert command.exit_code() == 1
    assert "config/test.toml:3: `server.workers`" in command.output
    command = photon(
        "-e", "test", "run", "--port", "0", PHOTON__SERVER__PORT="1", PHOTON__SERVER__WORKERS="1"
    )
    command.wait_ready()
    assert command.get().endswith(" test")


def test_requests_that_run_are_answered_before_the_end(photon: Callable[..., Command]) -> None:
    command = photon("run", "--port", "0")
    command.wait_ready()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(command.get, "/slow")
        time.sleep(0.2)
        command.process.send_signal(signal.SIGTERM)
        assert answer.result().endswith(" production")
    assert command.exit_code() == 0


def test_several_workers_answer_and_a_killed_one_is_replaced(
    photon: Callable[..., Command],
) -> None:
    command = photon("run", "--port", "0", "--workers", "2")
    command.wait_ready()
    assert f"2 workers, pid {command.process.pid}" in command.output
    command.read_until("started False\nshop serves")
    pids: set[int] = set()
    while len(pids) < 2:
        pids.add(command.pid_of_answer())
    assert command.process.pid not in pids
    if sys.platform == "linux":
        assert listening_sockets(int(command.url.rpartition(":")[2])) == 2
    victim = min(pids)
    killed = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    answers: set[int] = set()
    while not answers - pids:
        answers.add(command.pid_of_answer())  # none fails: they wait in the dead worker's queue
    assert time.monotonic() - killed < 2
    command.read_until(f"(pid {victim}) was killed by signal 9")
    command.process.send_signal(signal.SIGTERM)
    assert command.exit_code() == 0
    assert command.output.count("shop serves") == 1
    assert not any(is_alive(pid) for pid in pids | answers)


def test_sighup_loads_new_code_without_losing_a_request(
    photon: Callable[..., Command], tmp_path: Path
) -> None:
    command = photon("run", "main:plain", "--port", "0", "--workers", "2")
    command.wait_ready()
    assert command.get() == "plain"
    source = (tmp_path / "main.py").read_text()
    (tmp_path / "main.py").write_text(source.replace('"plain"', '"renewed"'))
    command.process.send_signal(signal.SIGHUP)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        replaced = pool.submit(command.read_until, "all workers are replaced")
        while not replaced.done():
            assert command.get() in ("plain", "renewed")
    # The old workers have been told, and take what the system had accepted for them meanwhile.
    limit = time.monotonic() + 10
    while {command.get() for _ in range(20)} != {"renewed"}:
        assert time.monotonic() < limit


@pytest.mark.parametrize("workers", ["1", "3"])
def test_an_application_that_fails_to_load_is_reported_once(
    photon: Callable[..., Command], tmp_path: Path, workers: str
) -> None:
    (tmp_path / "broken.py").write_text("x = 1 / 0\n")
    command = photon("run", "broken:app", "--port", "0", "--workers", workers)
    assert command.exit_code() == 3
    assert command.output.count("ZeroDivisionError") == 1
    assert command.output.startswith("Error: importing `broken` failed:\nTraceback")
    assert "photon_cli" not in command.output


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_application_that_is_not_in_order_is_reported_once(
    photon: Callable[..., Command], workers: str
) -> None:
    command = photon("run", "main:refusing", "--port", "0", "--workers", workers)
    assert command.exit_code() == 3
    assert command.output == "Error: two operations have no handler\n"


def test_an_application_that_crashes_at_its_start_shows_its_traceback(
    photon: Callable[..., Command],
) -> None:
    command = photon("run", "main:crashing", "--port", "0")
    assert command.exit_code() == 1
    assert command.output.count("ConnectionError: no database") == 1
    assert "photon_cli" not in command.output


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_is_reported_with_what_to_do(
    photon: Callable[..., Command], workers: str
) -> None:
    first = photon("run", "--port", "0", "--workers", workers)
    first.wait_ready()
    port = first.url.rpartition(":")[2]
    second = photon("run", "--port", port, "--workers", workers)
    assert second.exit_code() == 1
    assert f"cannot listen on 127.0.0.1:{port}: the port is in use" in second.output
    assert "--port" in second.output
    assert "started" not in second.output


def test_faults_in_the_settings_stop_the_start(
    photon: Callable[..., Command], tmp_path: Path
) -> None:
    (tmp_path / "photon.toml").write_text("[server]\nprot = 1\n[srever]\n")
    command = photon("run", "main:app")
    assert command.exit_code() == 1
    assert "photon.toml:2: [server] has no key `prot`; did you mean `port`?" in command.output
    assert "did you mean `server`?" in command.output


def test_without_an_application_the_command_says_what_to_write(
    photon: Callable[..., Command], tmp_path: Path
) -> None:
    (tmp_path / "photon.toml").unlink()
    command = photon("run", "--port", "0")
    assert command.exit_code() == 3
    assert "no application is named: there is no photon.toml in" in command.output


def test_an_unused_port_stays_unused_after_the_end(photon: Callable[..., Command]) -> None:
    command = photon("run", "--port", "0", "--workers", "2")
    command.wait_ready()
    port = int(command.url.rpartition(":")[2])
    command.process.send_signal(signal.SIGTERM)
    command.exit_code()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


# -- what clients notice of stopping and reloading --------------------------------------------


class KeepAliveClient(threading.Thread):
    """Sends one request after the other on kept connections; whatever is not answered counts."""

    def __init__(self, port: int, pause: float) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.pause = pause
        self.answered = 0
        self.failures: list[str] = []
        self.is_told = threading.Event()
        self.may_be_refused = threading.Event()

    def run(self) -> None:
        while not self.is_told.is_set():
            try:
                client = socket.create_connection(("127.0.0.1", self.port), 20)
            except ConnectionRefusedError as error:
                if not self.may_be_refused.is_set():
                    self.failures.append(repr(error))
                return
            with client:
                self.use(client)

    def use(self, client: socket.socket) -> None:
        count, is_kept = 0, True
        while is_kept and not self.is_told.is_set():
            try:
                client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                answer = client.recv(65536)
            except OSError as error:
                self.failures.append(f"{error!r} for request {count} of a connection")
                return
            if not answer.startswith(b"HTTP/1.1 200 "):
                self.failures.append(f"{answer!r} for request {count} of a connection")
                return
            count += 1
            self.answered += 1
            is_kept = b"connection: close" not in answer
            self.is_told.wait(self.pause * random.random())


@contextlib.contextmanager
def load_on(port: int) -> Iterator[list[KeepAliveClient]]:
    clients = [KeepAliveClient(port, pause) for pause in [0, 0, 0.01, 0.01, 0.1, 0.1, 0.6, 0.6]]
    for client in clients:
        client.start()
    yield clients
    for client in clients:
        client.is_told.set()
    for client in clients:
        client.join(30)
    assert [failure for client in clients for failure in client.failures] == []
    assert all(client.answered for client in clients)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_stop_under_load_leaves_no_request_unanswered(
    photon: Callable[..., Command], workers: str
) -> None:
    command = photon("run", "--port", "0", "--workers", workers)
    command.wait_ready()
    with load_on(int(command.url.rpartition(":")[2])) as clients:
        time.sleep(0.5)
        for client in clients:
            client.may_be_refused.set()
        command.process.terminate()
        assert command.exit_code() == 0
    assert "cut off" not in command.output


@pytest.mark.parametrize("workers", ["1", "2"])
def test_reload_under_load_leaves_no_request_unanswered(
    photon: Callable[..., Command], workers: str
) -> None:
    command = photon("run", "--port", "0", "--workers", workers)
    command.wait_ready()
    with load_on(int(command.url.rpartition(":")[2])):
        for _ in range(2):
            command.process.send_signal(signal.SIGHUP)
            command.output = ""
            command.read_until("all workers are replaced")
            time.sleep(0.3)
    command.process.terminate()
    assert command.exit_code() == 0


def test_worker_that_has_handled_enough_is_replaced_without_a_gap(
    photon: Callable[..., Command],
) -> None:
    command = photon("run", "--port", "0", PHOTON__SERVER__MAX_REQUESTS="300")
    command.wait_ready()
    before = command.pid_of_answer()
    with load_on(int(command.url.rpartition(":")[2])):
        command.read_until("asks to be replaced")
        command.read_until("all workers are replaced")
    until = time.monotonic() + 10
    while command.pid_of_answer() == before:  # the old one has been told, and may still accept
        assert time.monotonic() < until


def resident_memory(pid: int) -> int:
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the most it ever held is known")
def test_worker_that_holds_too_much_memory_is_replaced_without_a_gap(
    photon: Callable[..., Command],
) -> None:
    usual = photon("run", "--port", "0")
    usual.wait_ready()
    limit = resident_memory(usual.pid_of_answer()) + 32_000_000
    command = photon("run", "--port", "0", PHOTON__SERVER__MAX_MEMORY=str(limit))
    command.wait_ready()
    before = command.pid_of_answer()
    with load_on(int(command.url.rpartition(":")[2])):
        time.sleep(2.5)  # it is looked at once a second
        assert command.pid_of_answer() == before
        command.get("/eat")
        command.read_until(f"(pid {before}) asks to be replaced")
        command.read_until("all workers are replaced")
    until = time.monotonic() + 10
    while is_alive(before):
        assert time.monotonic() < until
        time.sleep(0.01)
    assert resident_memory(command.pid_of_answer()) < limit


class Held:
    """A kept connection that asks again and again, and remembers who answered it."""

    def __init__(self, port: int) -> None:
        self.client = socket.create_connection(("127.0.0.1", port), 20)
        self.pid = 0
        self.answered = 0

    def ask(self) -> bool:
        """Ask once; return whether an answer came."""
        try:
            self.client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = self.client.recv(65536)
        except ConnectionError:
            return False
        if not answer:
            return False
        assert answer.startswith(b"HTTP/1.1 200 ")
        pid = int(answer.partition(b"\r\n\r\n")[2].split()[0])
        assert self.pid in (0, pid)
        self.pid = pid
        self.answered += 1
        return True

    def ask_until(self, told: threading.Event) -> bool:
        """Ask until told to stop; return whether every answer came."""
        while not told.is_set():
            if not self.ask():
                return False
        return self.ask()


def test_kill_of_a_worker_under_load_costs_its_own_connections_a_request_each_and_nobody_else(
    photon: Callable[..., Command],
) -> None:
    command = photon("run", "--port", "0", "--workers", "2")
    command.wait_ready()
    port = int(command.url.rpartition(":")[2])
    while len({command.pid_of_answer() for _ in range(8)}) < 2:
        pass
    held = [Held(port) for _ in range(16)]
    assert all(one.ask() for one in held)
    victim = held[0].pid
    of_victim = {one for one in held if one.pid == victim}
    told = threading.Event()
    new: list[str] = []

    def connect_anew() -> None:
        while not told.is_set():
            try:
                new.append(command.get())
            except OSError as error:
                new.append(repr(error))

    with concurrent.futures.ThreadPoolExecutor(len(held) + 1) as pool:
        asking = {one: pool.submit(one.ask_until, told) for one in held}
        connecting = pool.submit(connect_anew)
        time.sleep(0.3)
        os.kill(victim, signal.SIGKILL)
        before = len(new)
        command.read_until(f"(pid {victim}) was killed by signal 9")
        time.sleep(1.0)
        told.set()
        connecting.result()
        lost = {one for one, end in asking.items() if not end.result()}
    for one in held:
        one.client.close()
    assert lost == of_victim  # one request each: none of them asks again
    assert 0 < len(of_victim) < len(held)
    failed = [answer for answer in new if not answer.endswith("production")]
    assert len(failed) <= 1, failed  # the one that was on its way
    answering = {int(answer.split()[0]) for answer in new[before:] if answer not in failed}
    assert answering - {one.pid for one in held}  # there is a successor
    print(
        f"{len(lost)} of {sum(one.answered for one in held) + len(lost)} requests on "
        f"{len(held)} kept connections were lost, {len(of_victim)} connections were the victim's; "
        f"{len(failed)} of {len(new)} on new connections"
    )


def test_worker_that_is_stuck_is_killed_and_replaced(photon: Callable[..., Command]) -> None:
    command = photon("run", "--port", "0", "--workers", "2", PHOTON__SERVER__WORKER_TIMEOUT="1.5")
    command.wait_ready()
    with socket.create_connection(("127.0.0.1", int(command.url.rpartition(":")[2])), 20) as client:
        client.sendall(b"GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n")
        command.read_until("no sign of life for 1.5 s")
        command.read_until("it is replaced")
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    for _ in range(10):
        assert command.pid_of_answer()


# -- where it listens -------------------------------------------------------------------------


def exchange_unix(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_unix_socket_is_served_and_removed_at_the_end(
    photon: Callable[..., Command], tmp_path: Path, workers: str
) -> None:
    path = tmp_path / "http.sock"
    command = photon("run", "--unix", str(path), "--workers", workers)
    command.read_until("stop  Ctrl-C")
    assert f"  URL   unix:{path}" in command.output
    assert exchange_unix(path).startswith(b"HTTP/1.1 200 ")
    command.process.terminate()
    assert command.exit_code() == 0
    assert not path.exists()


@pytest.mark.parametrize("how", ["--fd", "systemd"])
def test_inherited_socket_is_served(
    tmp_path: Path, photon: Callable[..., Command], how: str
) -> None:
    assert photon("version").exit_code() == 0  # the fixture has made the project
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, number = listener.getsockname()[1], listener.fileno()
        script = (
            "import os, sys\n"
            f"os.dup2({number}, 3)\n"
            "os.environ['LISTEN_FDS'], os.environ['LISTEN_PID'] = '1', str(os.getpid())\n"
            "os.execv(sys.executable, [sys.executable, '-m', 'photon_cli', 'run'])\n"
        )
        program = [sys.executable, "-c", script]
        if how == "--fd":
            program = [sys.executable, "-m", "photon_cli", "run", "--fd", str(number)]
        with subprocess.Popen(
            program, cwd=tmp_path, pass_fds=[number], stdout=subprocess.PIPE, text=True
        ) as process:
            command = Command(process)
            try:
                command.wait_ready()
                assert command.url == f"http://127.0.0.1:{port}"
                assert command.pid_of_answer() != process.pid
            finally:
                process.terminate()


def test_certificate_makes_it_https(photon: Callable[..., Command], tmp_path: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", "both.pem", "-out", "both.pem", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    command = photon("run", "--port", "0", "--tls-certificate", "both.pem")
    command.wait_ready()
    assert command.url.startswith("https://127.0.0.1:")
    context = ssl.create_default_context(cafile=str(tmp_path / "both.pem"))
    with urllib.request.urlopen(command.url, timeout=20, context=context) as answer:
        assert answer.status == 200


def test_certificate_that_is_not_there_is_said(photon: Callable[..., Command]) -> None:
    command = photon("run", "--port", "0", "--workers", "2", "--tls-certificate", "nothing.pem")
    assert command.exit_code() == 3
    assert "nothing.pem" in command.output
    assert "Traceback" not in command.output
