from __future__ import annotations

import gzip
import http.client
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import brotli  # type: ignore[import-untyped]  # has no types
import pytest
from backports import zstd

from photon_router import Application, Request, Response
from photon_router.middleware import Compression, Conditional
from photon_runtime.http import FileBody, Peer
from photon_runtime.testing import LiveServer, live_server

TEXT = "so it goes, " * 500
JSON = b'{"text": "' + TEXT.encode() + b'"}'


def answer_of(
    response: Response, *fields: tuple[bytes, bytes], layer: Compression | None = None
) -> Response:
    request = Request("GET", "/", [*fields])
    return (layer or Compression())(request, lambda request: response)


def compressed(response: Response, *fields: tuple[bytes, bytes]) -> bool:
    accepting = (b"accept-encoding", b"gzip")
    return answer_of(response, accepting, *fields).header("content-encoding") == "gzip"


def page(**options: object) -> Response:
    return Response(body=TEXT, **options)  # type: ignore[arg-type]  # any of its options


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    app = Application()
    app.middleware(Compression())
    app.middleware(Conditional())

    @app.get("/text")
    def text() -> str:
        return TEXT

    @app.get("/small")
    def small() -> str:
        return "small"

    def refuse(request: Request) -> Response:
        return Response(409, body=JSON, content_type="application/problem+json")

    app.mount("/refuse", refuse)
    with live_server(app) as server:
        yield server


def test_the_coding_that_the_client_likes_best_is_used(server: LiveServer) -> None:
    readers = {"gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstd.decompress}
    for name, read in readers.items():
        answer = server.request(
            "GET", "/text", headers={"Accept-Encoding": f"{name}, identity;q=0.1"}
        )
        assert answer.headers["content-encoding"] == name
        assert answer.headers["vary"] == "Accept-Encoding"
        assert int(answer.headers["content-length"]) == len(answer.body) < len(TEXT) / 10
        assert read(answer.body) == f'"{TEXT}"'.encode()


def test_who_asks_for_nothing_gets_the_bytes_as_they_are(server: LiveServer) -> None:
    answer = server.request("GET", "/text", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.body == f'"{TEXT}"'.encode()


def test_head_says_what_get_would(server: LiveServer) -> None:
    got = server.request("GET", "/text", headers={"Accept-Encoding": "gzip"})
    told = server.request("HEAD", "/text", headers={"Accept-Encoding": "gzip"})
    assert told.body == b""
    for name in ("content-encoding", "content-length", "etag", "vary"):
        assert told.headers[name] == got.headers[name]


def test_errors_are_compressed_like_anything_else(server: LiveServer) -> None:
    answer = server.request("GET", "/refuse", headers={"Accept-Encoding": "gzip"})
    assert (answer.status, answer.headers["content-encoding"]) == (409, "gzip")
    assert gzip.decompress(answer.body) == JSON


def test_small_bodies_are_left_alone_unless_they_must_be_encoded(server: LiveServer) -> None:
    answer = server.request("GET", "/small", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers
    answer = server.request("GET", "/small", headers={"Accept-Encoding": "gzip, identity;q=0"})
    assert gzip.decompress(answer.body) == b'"small"'


@pytest.mark.parametrize("accepted", ["identity;q=0", "*;q=0", "identity;q=0, compress"])
def test_who_takes_nothing_at_all_gets_the_bytes_as_they_are(
    server: LiveServer, accepted: str
) -> None:
    answer = server.request("GET", "/text", headers={"Accept-Encoding": accepted})
    assert (answer.status, answer.text) == (200, f'"{TEXT}"')
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"


def test_what_may_hold_a_secret_is_not_compressed_for_those_who_take_nothing_else(
    server: LiveServer,
) -> None:
    headers = {"Accept-Encoding": "gzip, identity;q=0", "Cookie": "a=b"}
    answer = server.request("GET", "/text", headers=headers)
    assert (answer.status, answer.text) == (200, f'"{TEXT}"')


def test_a_compressed_body_has_a_weak_tag_that_is_known_again(server: LiveServer) -> None:
    plain = server.request("GET", "/text")
    small = server.request("GET", "/text", headers={"Accept-Encoding": "gzip"})
    assert small.headers["etag"] == "W/" + plain.headers["etag"]
    for known, accepted in ((small.headers["etag"], "gzip"), (plain.headers["etag"], "identity")):
        again = server.request(
            "GET", "/text", headers={"Accept-Encoding": accepted, "If-None-Match": known}
        )
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == known
        assert again.headers["vary"] == "Accept-Encoding"


@pytest.mark.slow
def test_a_stream_is_readable_part_by_part() -> None:
    go_on = threading.Event()

    def handle(request: Request) -> Response:
        def parts() -> Iterator[bytes]:
            yield b"one"
            deadline = time.monotonic() + 10
            while not go_on.is_set() and time.monotonic() < deadline:
                from photon_runtime import sleep

                sleep(0.01)
            yield b"two"

        return Response(body=parts(), content_type="text/plain")

    app = Application(middleware=[Compression()])
    app.mount("/", handle)
    with live_server(app) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
        connection.request("GET", "/", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
        assert reader.decompress(answer.read1()) == b"one"
        go_on.set()
        assert reader.decompress(answer.read()) == b"two"
        assert reader.eof
        connection.close()


def test_big_bodies_are_compressed_by_a_thread() -> None:
    threads = set()
    layer = Compression(offload_size=100)
    coding = layer._codings["gzip"]

    def compress(body: bytes) -> bytes:
        threads.add(threading.get_ident())
        return coding.compress(body)

    import attrs

    layer._codings["gzip"] = attrs.evolve(coding, compress=compress)
    own = []

    def handle(request: Request) -> Response:
        own.append(threading.get_ident())
        return page()

    app = Application(middleware=[layer])
    app.mount("/", handle)
    with live_server(app) as server:
        answer = server.request("GET", "/", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(answer.body) == TEXT.encode()
    assert threads
    assert not threads & set(own)


def test_files_are_compressed_as_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(TEXT * 40)

    def handle(request: Request) -> Response:
        return Response(
            body=FileBody(path), content_type="text/plain", headers={"accept-ranges": "bytes"}
        )

    app = Application(middleware=[Compression()])
    app.mount("/", handle)
    with live_server(app) as server:
        answer = server.request("GET", "/", headers={"Accept-Encoding": "gzip"})
        head = server.request("HEAD", "/", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(answer.body) == path.read_bytes()
    assert "accept-ranges" not in answer.headers
    assert head.headers["content-encoding"] == "gzip"
    assert "content-length" not in head.headers


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (page(), True),
        (page(content_type="image/svg+xml"), True),
        (page(content_type="application/vnd.shop+json; charset=utf-8"), True),
        (page(content_type="Text/HTML"), True),
        (page(content_type="image/png"), False),
        (page(content_type="text/event-stream"), False),
        (page(content_type="text/event-stream; charset=utf-8"), False),
        (Response(body=JSON), False),
        (page(status=206), False),
        (page(headers={"content-range": "bytes 0-1/2"}), False),
        (page(headers={"Content-Encoding": "br"}), False),
        (page(headers={"cache-control": "max-age=1, No-Transform"}), False),
        (page(headers={"content-digest": "sha-256=:x:"}), False),
        (page(headers={"set-cookie": "a=b"}), False),
        (page(headers={"set-cookie": "a=b", "cache-control": "public"}), True),
    ],
)
def test_the_answer_decides_whether_it_can_be_compressed(
    response: Response, expected: bool
) -> None:
    assert compressed(response) is expected


def test_what_may_hold_secrets_is_compressed_only_if_that_is_said() -> None:
    for field in (
        (b"cookie", b"a=b"),
        (b"authorization", b"Basic eA=="),
        (b"client-cert", b":MIIB:"),
    ):
        assert not compressed(page(), field)
        assert compressed(page(headers={"cache-control": "public, max-age=9"}), field)
        layer = Compression(with_credentials=True)
        answer = answer_of(page(), (b"accept-encoding", b"gzip"), field, layer=layer)
        assert answer.header("content-encoding") == "gzip"


def test_a_certificate_of_the_client_is_a_credential_as_any_other() -> None:
    fields = [(b"accept-encoding", b"gzip")]
    shown = Peer(("127.0.0.1", 1), scheme="https", certificate=b"der")
    for peer, expected in ((shown, None), (Peer(("127.0.0.1", 1), scheme="https"), "gzip")):
        request = Request("GET", "/", fields, peer=peer)
        response = Compression()(request, lambda request: page())
        assert response.header("content-encoding") == expected


def test_what_does_not_get_smaller_stays() -> None:
    import os

    noise = os.urandom(5000)
    answer = answer_of(
        Response(body=noise, content_type="text/plain"), (b"accept-encoding", b"gzip")
    )
    assert answer.body == noise
    assert answer.header("content-encoding") is None


def test_several_lines_of_accept_encoding_count_as_one() -> None:
    lines = ((b"accept-encoding", b"br"), (b"accept-encoding", b"br;q=0, gzip"))
    assert answer_of(page(), *lines).header("content-encoding") == "gzip"


def test_a_stream_that_is_not_read_is_closed_all_the_same() -> None:
    class Parts:
        is_closed = False

        def __iter__(self) -> Iterator[bytes]:
            yield b"x"

        def close(self) -> None:
            self.is_closed = True

    parts = Parts()
    answer = answer_of(
        Response(body=parts, content_type="text/plain"), (b"accept-encoding", b"gzip")
    )
    answer.body.close()  # type: ignore[union-attr]  # it wraps a body with this method
    assert parts.is_closed


def test_options_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown coding 'lzma'"):
        Compression(codings=["lzma"])
    with pytest.raises(ValueError, match="a content type has the form text/html"):
        Compression(content_types=["json"])
    with pytest.raises(ValueError, match="gzip_level"):
        Compression(gzip_level=10)
