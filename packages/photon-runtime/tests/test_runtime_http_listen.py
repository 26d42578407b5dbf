from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from photon_runtime import Socket, run, spawn
from photon_runtime.errors import ServerError
from photon_runtime.http import (
    Request,
    Response,
    Server,
    ServerSettings,
    address_of,
    adopt,
    inherited_sockets,
    listen,
    listen_unix,
    open_listeners,
    refuse_new_connections,
    remove_unix,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def exchange(listeners: Sequence[socket.socket], targets: Sequence[object]) -> list[bytes]:
    """Serve on the listeners, and return what a request to each of the addresses gets."""
    answers: list[bytes] = []

    def handle(request: Request) -> Response:
        return Response(body=repr(request.client))

    def main() -> None:
        server = Server(sockets=listeners)

        def ask() -> None:
            for target in targets:
                family = socket.AF_INET if isinstance(target, tuple) else socket.AF_UNIX
                with Socket(family, socket.SOCK_STREAM) as client:
                    client.connect(target)
                    client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    parts = list(iter(lambda: client.recv(65536), b""))
                    answers.append(b"".join(parts).partition(b"\r\n\r\n")[2])
            server.stop()

        def begin() -> None:
            spawn(ask)

        server.serve(handle, begin)

    run(main)
    return answers


def test_unix_socket_serves_clients_without_an_address(tmp_path: Path) -> None:
    path = str(tmp_path / "http.sock")
    assert exchange([listen_unix(path)], [path]) == [b"None"]


def test_all_listeners_are_served_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "http.sock")
    tcp = listen("127.0.0.1", 0)
    answers = exchange([listen_unix(path), tcp], [path, tcp.getsockname(), path])
    assert answers[0] == answers[2] == b"None"
    assert b"127.0.0.1" in answers[1]


def test_socket_file_has_the_mode_that_was_asked_for(tmp_path: Path) -> None:
    for mode in (0o600, 0o666):
        path = tmp_path / oct(mode)
        with listen_unix(str(path), mode=mode):
            assert stat.S_IMODE(path.stat().st_mode) == mode


def test_socket_file_that_nobody_listens_on_is_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "http.sock")
    listen_unix(path).close()
    assert os.path.exists(path)
    assert exchange([listen_unix(path)], [path]) == [b"None"]


def test_socket_file_that_somebody_listens_on_is_left_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "http.sock")
    with listen_unix(path) as first:
        with pytest.raises(ServerError, match="another server listens"):
            listen_unix(path)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            first.accept()[0].close()


def test_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    path.write_text("precious")
    with pytest.raises(ServerError, match="not a socket"):
        listen_unix(str(path))
    assert path.read_text() == "precious"


@pytest.mark.parametrize("path", ["missing/http.sock", "x" * 200])
def test_path_that_cannot_be_is_said(tmp_path: Path, path: str) -> None:
    with pytest.raises(ServerError, match="cannot listen on the Unix socket"):
        listen_unix(str(tmp_path / path))


def test_socket_file_is_removed_unless_somebody_listens(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    with listen_unix(str(path)):
        remove_unix(str(path))
        assert path.exists()
    remove_unix(str(path))
    assert not path.exists()
    remove_unix(str(path))  # nothing is there


def test_file_that_took_the_place_of_the_socket_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    path.write_text("precious")
    remove_unix(str(path))
    assert path.read_text() == "precious"


def test_listeners_of_the_settings_are_opened_for_each_worker(tmp_path: Path) -> None:
    path = str(tmp_path / "http.sock")
    settings = ServerSettings(port=0, listen=(f"unix:{path}", "127.0.0.1:0"))
    opened = open_listeners(settings, count=2)
    try:
        assert [[address_of(listener) for listener in own] for own in opened] == [
            [address_of(opened[0][0]), f"unix:{path}", address_of(opened[0][2])]
        ] * 2
        assert opened[0][0] is not opened[1][0]  # a queue of its own
        assert opened[0][1] is opened[1][1]
    finally:
        for own in opened:
            for listener in own:
                listener.close()


def test_unix_takes_the_place_of_the_port(tmp_path: Path) -> None:
    path = str(tmp_path / "http.sock")
    ((listener,),) = open_listeners(ServerSettings(unix=path, unix_mode=0o600))
    with listener:
        assert address_of(listener) == f"unix:{path}"


@pytest.mark.parametrize("address", ["8000", "localhost:http", "fd:x", "127.0.0.1:70000"])
def test_address_that_is_none_is_said_and_nothing_stays_open(tmp_path: Path, address: str) -> None:
    path = str(tmp_path / "http.sock")
    with pytest.raises(ServerError, match="is not a valid address"):
        open_listeners(ServerSettings(unix=path, listen=(address,)))
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(ConnectionRefusedError):
        client.connect(path)


def test_inherited_socket_is_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        listener = adopt(os.dup(given.fileno()))
        assert b"127.0.0.1" in exchange([listener], [given.getsockname()])[0]


def test_descriptor_that_does_not_listen_is_refused() -> None:
    with socket.socket() as idle, pytest.raises(ServerError, match="listens for connections"):
        adopt(idle.fileno())
    with open(os.devnull, "rb") as file, pytest.raises(ServerError, match="is not a socket"):
        adopt(file.fileno())


PROGRAM = """
import os, sys
from photon_runtime.http import address_of, inherited_sockets
os.environ["LISTEN_PID"] = str(os.getpid())
print(*map(address_of, inherited_sockets()))
print(*(name for name in os.environ if name.startswith("LISTEN_")))
"""


@pytest.mark.slow
def test_sockets_of_systemd_are_found_once() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as two,
    ):
        pair = one.fileno(), two.fileno()

        def place() -> None:
            copies = [os.dup(number) for number in pair]
            for number, copy in enumerate(copies):
                os.dup2(copy, 3 + number)

        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"},
            preexec_fn=place,
            close_fds=False,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        expected = f"127.0.0.1:{one.getsockname()[1]} [::1]:{two.getsockname()[1]}\n\n"
        assert done.stdout == expected


def test_sockets_of_another_process_are_not_taken() -> None:
    environ = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid() + 1)}
    assert inherited_sockets(environ) == []
    assert len(environ) == 2


def test_number_of_sockets_that_is_none_is_said() -> None:
    with pytest.raises(ServerError, match="LISTEN_FDS"):
        inherited_sockets({"LISTEN_FDS": "two", "LISTEN_PID": str(os.getpid())})


@pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")
def test_who_is_turned_away_does_not_get_into_the_queue() -> None:
    with (
        listen("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname(), 5),
    ):
        refuse_new_connections([listener])
        with pytest.raises(TimeoutError):
            socket.create_connection(listener.getsockname(), 0.2)
        listener.accept()[0].close()  # the one that had come before is still there
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_no_connection_takes_the_place_of_a_standard_stream() -> None:
    program = """
import os, socket
from photon_runtime.http import listen
from photon_runtime.http._listen import accept

listener = listen("127.0.0.1", 0)
clients = [socket.create_connection(listener.getsockname()) for _ in range(2)]
listener.setblocking(True)
os.close(0)
os.close(2)
accepted = [accept(listener)[0] for _ in clients]
os.write(2, b"a line of the log")
print(all(each.fileno() > 2 for each in accepted))
for client, each in zip(clients, accepted):
    each.setblocking(True)
    each.sendall(b"a response")
    print(client.recv(100).decode())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout == "True\na response\na response\n"
