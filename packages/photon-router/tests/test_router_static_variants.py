from __future__ import annotations

import gzip
import http.client
import os
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from backports import zstd

from photon_router import Router, StaticFiles
from photon_runtime.testing import LiveServer, live_server

CHANGED = 1_700_000_000


@attrs.frozen
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def shown(self) -> tuple[int, bytes]:
        return self.status, self.body


def ask(server: LiveServer, target: str, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target, headers=fields)
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, told, answer.read())
    finally:
        connection.close()


def put(path: Path, content: bytes | str, *, changed: int = CHANGED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (changed, changed))
    return path


def serving(folder: Path, prefix: str = "/static", **options: object) -> Router:
    app = Router()
    app.mount(prefix, StaticFiles(folder, **options))  # type: ignore[arg-type]  # any of its own
    return app


SCRIPT = b"let x = 1;" * 100
ZSTD, GZIP = zstd.compress(SCRIPT), gzip.compress(SCRIPT)
BROTLI = b"stands for brotli"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("variants")
    put(root / "app.js", SCRIPT)
    put(root / "app.js.br", BROTLI)
    put(root / "app.js.zst", ZSTD)
    put(root / "app.js.gz", GZIP)
    put(root / "one.css", "css")
    put(root / "one.css.gz", b"gzipped css")
    put(root / "plain.css", "css")
    put(root / "index.html", "home")
    put(root / "index.html.gz", b"gzipped home")
    put(root / "stale.js", "new", changed=CHANGED + 60)
    put(root / "stale.js.gz", b"old")
    put(root / "copied.js", "new", changed=CHANGED + 5)
    put(root / "copied.js.gz", b"gzipped")
    put(root / "alone.js.gz", b"gzipped")
    (root / "odd.js.gz").mkdir()
    put(root / "odd.js", "odd")
    return root


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[LiveServer]:
    with live_server(serving(root)) as server:
        yield server


@pytest.mark.parametrize(
    ("accepted", "coding", "body"),
    [
        ("gzip, deflate, br, zstd", "br", BROTLI),
        ("gzip, deflate, br;q=0.9", "gzip", GZIP),
        ("gzip;q=0.5, zstd", "zstd", ZSTD),
        ("zstd;q=0, gzip", "gzip", GZIP),
        ("*", "br", BROTLI),
        ("*, br;q=0", "zstd", ZSTD),
        ("x-gzip", "gzip", GZIP),
        ("BR", "br", BROTLI),
        ("deflate", None, SCRIPT),
        ("br;q=0", None, SCRIPT),
        ("identity", None, SCRIPT),
        ("identity, br;q=0.5", None, SCRIPT),
        ("", None, SCRIPT),
        ("br;q=nonsense", None, SCRIPT),
    ],
)
def test_the_client_says_which_coding_it_gets(
    server: LiveServer, accepted: str, coding: str | None, body: bytes
) -> None:
    answer = ask(server, "/static/app.js", Accept_Encoding=accepted)
    assert answer.shown == (200, body)
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["vary"] == "Accept-Encoding"


def test_only_what_is_there_is_offered(server: LiveServer) -> None:
    assert ask(server, "/static/one.css", Accept_Encoding="br, gzip").body == b"gzipped css"
    answer = ask(server, "/static/plain.css", Accept_Encoding="br, gzip")
    assert answer.body == b"css"
    assert "vary" not in answer.headers


def test_each_variant_has_a_tag_and_ranges_of_its_own(server: LiveServer) -> None:
    whole = ask(server, "/static/app.js", Accept_Encoding="identity")
    packed = ask(server, "/static/app.js", Accept_Encoding="gzip")
    assert whole.headers["etag"] != packed.headers["etag"]
    part = ask(
        server,
        "/static/app.js",
        Accept_Encoding="gzip",
        Range="bytes=2-5",
        If_Range=packed.headers["etag"],
    )
    assert part.shown == (206, GZIP[2:6])
    assert part.headers["content-encoding"] == "gzip"
    known = packed.headers["etag"]
    answer = ask(server, "/static/app.js", Accept_Encoding="gzip", If_None_Match=known)
    assert (answer.status, answer.headers["vary"]) == (304, "Accept-Encoding")
    assert "content-encoding" not in answer.headers
    assert ask(server, "/static/app.js", If_None_Match=known).status == 200


def test_the_index_has_variants_too(server: LiveServer) -> None:
    answer = ask(server, "/static/", Accept_Encoding="gzip")
    assert answer.body == b"gzipped home"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_one_that_is_older_than_its_file_does_not_count(server: LiveServer) -> None:
    assert ask(server, "/static/stale.js", Accept_Encoding="gzip").body == b"new"
    assert ask(server, "/static/copied.js", Accept_Encoding="gzip").body == b"gzipped"


def test_a_compressed_file_alone_stands_for_nothing(server: LiveServer) -> None:
    assert ask(server, "/static/alone.js", Accept_Encoding="gzip").status == 404
    assert ask(server, "/static/odd.js", Accept_Encoding="gzip").body == b"odd"


def test_asked_for_by_name_it_is_a_file_like_others(server: LiveServer) -> None:
    answer = ask(server, "/static/app.js.gz", Accept_Encoding="gzip")
    assert answer.body == GZIP
    assert answer.headers["content-type"] == "application/gzip"
    assert "content-encoding" not in answer.headers


def test_they_can_be_switched_off(root: Path) -> None:
    with live_server(serving(root, precompressed=False)) as server:
        assert ask(server, "/static/app.js", Accept_Encoding="br").body == SCRIPT


def test_one_that_leads_out_is_passed_over(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(root / "x.js", "inside")
    put(tmp_path / "secret", "SECRET")
    os.symlink(tmp_path / "secret", root / "x.js.gz")
    for follows in (False, True):
        with live_server(serving(root, follow_symlinks=follows)) as server:
            assert ask(server, "/static/x.js", Accept_Encoding="gzip").body == b"inside"
