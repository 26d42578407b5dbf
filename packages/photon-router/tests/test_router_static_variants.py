from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from backports import zstd

from folders import put
from photon_router import Application, StaticFiles
from photon_runtime.testing import LiveServer, live_server

CHANGED = 1_700_000_000


def serving(folder: Path, prefix: str = "/static", **options: object) -> Application:
    app = Application()
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
        ("identity;q=0, deflate", None, SCRIPT),
        ("*;q=0", None, SCRIPT),
    ],
)
def test_the_client_says_which_coding_it_gets(
    server: LiveServer, accepted: str, coding: str | None, body: bytes
) -> None:
    answer = server.request("GET", "/static/app.js", headers={"Accept-Encoding": accepted})
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["vary"] == "Accept-Encoding"


def test_only_what_is_there_is_offered(server: LiveServer) -> None:
    assert (
        server.request("GET", "/static/one.css", headers={"Accept-Encoding": "br, gzip"}).body
        == b"gzipped css"
    )
    answer = server.request("GET", "/static/plain.css", headers={"Accept-Encoding": "br, gzip"})
    assert answer.body == b"css"
    assert "vary" not in answer.headers


def test_each_variant_has_a_tag_and_ranges_of_its_own(server: LiveServer) -> None:
    whole = server.request("GET", "/static/app.js", headers={"Accept-Encoding": "identity"})
    packed = server.request("GET", "/static/app.js", headers={"Accept-Encoding": "gzip"})
    assert whole.headers["etag"] != packed.headers["etag"]
    part = server.request(
        "GET",
        "/static/app.js",
        headers={
            "Accept-Encoding": "gzip",
            "Range": "bytes=2-5",
            "If-Range": packed.headers["etag"],
        },
    )
    assert (part.status, part.body) == (206, GZIP[2:6])
    assert part.headers["content-encoding"] == "gzip"
    known = packed.headers["etag"]
    answer = server.request(
        "GET", "/static/app.js", headers={"Accept-Encoding": "gzip", "If-None-Match": known}
    )
    assert (answer.status, answer.headers["vary"]) == (304, "Accept-Encoding")
    assert "content-encoding" not in answer.headers
    assert server.request("GET", "/static/app.js", headers={"If-None-Match": known}).status == 200


def test_the_index_has_variants_too(server: LiveServer) -> None:
    answer = server.request("GET", "/static/", headers={"Accept-Encoding": "gzip"})
    assert answer.body == b"gzipped home"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_one_that_is_older_than_its_file_does_not_count(server: LiveServer) -> None:
    assert (
        server.request("GET", "/static/stale.js", headers={"Accept-Encoding": "gzip"}).body
        == b"new"
    )
    assert (
        server.request("GET", "/static/copied.js", headers={"Accept-Encoding": "gzip"}).body
        == b"gzipped"
    )


def test_a_compressed_file_alone_stands_for_nothing(server: LiveServer) -> None:
    assert (
        server.request("GET", "/static/alone.js", headers={"Accept-Encoding": "gzip"}).status == 404
    )
    assert (
        server.request("GET", "/static/odd.js", headers={"Accept-Encoding": "gzip"}).body == b"odd"
    )


def test_asked_for_by_name_it_is_a_file_like_others(server: LiveServer) -> None:
    answer = server.request("GET", "/static/app.js.gz", headers={"Accept-Encoding": "gzip"})
    assert answer.body == GZIP
    assert answer.headers["content-type"] == "application/gzip"
    assert "content-encoding" not in answer.headers


def test_they_can_be_switched_off(root: Path) -> None:
    with live_server(serving(root, precompressed=False)) as server:
        assert (
            server.request("GET", "/static/app.js", headers={"Accept-Encoding": "br"}).body
            == SCRIPT
        )


def test_one_that_leads_out_is_passed_over(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(root / "x.js", "inside")
    put(tmp_path / "secret", "SECRET")
    os.symlink(tmp_path / "secret", root / "x.js.gz")
    for follows in (False, True):
        with live_server(serving(root, follow_symlinks=follows)) as server:
            assert (
                server.request("GET", "/static/x.js", headers={"Accept-Encoding": "gzip"}).body
                == b"inside"
            )
