from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from folders import put
from photon_router import Application, StaticFiles
from photon_router.static._fingerprint import with_fingerprint, without_fingerprint
from photon_runtime import run, scope
from photon_runtime.testing import live_server

FOREVER = "public, max-age=31536000, immutable"
DIGEST = "0123456789abcdef"


@pytest.mark.parametrize(
    ("name", "fingerprinted"),
    [
        ("app.js", f"app.{DIGEST}.js"),
        ("app.min.js", f"app.min.{DIGEST}.js"),
        ("LICENSE", f"LICENSE.{DIGEST}"),
        (".hidden", f".hidden.{DIGEST}"),
        ("größe.css", f"größe.{DIGEST}.css"),
    ],
)
def test_the_digest_stands_before_the_ending(name: str, fingerprinted: str) -> None:
    assert with_fingerprint(name, DIGEST) == fingerprinted
    assert without_fingerprint(fingerprinted) == (name, DIGEST)


@given(st.text(st.characters(exclude_characters="\n"), min_size=1))
def test_a_name_comes_back(name: str) -> None:
    if not name.endswith("."):  # no file of ours ends so
        assert without_fingerprint(with_fingerprint(name, DIGEST)) == (name, DIGEST)


def test_other_names_have_none() -> None:
    for name in ("app.js", f"{DIGEST}.js", f"app.{DIGEST[1:]}.js", f"app.{DIGEST.upper()}.js"):
        assert without_fingerprint(name) is None


def app_of(files: StaticFiles, prefix: str = "/static") -> Application:
    app = Application()
    app.mount(prefix, files)
    return app


def test_an_address_names_the_content_and_may_be_kept(tmp_path: Path) -> None:
    put(tmp_path / "css" / "site.css", "body {}")
    files = StaticFiles(tmp_path)
    with live_server(app_of(files)) as server:
        url = files.url("css/site.css")
        assert re.fullmatch(r"/static/css/site\.[0-9a-f]{16}\.css", url)
        answer = server.request("GET", url)
        assert (answer.status, answer.body) == (200, b"body {}")
        assert answer.headers["cache-control"] == FOREVER
        assert answer.headers["content-type"] == "text/css; charset=utf-8"
        assert server.request("GET", "/static/css/site.css").headers["cache-control"] == "no-cache"
        assert (
            server.request("GET", url, headers={"If-None-Match": answer.headers["etag"]}).status
            == 304
        )
        assert server.request("HEAD", url).status == 200


def test_the_address_of_another_version_gets_what_there_is_and_is_not_kept(tmp_path: Path) -> None:
    file = put(tmp_path / "app.js", "one")
    files = StaticFiles(tmp_path, max_age=600)
    with live_server(app_of(files)) as server:
        old = files.url("app.js")
        put(file, "two")  # as long and as old as before
        new = files.url("app.js")
        assert new != old
        assert server.request("GET", new).headers["cache-control"] == FOREVER
        answer = server.request("GET", old)
        assert (answer.status, answer.body) == (200, b"two")
        assert answer.headers["cache-control"] == "no-store"


def test_what_is_said_of_a_pattern_counts_for_fingerprints_too(tmp_path: Path) -> None:
    put(tmp_path / "reports" / "a.pdf", "secret")
    put(tmp_path / "a.js", "run()")
    files = StaticFiles(tmp_path, cache_control={"reports/*": "private, no-store"})
    with live_server(app_of(files)) as server:
        told = server.request("GET", files.url("reports/a.pdf")).headers["cache-control"]
        assert told == "private, no-store"
        assert server.request("GET", files.url("a.js")).headers["cache-control"] == FOREVER


def test_the_digest_is_that_of_the_content_alone(tmp_path: Path) -> None:
    put(tmp_path / "a" / "x.js", "same")
    put(tmp_path / "b" / "x.js", "same", changed=1)
    first, second = (StaticFiles(tmp_path / name, base_url="/s") for name in "ab")
    assert first.url("x.js") == second.url("x.js")


def test_inside_a_request_a_thread_reads_the_file(tmp_path: Path) -> None:
    put(tmp_path / "big.bin", bytes(5_000_000))
    files = StaticFiles(tmp_path)
    app = app_of(files)

    @app.get("/url")
    def url() -> str:
        return files.url("big.bin")

    with live_server(app) as server:
        told = server.request("GET", "/url").body.decode().strip('"')
        assert told == files.url("big.bin")
        assert server.request("GET", told).headers["cache-control"] == FOREVER


def open_below(folder: Path) -> list[str]:
    """Return the files and folders below one that this process has open."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # that of the listing itself
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return [path for path in found if Path(path).is_relative_to(folder)]


def wait_until_closed(folder: Path) -> None:
    end = time.monotonic() + 10
    while left := open_below(folder):
        assert time.monotonic() < end, left
        time.sleep(0.01)


def test_a_request_that_is_cancelled_leaves_no_descriptor(tmp_path: Path) -> None:
    put(tmp_path / "big.bin", bytes(5_000_000))
    files = StaticFiles(tmp_path, base_url="/s")

    def cancelled() -> None:
        with scope() as group:
            group.cancel()
            files.url("big.bin")

    def cancelled_later() -> None:
        with scope() as group:
            group.spawn(group.cancel)
            files.url("big.bin")

    def both() -> None:
        cancelled()
        cancelled_later()

    run(files.url, "big.bin")
    put(tmp_path / "big.bin", bytes(5_000_001))
    run(both)
    wait_until_closed(tmp_path)  # the thread comes to its end first


def test_variants_are_found_below_the_fingerprint(tmp_path: Path) -> None:
    put(tmp_path / "app.js", "run()")
    put(tmp_path / "app.js.gz", b"gzipped")
    files = StaticFiles(tmp_path)
    with live_server(app_of(files)) as server:
        answer = server.request("GET", files.url("app.js"), headers={"Accept-Encoding": "gzip"})
    assert answer.body == b"gzipped"
    assert answer.headers["cache-control"] == FOREVER


def test_a_file_that_really_has_such_a_name_comes_first(tmp_path: Path) -> None:
    put(tmp_path / f"app.{DIGEST}.js", "built")
    put(tmp_path / "app.js", "source")
    with live_server(app_of(StaticFiles(tmp_path))) as server:
        assert server.request("GET", f"/static/app.{DIGEST}.js").body == b"built"
        assert server.request("GET", f"/static/none.{DIGEST}.js").status == 404


def test_addresses_begin_where_the_files_are_mounted(tmp_path: Path) -> None:
    put(tmp_path / "a b#.js", "x")
    files = StaticFiles(tmp_path)
    with pytest.raises(RuntimeError, match="before the application has started"):
        files.url("a b#.js")
    inner = app_of(files, "/files")
    app = Application()
    app.include(inner, prefix="/admin")
    with live_server(app) as server:
        url = files.url("a b#.js")
        assert url.startswith("/admin/files/a%20b%23.")
        assert server.request("GET", url).headers["cache-control"] == FOREVER
    root = StaticFiles(tmp_path)
    with live_server(app_of(root, "/")):
        assert root.url("a b#.js").startswith("/a%20b%23.")
    elsewhere = StaticFiles(tmp_path, base_url="https://cdn.example.com/s/")
    assert elsewhere.url("a b#.js").startswith("https://cdn.example.com/s/a%20b%23.")


@pytest.mark.parametrize("path", ["none.js", "../x", "/etc/passwd", "", "folder", ".hidden"])
def test_a_file_that_is_not_there_has_no_address(tmp_path: Path, path: str) -> None:
    put(tmp_path / ".hidden", "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileNotFoundError, match="does not exist"):
        StaticFiles(tmp_path, base_url="/s").url(path)
