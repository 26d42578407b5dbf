"""A child that is forked in a handler answers nothing, and keeps no socket of the server open."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from photon_runtime.http import Request, Response
from photon_runtime.testing import live_server

pytestmark = pytest.mark.slow


def code_of(pid: int) -> bytes:
    """Return the exit code of a child, which this process must not wait for in C."""
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.01)
    return b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def handle(request: Request) -> Response:
    request.after_response(lambda: print("after the response", flush=True))
    pid = os.fork()
    if pid:
        return Response(body=code_of(pid))
    if request.path == "/raises":
        raise ValueError("in the child")
    if request.path == "/exits":
        sys.exit(7)
    return Response(body=b"of the child")


@pytest.mark.parametrize(("path", "code"), [("/returns", "0"), ("/raises", "1"), ("/exits", "7")])
def test_only_the_parent_responds(path: str, code: str, capfd: pytest.CaptureFixture[str]) -> None:
    with live_server(handle) as server:
        assert server.request("GET", path).text == code
        assert server.request("GET", path).text == code  # and it serves on
    assert capfd.readouterr().out == "after the response\n" * 2


def test_a_child_that_lives_on_keeps_no_connection_and_no_listener_open() -> None:
    children: list[int] = []

    def begin(request: Request) -> Response:
        pid = os.fork()
        if not pid:
            time.sleep(60)
        children.append(pid)
        return Response(body=b"begun")

    try:
        with live_server(begin) as server:
            other = server.connect()
            received = server.exchange(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert received.endswith(b"begun")  # and the end of the connection
        assert other.recv(1) == b""
        other.close()
        with pytest.raises(ConnectionRefusedError):
            server.connect()
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
