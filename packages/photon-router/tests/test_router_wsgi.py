from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from photon_router import Application, Body, File, HttpError, Request, Response, Wsgi
from photon_router.wsgi import WsgiExport
from photon_runtime import sleep
from photon_runtime.testing import live_server

Start = Callable[..., Callable[[bytes], object]]


def echo(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    """Respond with the environ."""
    shown = {key: value for key, value in environ.items() if isinstance(value, str | bool)}
    shown["body"] = environ["wsgi.input"].read().decode()
    start_response("200 OK", [("Content-Type", "application/json"), ("X-Own", "yes")])
    return [json.dumps(shown).encode()]


def mounted(application: Any, *, threads: bool, prefix: str = "/old") -> Application:
    router = Application()
    router.mount(prefix, Wsgi(application, threads=threads))
    return router


both = pytest.mark.parametrize("threads", [False, True], ids=["coroutine", "threads"])


@both
def test_an_application_is_called_by_the_protocol(threads: bool) -> None:
    with live_server(mounted(validator(echo_validly), threads=threads)) as server:
        answer = server.request("GET", "/old/a%2Fb/%C3%A9?q=1")
    assert (answer.status, answer.headers["x-own"]) == (200, "yes")
    environ = json.loads(answer.body)
    assert environ["SCRIPT_NAME"] == "/old"
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/a/b/é"
    assert environ["QUERY_STRING"] == "q=1"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"


def echo_validly(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    shown = {key: value for key, value in environ.items() if isinstance(value, str)}
    start_response("200 OK", [("Content-Type", "application/json"), ("X-Own", "yes")])
    return [json.dumps(shown).encode()]


@both
def test_the_body_arrives_and_the_root_of_the_mount_is_its_own(threads: bool) -> None:
    with live_server(mounted(echo, threads=threads)) as server:
        environ = json.loads(server.request("POST", "/old", body=b"x" * 100_000).body)
        assert (len(environ["body"]), environ["PATH_INFO"]) == (100_000, "")
        assert environ["CONTENT_LENGTH"] == "100000"
        assert json.loads(server.request("GET", "/old/").body)["PATH_INFO"] == "/"


def test_at_the_root_the_whole_path_is_the_rest_and_operations_come_first() -> None:
    router = mounted(echo, threads=False, prefix="/")

    @router.get("/own")
    def own() -> str:
        return "mine"

    with live_server(router) as server:
        environ = json.loads(server.request("GET", "/a/b").body)
        assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("", "/a/b")
        assert json.loads(server.request("GET", "/own").body) == "mine"


def test_fields_with_underscores_are_not_passed_on() -> None:
    with live_server(mounted(echo, threads=False)) as server:
        request = (
            b"GET /old/x HTTP/1.1\r\nhost: a\r\nx_user: evil\r\nx-user: good\r\n"
            b"connection: close\r\n\r\n"
        )
        body = server.exchange(request).partition(b"\r\n\r\n")[2]
    assert json.loads(body)["HTTP_X_USER"] == "good"


@both
def test_a_stream_is_sent_as_it_comes_and_closed(threads: bool) -> None:
    closed = threading.Event()

    class Parts:
        def __iter__(self) -> Iterator[bytes]:
            yield b"a" * 10
            yield b"b" * 10

        def close(self) -> None:
            closed.set()

    def application(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Parts()

    with live_server(mounted(application, threads=threads)) as server:
        assert server.request("GET", "/old/x").body == b"a" * 10 + b"b" * 10
        assert closed.wait(5)


def test_an_application_may_begin_late_write_and_start_again_for_an_error() -> None:
    def application(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        write = start_response("200 OK", [])
        if environ["PATH_INFO"] == "/write":
            write(b"written ")
        try:
            1 // (environ["PATH_INFO"] != "/error")
        except ZeroDivisionError:
            start_response("503 Busy", [("Connection", "close")], sys.exc_info())
        yield b"yielded"

    with live_server(mounted(application, threads=False)) as server:
        assert server.request("GET", "/old/write").body == b"written yielded"
        assert server.request("GET", "/old/error").status == 503


def test_an_error_behind_the_beginning_of_an_answer_breaks_it_off() -> None:
    def application(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "100")])
        yield b"begun"
        try:
            environ["no.such.key"]
        except KeyError:
            start_response("500 Sorry", [], sys.exc_info())
        yield b"sorry"

    failures: list[BaseException | None] = []
    router = mounted(application, threads=False)

    @router.middleware
    def note(request: Request, call_next: Callable[[Request], Response]) -> Response:
        request.after_response(lambda: failures.append(request.failure))
        return call_next(request)

    with live_server(router) as server:
        connection = HTTPConnection(server.host, server.port, timeout=10)
        connection.request("GET", "/old/x")
        with pytest.raises(IncompleteRead) as caught:
            connection.getresponse().read()
        connection.close()
    assert caught.value.partial == b"begun"
    assert isinstance(failures[0], KeyError)


@both
def test_head_has_the_length_that_the_application_says(threads: bool) -> None:
    def application(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "1234")])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"x" * 1234]

    with live_server(mounted(application, threads=threads)) as server:
        for method in ("HEAD", "GET"):
            assert server.request(method, "/old/x").headers["content-length"] == "1234"


@pytest.mark.parametrize("threads", [False, True])
def test_an_application_that_fails_is_a_500_and_breaks_nothing(threads: bool) -> None:
    def application(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/silent":
            return iter(())
        raise KeyError("x")

    with live_server(mounted(application, threads=threads)) as server:
        assert server.request("GET", "/old/x").status == 500
        assert server.request("GET", "/old/silent").status == 500


PROGRAM = """
    import json, threading, time, urllib.request
    from flask import Flask, request
    from photon_router import Application, Wsgi
    from photon_runtime import scope
    from photon_runtime.testing import live_server

    flask = Flask("legacy")

    @flask.post("/slow/<name>")
    def slow(name):
        time.sleep(0.5)
        return {"name": name, "form": request.form["q"]}

    app = Application()
    app.mount("/old", Wsgi(flask))

    def call(url, number, answers):
        with urllib.request.urlopen(f"{url}/old/slow/n{number}", f"q={number}".encode()) as answer:
            answers.append(json.load(answer))

    with live_server(app) as server:
        answers, begun = [], time.monotonic()
        calls = [threading.Thread(target=call, args=(server.url, n, answers)) for n in range(20)]
        for each in calls: each.start()
        for each in calls: each.join()
        took = time.monotonic() - begun
    assert sorted(a["name"] for a in answers) == sorted(f"n{n}" for n in range(20)), answers
    assert all(a["name"] == "n" + a["form"] for a in answers)
    print(took)
"""


@pytest.mark.slow
@pytest.mark.parametrize("patch", [True, False], ids=["patched", "on threads"])
def test_twenty_slow_calls_of_a_flask_application_take_the_time_of_one(patch: bool) -> None:
    program = textwrap.dedent(PROGRAM)
    if patch:  # the server's hub and the clients then share one thread
        program = f"from photon_runtime.patch import patch_stdlib\npatch_stdlib()\n{program}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 2.5  # one after the other they take 10 seconds


# Photon under another server


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(export: Any) -> Iterator[str]:
    with make_server("127.0.0.1", 0, export, WSGIServer, Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def fetch(url: str, body: bytes | None = None) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_photon_runs_under_another_server() -> None:
    router = Application()
    log: list[str] = []

    @router.get("/items/{item_id}")
    def read_item(item_id: int, q: str = "-") -> dict[str, object]:
        sleep(0.01)
        return {"id": item_id, "q": q}

    @router.post("/upload")
    def upload(data: Body[bytes], request: Request) -> int:
        request.after_response(lambda: log.append("after"))
        return len(data)

    @router.get("/stream")
    def stream() -> Response:
        def parts() -> Iterator[bytes]:
            for _ in range(3):
                sleep(0.01)
                yield b"part "

        return Response(body=parts(), content_type="text/plain")

    @router.get("/gone")
    def gone() -> None:
        raise HttpError(410, "it was here")

    with served(validator(router.wsgi)) as url:
        assert fetch(f"{url}/items/7?q=%C3%A9") == (200, '{"id":7,"q":"é"}'.encode())
        assert fetch(f"{url}/items/x")[0] == 422
        assert fetch(f"{url}/upload", b"y" * 70_000) == (200, b"70000")
        assert fetch(f"{url}/stream") == (200, b"part part part ")
        assert fetch(f"{url}/gone")[0] == 410
        assert fetch(f"{url}/docs")[0] == 200
    assert log == ["after"]


def test_a_body_over_the_limit_is_refused_under_another_server() -> None:
    router = Application()

    @router.post("/upload")
    def upload(data: Body[bytes]) -> int:
        return len(data)

    with served(WsgiExport(router, body_limit=1000)) as url:
        assert fetch(f"{url}/upload", b"y" * 1000) == (200, b"1000")
        assert fetch(f"{url}/upload", b"y" * 1001)[0] == 413


def test_what_cannot_be_called_is_not_mounted() -> None:
    with pytest.raises(TypeError, match="unlike 'shop:app'"):
        Wsgi("shop:app")  # type: ignore[arg-type]


def test_a_stream_that_fails_at_once_is_answered_under_another_server() -> None:
    router = Application()
    closed: list[str] = []

    @router.get("/refused", media_type="text/plain")
    def refused() -> Iterator[str]:
        try:
            yield ""
            raise HttpError(409, "not now")
        finally:
            closed.append("refused")

    @router.get("/broken", media_type="text/plain")
    def broken() -> Iterator[str]:
        yield ""
        raise KeyError("secret")

    with served(router.wsgi) as url:
        status, body = fetch(f"{url}/refused")
        assert (status, json.loads(body)["detail"]) == (409, "not now")
        status, body = fetch(f"{url}/broken")
        assert (status, json.loads(body)["title"]) == (500, "Internal Server Error")
    assert closed == ["refused"]


def test_what_breaks_a_stream_off_is_the_failure_of_its_request() -> None:
    router = Application()
    seen: list[BaseException | None] = []

    @router.get("/report", media_type="text/plain")
    def report(request: Request) -> Iterator[str]:
        request.after_response(lambda: seen.append(request.failure))
        yield "beginning"
        raise OSError("the disk is gone")

    answer: list[bytes] = []
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    environ["PATH_INFO"] = "/report"
    with pytest.raises(OSError, match="the disk is gone"):
        router.wsgi(environ, lambda status, fields: answer.append)
    assert answer == [b"beginning"]
    assert [str(error) for error in seen] == ["the disk is gone"]


def test_the_export_of_an_application_is_one_and_starts_once() -> None:
    starts: list[int] = []

    @contextmanager
    def lifespan() -> Iterator[None]:
        starts.append(1)
        yield

    router = Application(lifespan=lifespan)

    @router.get("/x")
    def read() -> int:
        return len(starts)

    assert router.wsgi is router.wsgi
    with served(router.wsgi) as url:
        assert [fetch(f"{url}/x")[1] for _ in range(3)] == [b"1", b"1", b"1"]


def test_a_field_is_not_taken_for_the_proxy_of_the_machine() -> None:
    with live_server(mounted(echo, threads=False)) as server:
        answer = server.request("GET", "/old", headers={"Proxy": "http://evil.example"})
    assert "HTTP_PROXY" not in json.loads(answer.body)


def test_several_fields_with_cookies_are_one_list_of_cookies() -> None:
    with live_server(mounted(echo, threads=False)) as server:
        connection = HTTPConnection(server.host, server.port, timeout=10)
        connection.putrequest("GET", "/old")
        connection.putheader("Cookie", "a=1")
        connection.putheader("Cookie", "b=2")
        connection.endheaders()
        found = json.loads(connection.getresponse().read())
        connection.close()
    assert found["HTTP_COOKIE"] == "a=1; b=2"


def call(application: WsgiExport, **more: str) -> tuple[str, list[tuple[str, str]], bytes]:
    """Call an application as a server would."""
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    told: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, fields: list[tuple[str, str]]) -> Callable[[bytes], object]:
        told.append((status, fields))
        return lambda part: None

    body = b"".join(application({**environ, **more}, start))
    [(status, fields)] = told
    return status, fields, body


def test_the_scheme_is_what_the_server_says() -> None:
    router = Application()
    router.mount("/", lambda request: Response(body=f"{request.scheme} {request.client}"))
    export = WsgiExport(router)
    assert call(export, REMOTE_ADDR="10.0.0.7")[2] == b"http ('10.0.0.7', 0)"
    found = call(export, **{"wsgi.url_scheme": "https", "REMOTE_ADDR": "10.0.0.7"})
    assert found[2] == b"https ('10.0.0.7', 0)"


def test_no_field_stands_for_the_type_and_the_length_that_the_server_read() -> None:
    router = Application()
    router.mount("/", lambda request: Response(body=repr(request.headers.pairs())))
    forged = {"HTTP_CONTENT_TYPE": "text/forged", "HTTP_CONTENT_LENGTH": "7"}
    body = call(WsgiExport(router), **forged, CONTENT_TYPE="text/true")[2]
    assert b"text/true" in body
    assert b"forged" not in body
    assert b"content-length" not in body


def test_bodies_are_framed_as_by_a_server_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"tea")
    router = Application()
    router.mount("/file", lambda request: File(tmp_path / "notes.txt"))
    router.mount("/none", lambda request: Response(204, body="x", headers={"content-length": "1"}))
    export = WsgiExport(router)
    for method in ("GET", "HEAD"):
        _, fields, _ = call(export, PATH_INFO="/file", REQUEST_METHOD=method)
        assert dict(fields)["content-length"] == "3"
    status, fields, body = call(export, PATH_INFO="/none")
    assert (status, body) == ("204 No Content", b"")
    assert "content-length" not in {name.lower() for name, _ in fields}


def test_what_follows_a_request_is_done_also_where_there_is_no_answer() -> None:
    router = Application()
    done: list[str] = []

    @router.get("/stop")
    def stop(request: Request) -> None:
        request.after_response(lambda: done.append("after"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(WsgiExport(router), PATH_INFO="/stop")
    assert done == ["after"]


def test_a_stream_that_cannot_begin_is_an_error_as_any_other() -> None:
    class Body:
        closed = False

        def __iter__(self) -> Iterator[bytes]:
            raise HttpError(409, "not now")

        def close(self) -> None:
            self.closed = True

    body = Body()
    router = Application()
    router.mount("/", lambda request: Response(body=body))
    assert call(WsgiExport(router))[0] == "409 Conflict"
    assert body.closed


@pytest.mark.parametrize("place", ["headers", "type", "status"])
def test_what_would_break_the_message_is_not_handed_to_the_server(place: str) -> None:
    def answer(request: Request) -> Response:
        response = Response()
        if place == "headers":
            response.headers.append(("x-name", "ada\r\nset-cookie: a=1"))
        elif place == "type":
            response.content_type = "text/html\r\nset-cookie: a=1"
        else:
            response.status = 99
        return response

    router = Application()
    router.mount("/", answer)
    with pytest.raises(ValueError, match=r"not a valid header field|the status of a response"):
        call(WsgiExport(router))


@pytest.mark.parametrize(
    ("script", "path", "expected"),
    [
        ("/shop", "/about", ("/shop", "/about", "/shop/about")),
        ("/shop/", "/about", ("/shop", "/about", "/shop/about")),
        ("/shop", "", ("/shop", "/", "/shop/about")),
        ("", "/about", ("", "/about", "/about")),
        ("/", "/about", ("", "/about", "/about")),
        ("/shop", "/shop/about", ("/shop", "/shop/about", "/shop/about")),
        ("/caf\xc3\xa9", "/about", ("/caf%C3%A9", "/about", "/caf%C3%A9/about")),
    ],
)
def test_script_name_is_the_root_path(script: str, path: str, expected: tuple[str, ...]) -> None:
    router = Application()

    @router.get("/about")
    def about(request: Request) -> list[str]:
        return [request.root_path, request.raw_path, router.url_for("about")]

    router.mount("/", lambda request: Response(body=json.dumps(about(request))))
    environ = {"SCRIPT_NAME": script, "PATH_INFO": path, "REQUEST_METHOD": "GET"}
    setup_testing_defaults(environ)
    body = b"".join(router.wsgi(environ, lambda *_: lambda data: None))
    assert tuple(json.loads(body)) == expected


def test_a_mounted_application_gets_the_root_path_in_its_script_name() -> None:
    router = mounted(echo, threads=False)
    environ = {"SCRIPT_NAME": "/shop", "PATH_INFO": "/old/a", "REQUEST_METHOD": "GET"}
    setup_testing_defaults(environ)
    shown = json.loads(b"".join(router.wsgi(environ, lambda *_: lambda data: None)))
    assert (shown["SCRIPT_NAME"], shown["PATH_INFO"]) == ("/shop/old", "/a")
