from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from photon_cli._error_page import ErrorPage, showing_errors
from photon_runtime.http import HttpError, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

APPLICATION = """
    import contextlib, os
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
            return Response(body=f"first {os.environ['PHOTON_ENV']} {os.getpid()}")

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

    def get(self, path: str = "/", *, accept: str = "*/*") -> tuple[int, str]:
        request = urllib.request.Request(self.url + path, headers={"accept": accept})
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


def error_page(accept: str) -> tuple[str | None, bytes]:
    request = Request("GET", "/", [(b"accept", accept.encode())])
    response = ErrorPage("Traceback: <script>&")(request)
    assert response.status == 500
    assert isinstance(response.body, bytes)
    return response.content_type, response.body


def test_a_browser_gets_the_reason_as_html_that_reloads_itself() -> None:
    kind, body = error_page("text/html,application/xhtml+xml,*/*;q=0.8")
    assert kind == "text/html; charset=utf-8"
    assert b"Traceback: &lt;script&gt;&amp;" in body
    assert b"location.reload()" in body


def test_a_client_that_wants_json_gets_a_problem_document() -> None:
    kind, body = error_page("application/json")
    assert kind == "application/problem+json"
    assert json.loads(body) == {
        "type": "about:blank",
        "title": "The application does not start",
        "status": 500,
        "detail": "Traceback: <script>&",
    }


@pytest.mark.parametrize("accept", ["*/*", "", "image/png", "text/html;q=0, */*"])
def test_any_other_client_gets_the_reason_as_text(accept: str) -> None:
    kind, body = error_page(accept)
    assert kind == "text/plain; charset=utf-8"
    assert body == b"The application does not start\n\nTraceback: <script>&"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html;q=0.2, application/json", "application/problem+json"),
        ("application/json;q=0.2, text/html", "text/html; charset=utf-8"),
        ("application/problem+json", "application/problem+json"),
    ],
)
def test_the_reason_comes_as_the_client_likes_it_best(accept: str, kind: str) -> None:
    assert error_page(accept)[0] == kind


def test_another_reason_has_another_mark() -> None:
    request = Request("HEAD", "/", [])
    marks = {ErrorPage(text)(request).header("x-photon-dev-error") for text in ("a", "b", "a")}
    assert len(marks) == 2


def test_a_failed_request_shows_its_traceback_and_is_not_repeated_by_the_page() -> None:
    def fail(request: Request) -> Response:
        raise KeyError("what was looked for")

    answer = showing_errors(fail)(Request("GET", "/", [(b"accept", b"text/html")]))
    assert answer.status == 500
    assert isinstance(answer.body, bytes)
    assert b"KeyError: &#x27;what was looked for&#x27;" in answer.body
    assert b"fetch(" not in answer.body


def failed(request: Request) -> Response:
    """Answer as an application does whose handler has failed."""
    request.failure = KeyError("what was looked for")
    return Response(500, headers={"x-request-id": "7"})


def test_a_failure_that_was_answered_already_is_shown_and_not_logged_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = showing_errors(failed)(Request("GET", "/", []))
    assert isinstance(answer.body, bytes)
    assert b"KeyError: 'what was looked for'" in answer.body
    assert answer.header("x-request-id") == "7"
    assert caplog.records == []


def test_a_failure_that_somebody_has_dealt_with_is_not_shown() -> None:
    def handler(request: Request) -> Response:
        failed(request)
        return Response(body="the cached page")

    assert showing_errors(handler)(Request("GET", "/", [])).body == b"the cached page"


def test_an_error_that_is_an_answer_is_not_shown_as_a_failure() -> None:
    def refuse(request: Request) -> Response:
        raise HttpError(404)

    with pytest.raises(HttpError):
        showing_errors(refuse)(Request("GET", "/", []))


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
