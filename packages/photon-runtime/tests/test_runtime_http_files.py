from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

import pytest

from photon_runtime.http import FileBody, Request, Response, ServerSettings
from photon_runtime.testing import live_server

if TYPE_CHECKING:
    from pathlib import Path

SIZES = [0, 1, 65_536, 65_537, 3_000_000]


def content(size: int) -> bytes:
    return bytes(range(256)) * (size // 256) + bytes(range(size % 256))


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "big"
    path.write_bytes(content(3_000_000))
    return path


def get(method: str = "GET", version: str = "1.1") -> bytes:
    return f"{method} / HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n".encode()


def split(wire: bytes) -> tuple[list[bytes], bytes]:
    head, _, body = wire.partition(b"\r\n\r\n")
    return head.split(b"\r\n"), body


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_file_comes_whole_with_its_length(tmp_path: Path, size: int, version: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content(size))
    with live_server(lambda request: Response(body=FileBody(path))) as server:
        head, body = split(server.exchange(get(version=version)))
    assert b"content-length: %d" % size in head
    assert b"transfer-encoding: chunked" not in head
    assert body == content(size)


@pytest.mark.parametrize(("offset", "length"), [(0, 10), (7, 100), (1000, 2_000_000), (5, None)])
def test_part_of_a_file_comes_alone(big: Path, offset: int, length: int | None) -> None:
    def handle(request: Request) -> Response:
        return Response(206, body=FileBody(big, offset=offset, length=length))

    with live_server(handle) as server:
        _, body = split(server.exchange(get()))
    assert body == content(3_000_000)[offset : None if length is None else offset + length]


def test_head_tells_the_length_and_sends_nothing(big: Path) -> None:
    with live_server(lambda request: Response(body=FileBody(big))) as server:
        head, body = split(server.exchange(get("HEAD")))
    assert b"content-length: 3000000" in head
    assert body == b""


def test_connection_is_kept_behind_a_file(big: Path) -> None:
    with live_server(lambda request: Response(body=FileBody(big))) as server:
        wire = server.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + get())
    assert wire.count(b"HTTP/1.1 200 OK") == 2
    assert wire.endswith(content(3_000_000))


def test_file_is_closed_whatever_happens(big: Path) -> None:
    bodies = []

    def handle(request: Request) -> Response:
        bodies.append(big.open("rb"))
        return Response(304 if request.path == "/304" else 200, body=FileBody(bodies[-1]))

    with live_server(handle) as server:
        server.exchange(get())
        server.exchange(get("HEAD"))
        server.exchange(get().replace(b"/ ", b"/304 "))
        with server.connect() as client:
            client.sendall(get())
            assert client.recv(10)
    assert [body.closed for body in bodies] == [True] * 4


def test_file_that_became_shorter_breaks_the_answer_off(
    big: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[BaseException | None] = []

    def handle(request: Request) -> Response:
        request.after_response(lambda: failures.append(request.failure))
        body = FileBody(big, length=2_900_000 if request.path == "/" else 60_000)
        os.truncate(big, 50_000)
        return Response(body=body)

    with live_server(handle) as server, caplog.at_level(logging.ERROR):
        for target in (b"/ ", b"/small "):
            big.write_bytes(content(3_000_000))
            wire = server.exchange(
                get().replace(b"Connection: close\r\n", b"").replace(b"/ ", target, 1)
            )
            assert len(split(wire)[1]) <= 50_000
    assert caplog.text.count("is incomplete") == 2
    assert [isinstance(failure, ValueError) for failure in failures] == [True, True]


@pytest.mark.parametrize("length", [100, 300_000])
def test_response_with_a_file_is_good_for_one_request(big: Path, length: int) -> None:
    response = Response(body=FileBody(big, length=length))
    with live_server(lambda request: response) as server:
        wires = [server.exchange(get()) for _ in range(2)]
    assert [wire.count(b"HTTP/1.1 ") for wire in wires] == [1, 1]
    assert wires[0].startswith(b"HTTP/1.1 200")
    assert wires[1].startswith(b"HTTP/1.1 500")


@pytest.mark.slow
def test_slow_reader_gets_all_of_it_and_holds_up_nobody(big: Path) -> None:
    def handle(request: Request) -> Response:
        return Response(body=b"quick") if request.path == "/q" else Response(body=FileBody(big))

    with live_server(handle) as server, server.connect() as slow:
        slow.sendall(get())
        data = slow.recv(1000)
        quick = server.exchange(get().replace(b"/ ", b"/q ", 1))
        assert quick.endswith(b"quick")
        while part := slow.recv(200_000):
            data += part
            threading.Event().wait(0.005)
    assert split(data)[1] == content(3_000_000)


@pytest.mark.slow
def test_reader_that_stops_reading_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    ended = threading.Event()

    class Watched:
        """A file that says when it is closed."""

        def __init__(self) -> None:
            self._file = path.open("rb")
            self.name = "huge"

        def fileno(self) -> int:
            return self._file.fileno()

        def close(self) -> None:
            self._file.close()
            ended.set()

    def handle(request: Request) -> Response:
        return Response(body=FileBody(Watched()))  # type: ignore[arg-type]

    settings = ServerSettings(write_timeout=0.3)
    with live_server(handle, settings=settings) as server, server.connect() as client:
        client.sendall(get())
        assert ended.wait(10)


@pytest.mark.parametrize(
    ("offset", "length"), [(-1, None), (0, -1), (3_000_001, None), (1, 3_000_000)]
)
def test_part_that_is_not_there_is_refused(big: Path, offset: int, length: int | None) -> None:
    with pytest.raises(ValueError, match="3000000 bytes"):
        FileBody(big, offset=offset, length=length)


def test_what_is_no_regular_file_is_refused() -> None:
    with pytest.raises(ValueError, match="regular file"):
        FileBody("/dev/zero")


def test_file_body_can_be_read_like_any_other(big: Path) -> None:
    body = FileBody(big, offset=100, length=1_000_000)
    assert b"".join(body) == content(3_000_000)[100:1_000_100]
    body.close()
