from __future__ import annotations

import concurrent.futures
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

APPLICATION = """
    import contextlib, os, re, threading, time
    from photon_runtime.http import Response

    class App:
        @contextlib.contextmanager
        def start(self, *, development=False):
            print("started", development, flush=True)
            yield self.handle
            print("ended", flush=True)

        def handle(self, request):
            if request.path == "/end":
                os._exit(7)
            if request.path == "/loop":
                print("loops", flush=True)
                while True:
                    pass
            if request.path == "/lock":
                print("keeps the lock", flush=True)
                re.match(r"(a+)+$", "a" * 60 + "b")
            if request.path == "/thread":
                threading.Thread(target=self.finish).start()
            return Response(body=f"first {os.environ['PHOTON_ENV']} {os.getpid()}")

        def finish(self):
            time.sleep(0.6)
            print("the thread has finished", flush=True)

    app = App()
"""


class Dev:
    """``photon dev`` in a process of its own, on a folder with an application."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.write(APPLICATION)
        environ = {name: value for name, value in os.environ.items() if name != "PHOTON_ENV"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "photon_cli", "dev", "main:app", "--port", "0", *arguments],
            cwd=folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output = ""
        self.read_until("stop  Ctrl-C")
        urls = [line.split()[1] for line in self.output.splitlines() if "  URL" in line]
        self.url = urls[0]

    def write(self, text: str, *, name: str = "main.py") -> None:
        (self.folder / name).write_text(textwrap.dedent(text), encoding="utf-8")

    def read_until(self, text: str) -> None:
        """Wait until something was printed since the last time."""
        assert self.process.stdout is not None
        self.output = ""
        while text not in self.output:
            line = self.process.stdout.readline()
            assert line, f"no {text!r} in:\n{self.output}"
            self.output += line

    def get(self, path: str = "/", *, accept: str = "*/*", **fields: str) -> tuple[int, str]:
        headers = {"accept": accept, **fields}
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def body(self) -> str:
        return self.get()[1]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Dev]]:
    started: list[Dev] = []

    def start(*arguments: str) -> Dev:
        (tmp_path / "project").mkdir()
        started.append(Dev(tmp_path / "project", *arguments))
        return started[-1]

    yield start
    for dev in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(dev.process.pid, signal.SIGKILL)
        dev.process.communicate()


def ask(dev: Dev, path: str) -> socket.socket:
    """Send a request without waiting for its response."""
    host, port = dev.url.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_change_restarts_the_application_in_a_new_process(start: Callable[..., Dev]) -> None:
    dev = start()
    first, environment, pid = dev.body().split()
    assert (first, environment) == ("first", "development")
    dev.write(APPLICATION.replace("first", "second"))
    dev.read_until("restarted")
    assert "changed: main.py\n" in dev.output
    assert "ended\n" in dev.output
    second, _, other_pid = dev.body().split()
    assert second == "second"
    assert other_pid != pid


@pytest.mark.slow
def test_no_connection_is_refused_while_the_application_restarts(start: Callable[..., Dev]) -> None:
    dev = start()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        restarted = pool.submit(dev.read_until, "restarted")
        dev.write("import time\ntime.sleep(0.5)\n" + textwrap.dedent(APPLICATION))
        statuses = set()
        while not restarted.done():
            statuses.add(dev.get()[0])
    assert statuses == {200}


@pytest.mark.slow
def test_an_application_that_cannot_start_shows_why_until_it_can(start: Callable[..., Dev]) -> None:
    dev = start()
    dev.write("x = '<b>'\nraise ValueError(x)\n")
    dev.read_until("every page shows this")
    assert "ValueError: <b>" in dev.output
    status, page = dev.get("/any", accept="text/html,*/*;q=0.8")
    assert status == 500
    assert "ValueError: &lt;b&gt;" in page
    assert "main.py&quot;, line 2" in page
    dev.write("raise SystemExit('other')\n")
    dev.read_until("every page shows this")
    assert "SystemExit: other" in dev.body()
    dev.write(APPLICATION)
    dev.read_until("restarted")
    assert dev.get()[0] == 200


@pytest.mark.slow
def test_faults_in_the_settings_are_shown_like_those_of_the_application(
    start: Callable[..., Dev],
) -> None:
    dev = start()
    dev.write("[server]\nprot = 1\n", name="photon.toml")
    dev.read_until("every page shows this")
    assert "photon.toml:2: [server] has no key `prot`" in dev.body()
    (dev.folder / "photon.toml").unlink()
    dev.read_until("restarted")


@pytest.mark.slow
def test_an_application_that_ends_by_itself_starts_again_on_a_change(
    start: Callable[..., Dev],
) -> None:
    dev = start()
    with pytest.raises(OSError, match=r"without response|reset"):
        dev.get("/end")
    dev.read_until("the application ended with exit code 7; it starts again when a file changes")
    dev.write(APPLICATION)
    dev.read_until("restarted")
    assert dev.get()[0] == 200


@pytest.mark.slow
def test_other_folders_are_watched_too(start: Callable[..., Dev], tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    dev = start("--reload-dir", str(tmp_path / "library"))
    (tmp_path / "library" / "page.html").write_text("new")
    dev.read_until("restarted")
    assert "changed: page.html\n" in dev.output


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_parent_and_the_child(start: Callable[..., Dev], number: int) -> None:
    dev = start()
    pid = int(dev.body().split()[2])
    dev.process.send_signal(number)
    output, _ = dev.process.communicate(timeout=20)
    assert dev.process.returncode == 0
    assert output.endswith("ended\n")
    assert not is_alive(pid)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of the end")
def test_the_child_ends_when_the_parent_is_killed(start: Callable[..., Dev]) -> None:
    dev = start()
    dev.process.send_signal(signal.SIGKILL)
    dev.read_until("ended")


@pytest.mark.slow
@pytest.mark.timeout(30)
def test_a_child_that_never_waits_ends_after_its_parent_too(start: Callable[..., Dev]) -> None:
    dev = start()
    pid = int(dev.body().split()[2])
    with ask(dev, "/loop") as client:
        dev.read_until("loops")
        dev.process.send_signal(signal.SIGKILL)
        while client.recv(1000):  # until the child has ended
            pass
        while is_alive(pid):
            time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("path", "said"), [("/loop", "loops"), ("/lock", "keeps the lock")])
def test_a_handler_that_never_returns_keeps_no_signal_and_no_change_from_working(
    start: Callable[..., Dev], path: str, said: str
) -> None:
    dev = start()
    with ask(dev, path):
        dev.read_until(said)
        dev.process.send_signal(signal.SIGUSR1)
        dev.read_until("in handle")  # the stack, which is written in C
        dev.write(APPLICATION.replace("first", "second"))
        dev.read_until("restarted")
    second, _, pid = dev.body().split()
    assert second == "second"
    with ask(dev, path):
        dev.read_until(said)
        dev.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        dev.process.send_signal(signal.SIGTERM)
        output, _ = dev.process.communicate(timeout=20)
    assert dev.process.returncode == 0
    assert "did not end" not in output  # the second signal has not waited for that
    assert not is_alive(int(pid))


@pytest.mark.slow
def test_signals_show_what_the_application_does_and_its_threads_finish(
    start: Callable[..., Dev],
) -> None:
    dev = start()
    pid = dev.body().split()[2]
    for number, said in [(signal.SIGUSR1, "coroutines of process"), (signal.SIGUSR2, "tasks=")]:
        dev.process.send_signal(number)
        dev.read_until(said)
        assert f"the process that serves has the pid {pid}" in dev.output
    dev.get("/thread")
    dev.write(APPLICATION.replace("first", "second"))
    dev.read_until("restarted")
    assert "the thread has finished" in dev.output
    dev.get("/thread")
    dev.process.send_signal(signal.SIGHUP)
    output, _ = dev.process.communicate(timeout=20)
    assert dev.process.returncode == 0
    assert "the thread has finished" in output


@pytest.mark.slow
def test_a_burst_of_saves_is_one_restart(start: Callable[..., Dev]) -> None:
    dev = start()
    for number in range(20):
        dev.write(APPLICATION.replace("first", f"number{number}"))
        temporary = dev.folder / "main.py.tmp"
        temporary.write_text(textwrap.dedent(APPLICATION.replace("first", f"number{number}")))
        temporary.replace(dev.folder / "main.py")  # as editors save
        time.sleep(0.05)
    dev.read_until("restarted")
    assert dev.output.count("changed: main.py\n") == 1
    assert "Warning" not in dev.output  # as of the patch, for a thread of the child
    assert dev.body().startswith("number19 ")
    dev.write(APPLICATION)
    dev.read_until("restarted")
    assert dev.output.count("changed:") == 1


@pytest.mark.slow
def test_many_files_at_once_and_variables_are_one_restart_each(start: Callable[..., Dev]) -> None:
    dev = start()
    for number in range(200):
        dev.write("x = 1", name=f"module{number}.py")
    dev.read_until("restarted")
    assert "changed: module0.py and 199 more\n" in dev.output
    dev.write("A=1", name=".env")
    dev.read_until("restarted")
    assert "changed: .env\n" in dev.output
    (dev.folder / "config").mkdir()
    dev.write("[server]\nport = 0\n", name="config/development.toml")
    dev.read_until("restarted")


@pytest.mark.slow
def test_a_syntax_error_is_shown_until_it_is_mended(start: Callable[..., Dev]) -> None:
    dev = start()
    dev.write("def broken(:\n")
    dev.read_until("every page shows this")
    assert "SyntaxError" in dev.output
    assert "def broken(:" in dev.get(accept="text/html")[1]
    dev.write(APPLICATION)
    dev.read_until("restarted")
    assert dev.body().startswith("first ")


PAGES = """
    import contextlib
    from pathlib import Path
    from photon_runtime.http import Response

    class Part:
        reread_folders = [Path("views")]

    class App:
        parts = (Part(),)

        @contextlib.contextmanager
        def start(self, *, development=False):
            yield self.handle

        def handle(self, request):
            if request.path == "/fail":
                password = "hunter2"
                raise ValueError(password)
            return Response(body="<!doctype html><body>x</body>", content_type="text/html")

    app = App()
"""


def version(page: str) -> str:
    (found,) = re.findall(r'data-version="(\w+)"', page)
    return str(found)


@pytest.mark.slow
def test_pages_reload_after_restarts_and_for_files_without_one(start: Callable[..., Dev]) -> None:
    dev = start()
    dev.write(PAGES)
    dev.read_until("restarted")
    first = version(dev.body())
    with urllib.request.urlopen(dev.url + "/_photon/dev/events", timeout=20) as events:
        lines = iter(events.readline, b"")
        assert f"data: {first}\n".encode() in lines
        dev.write("a {}", name="site.css")
        assert next(line for line in lines if line.startswith(b"data:"))
    second = version(dev.body())
    assert second != first
    (dev.folder / "views").mkdir()
    dev.write("page", name="views/page.txt")
    dev.read_until("changed: views/page.txt")
    wait_until(lambda: version(dev.body()) != second)
    dev.write(PAGES + "\n")
    dev.read_until("restarted")
    assert "changed: main.py" in dev.output
    script = dev.get("/_photon/dev/reload.js")[1]
    assert "location.reload()" in script


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_pages_are_left_alone_where_that_is_wanted(start: Callable[..., Dev]) -> None:
    dev = start("--no-page-reload")
    dev.write(PAGES)
    dev.read_until("restarted")
    assert "script" not in dev.body()
    assert "ValueError" in dev.get("/fail")[1]


@pytest.mark.slow
@pytest.mark.parametrize("environment", ["production", "staging"])
def test_only_development_shows_errors_and_extends_pages(
    start: Callable[..., Dev], environment: str
) -> None:
    dev = start("-e", environment)
    dev.write("[app]\ndebug = true\ndevelopment = true\n", name="photon.toml")
    dev.write(PAGES)
    dev.read_until("restarted")
    assert "script" not in dev.body()
    status, page = dev.get("/fail", accept="text/html")
    assert status == 500
    assert "ValueError" not in page
    dev.write("raise ValueError('a secret of the start')\n")
    dev.read_until("every page shows this")
    assert "a secret of the start" in dev.output
    assert "a secret of the start" not in dev.get(accept="text/html")[1]


@pytest.mark.slow
def test_the_tools_serve_their_own_pages_and_the_hosts_of_the_settings(
    start: Callable[..., Dev],
) -> None:
    dev = start()
    script = "/_photon/dev/reload.js"
    dev.write("[dev]\nallowed_hosts = ['*.tunnel.example']\n", name="photon.toml")
    dev.read_until("restarted")
    assert dev.get(script)[0] == 200
    assert dev.get(script, host="a.tunnel.example")[0] == 200
    assert dev.get(script, origin="http://a.tunnel.example")[0] == 403
    status, text = dev.get(script, host="evil.example")
    assert status == 403
    assert "allowed_hosts" in text
    assert dev.get(host="evil.example") == dev.get()


# -- where it listens -------------------------------------------------------------------------


def exchange_unix(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.slow
def test_unix_socket_lives_through_restarts_and_is_removed_at_the_end(
    start: Callable[..., Dev], tmp_path: Path
) -> None:
    path = tmp_path / "http.sock"
    dev = start("--unix", str(path))
    assert dev.url == f"unix:{path}"
    assert b"\r\n\r\nfirst development " in exchange_unix(path)
    dev.write(APPLICATION.replace("first", "second"))
    dev.read_until("restarted")
    assert b"\r\n\r\nsecond development " in exchange_unix(path)
    dev.process.send_signal(signal.SIGTERM)
    assert dev.process.wait(20) == 0
    assert not path.exists()


@pytest.mark.slow
def test_every_address_of_the_settings_is_served(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    (tmp_path / "photon.toml").write_text(f"[server]\nlisten = ['unix:{path}']\n")
    dev = Dev(tmp_path)
    try:
        assert dev.body().startswith("first development ")
        assert b"\r\n\r\nfirst development " in exchange_unix(path)
    finally:
        os.killpg(dev.process.pid, signal.SIGTERM)
        dev.process.communicate()
