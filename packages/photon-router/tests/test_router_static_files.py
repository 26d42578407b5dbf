from __future__ import annotations

import gzip
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from email import message_from_bytes
from email.utils import formatdate
from pathlib import Path

import pytest

from folders import put
from photon_router import Application, HttpError, Request, Response, StaticFiles
from photon_router.files import FileResponder, Variant
from photon_router.middleware import Compression, Conditional
from photon_router.static._folder import Walk
from photon_runtime.errors import PhotonError
from photon_runtime.http import Handler
from photon_runtime.testing import LiveServer, live_server

CHANGED = 1_700_000_000
BIG = os.urandom(3_000_000)
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


def serving(folder: Path, prefix: str = "/static", **options: object) -> Application:
    app = Application()
    app.mount(prefix, StaticFiles(folder, **options))  # type: ignore[arg-type]  # any of its own
    return app


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("served")
    root = top / "files"
    put(root / "index.html", "<h1>home</h1>")
    put(root / "site.css", "body {}")
    put(root / "ten.txt", "0123456789")
    put(root / "empty.txt", "")
    put(root / "big.bin", BIG)
    put(root / "docs" / "index.html", "<h1>docs</h1>")
    put(root / "docs" / "größe é.txt", "sizes")
    put(root / "bare" / "x.txt", "x")
    put(root / ".env", "SECRET")
    put(root / ".git" / "config", "SECRET")
    put(root / ".well-known" / "security.txt", "Contact: nobody")
    put(top / "secret.txt", "SECRET")
    (root / "out.txt").symlink_to(top / "secret.txt")
    (root / "out").symlink_to(top)
    (root / "in.txt").symlink_to("ten.txt")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[LiveServer]:
    with live_server(serving(folder)) as server:
        yield server


# -- whole files --------------------------------------------------------------------------------


def test_a_file_comes_with_its_validators(server: LiveServer) -> None:
    answer = server.request("GET", "/static/ten.txt")
    assert (answer.status, answer.body) == (200, b"0123456789")
    fields = dict(answer.headers)
    assert fields.pop("etag").startswith('"')
    fields.pop("date")
    assert fields == {
        "content-type": "text/plain; charset=utf-8",
        "content-length": "10",
        "accept-ranges": "bytes",
        "last-modified": formatdate(CHANGED, usegmt=True),
        "cache-control": "no-cache",
        "x-content-type-options": "nosniff",
    }


@pytest.mark.parametrize("name", ["ten.txt", "big.bin", "empty.txt"])
def test_head_is_as_get_without_the_body(server: LiveServer, name: str) -> None:
    get, head = (server.request(method, f"/static/{name}") for method in ("GET", "HEAD"))
    fields = dict(head.headers) | {"date": get.headers["date"]}
    assert (head.status, fields, head.body) == (200, dict(get.headers), b"")


def test_big_files_and_empty_ones_arrive_whole(server: LiveServer) -> None:
    assert server.request("GET", "/static/big.bin").body == BIG
    answer = server.request("GET", "/static/empty.txt")
    assert (answer.status, answer.body) == (200, b"")


def test_names_beyond_ascii_are_found(server: LiveServer) -> None:
    answer = server.request("GET", "/static/docs/gr%C3%B6%C3%9Fe%20%C3%A9.txt")
    assert (answer.status, answer.body) == (200, b"sizes")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"])
def test_other_methods_are_refused(server: LiveServer, method: str) -> None:
    answer = server.request(method, "/static/ten.txt")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert answer.headers["content-type"] == "application/problem+json"


def test_options_tells_the_methods(server: LiveServer) -> None:
    answer = server.request("OPTIONS", "/static/ten.txt")
    assert (answer.status, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


def test_what_is_not_there_is_a_problem_document(server: LiveServer) -> None:
    answer = server.request("GET", "/static/none.txt")
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.body)["detail"] == "no file matches /static/none.txt"


# -- folders ------------------------------------------------------------------------------------


def test_a_folder_is_answered_by_its_index(server: LiveServer) -> None:
    assert server.request("GET", "/static/").body == b"<h1>home</h1>"
    answer = server.request("GET", "/static/docs/")
    assert answer.body == b"<h1>docs</h1>"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", ["/static//", "/static/docs//", "/static/%2F"])
def test_a_folder_has_one_address_alone(server: LiveServer, path: str) -> None:
    assert server.request("GET", path).status == 404


@pytest.mark.parametrize("path", ["/static", "/static/docs"])
def test_a_folder_without_a_slash_leads_to_the_address_with_one(
    server: LiveServer, path: str
) -> None:
    answer = server.request("GET", f"{path}?a=%20b")
    assert (answer.status, answer.headers["location"]) == (307, f"{path}/?a=%20b")


@pytest.mark.parametrize("path", ["/static/bare", "/static/bare/", "/static/ten.txt/"])
def test_folders_are_not_listed_and_files_are_none(server: LiveServer, path: str) -> None:
    assert server.request("GET", path).status == 404


def test_the_redirection_never_leads_to_another_host(folder: Path) -> None:
    put(folder / "evil.example" / "index.html", "")
    with live_server(serving(folder, "/")) as server:
        assert server.request("GET", "/evil.example").headers["location"] == "/evil.example/"
        for target in ("//evil.example", "/%2Fevil.example", "/\\evil.example", "///evil.example"):
            answer = server.request("GET", target)
            assert "location" not in answer.headers
            assert answer.status in (400, 404)


def test_at_the_root_operations_come_first(folder: Path) -> None:
    app = serving(folder, "/")

    @app.get("/ten.txt")
    def ten() -> str:
        return "operation"

    with live_server(app) as server:
        assert server.request("GET", "/").body == b"<h1>home</h1>"
        assert server.request("GET", "/ten.txt").body == b'"operation"'
        assert server.request("GET", "/site.css").body == b"body {}"


# -- conditional requests -----------------------------------------------------------------------


def test_who_has_a_file_gets_no_body(server: LiveServer) -> None:
    tag = server.request("GET", "/static/ten.txt").headers["etag"]
    for fields in (
        {"If-None-Match": tag},
        {"If-None-Match": f'"x", W/{tag}'},
        {"If-Modified-Since": formatdate(CHANGED, usegmt=True)},
    ):
        for method in ("GET", "HEAD"):
            answer = server.request(method, "/static/ten.txt", headers=fields)
            assert (answer.status, answer.body) == (304, b"")
            assert answer.headers.keys() == {"date", "etag", "cache-control"}
    assert server.request("GET", "/static/ten.txt", headers={"If-None-Match": '"x"'}).status == 200


def test_who_asks_for_another_version_is_refused(server: LiveServer) -> None:
    tag = server.request("GET", "/static/ten.txt").headers["etag"]
    assert server.request("GET", "/static/ten.txt", headers={"If-Match": tag}).status == 200
    answer = server.request("GET", "/static/ten.txt", headers={"If-Match": '"x"'})
    assert (answer.status, answer.headers["content-type"]) == (412, "application/problem+json")
    since = formatdate(CHANGED - 10, usegmt=True)
    assert (
        server.request("GET", "/static/ten.txt", headers={"If-Unmodified-Since": since}).status
        == 412
    )


def test_a_changed_file_has_another_tag(tmp_path: Path) -> None:
    file = put(tmp_path / "x.txt", "one")
    with live_server(serving(tmp_path)) as server:
        first = server.request("GET", "/static/x.txt").headers["etag"]
        put(file, "two", changed=CHANGED + 1)
        second = server.request("GET", "/static/x.txt", headers={"If-None-Match": first})
        assert (second.status, second.body) == (200, b"two")
        put(tmp_path / "other", "333").rename(file)  # as old and as long as the first
        answer = server.request("GET", "/static/x.txt", headers={"If-None-Match": first})
        assert (answer.status, answer.body) == (200, b"333")


def test_a_file_from_the_future_was_not_changed_later_than_now(tmp_path: Path) -> None:
    put(tmp_path / "x.txt", "x", changed=4_000_000_000)
    with live_server(serving(tmp_path)) as server:
        answer = server.request("GET", "/static/x.txt")
        assert answer.headers["last-modified"] <= answer.headers["date"]
        assert answer.headers["last-modified"][12:16] < "2096"


# -- ranges -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "content_range", "body"),
    [
        ("bytes=0-3", "bytes 0-3/10", b"0123"),
        ("bytes=7-", "bytes 7-9/10", b"789"),
        ("bytes=-2", "bytes 8-9/10", b"89"),
        ("bytes=0-", "bytes 0-9/10", b"0123456789"),
        ("bytes=1-2,4-5", "bytes 1-5/10", b"12345"),
        ("bytes=5-5,90-", "bytes 5-5/10", b"5"),
    ],
)
def test_a_range_is_a_part_of_the_file(
    server: LiveServer, field: str, content_range: str, body: bytes
) -> None:
    answer = server.request("GET", "/static/ten.txt", headers={"Range": field})
    assert (answer.status, answer.body) == (206, body)
    assert answer.headers["content-range"] == content_range
    assert answer.headers["content-length"] == str(len(body))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert {"etag", "last-modified", "cache-control"} <= answer.headers.keys()


@pytest.mark.parametrize("field", ["bytes=5-1", "lines=1-2", "bytes=x", "bytes=" + "0-0," * 33])
def test_a_range_that_does_not_count_gives_the_whole_file(server: LiveServer, field: str) -> None:
    answer = server.request("GET", "/static/ten.txt", headers={"Range": field})
    assert (answer.status, answer.body) == (200, b"0123456789")


def test_a_range_behind_the_end_is_refused_with_the_size(server: LiveServer) -> None:
    answer = server.request("GET", "/static/ten.txt", headers={"Range": "bytes=10-"})
    assert (answer.status, answer.headers["content-range"]) == (416, "bytes */10")
    assert answer.headers["content-type"] == "application/problem+json"


def test_head_and_empty_files_have_no_ranges(server: LiveServer) -> None:
    assert server.request("HEAD", "/static/ten.txt", headers={"Range": "bytes=0-1"}).status == 200
    answer = server.request("GET", "/static/empty.txt", headers={"Range": "bytes=0-1"})
    assert (answer.status, answer.body) == (200, b"")


def test_a_large_range_of_a_big_file_is_exact(server: LiveServer) -> None:
    answer = server.request("GET", "/static/big.bin", headers={"Range": "bytes=1000-2500000"})
    assert answer.body == BIG[1000:2_500_001]


def test_several_ranges_come_in_parts(server: LiveServer) -> None:
    answer = server.request(
        "GET", "/static/big.bin", headers={"Range": "bytes=2000000-2999999,0-99,-1,500-600"}
    )
    assert answer.status == 206
    assert "content-range" not in answer.headers
    assert answer.headers["content-length"] == str(len(answer.body))
    kind = answer.headers["content-type"]
    assert kind.startswith("multipart/byteranges; boundary=")
    boundary = kind.partition("=")[2].encode()
    parts = answer.body.split(b"--" + boundary)
    assert (parts[0], parts[-1]) == (b"", b"--\r\n")
    found = []
    for part in parts[1:-1]:
        head, _, body = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        fields = message_from_bytes(head)
        assert fields["content-type"] == "application/octet-stream"
        found.append((fields["content-range"], body.removesuffix(b"\r\n")))
    assert found == [
        ("bytes 0-99/3000000", BIG[:100]),
        ("bytes 500-600/3000000", BIG[500:601]),
        ("bytes 2000000-2999999/3000000", BIG[2_000_000:]),
    ]


def test_a_download_goes_on_only_with_the_same_file(server: LiveServer) -> None:
    tag = server.request("GET", "/static/ten.txt").headers["etag"]
    for condition, status in (
        (tag, 206),
        (formatdate(CHANGED, usegmt=True), 206),
        ('"x"', 200),
        (f"W/{tag}", 200),
        (formatdate(CHANGED - 1, usegmt=True), 200),
    ):
        assert (
            server.request(
                "GET", "/static/ten.txt", headers={"Range": "bytes=1-2", "If-Range": condition}
            ).status
            == status
        )
    # An outdated If-Range ignores the range, even one beyond the end of the file.
    assert (
        server.request(
            "GET", "/static/ten.txt", headers={"Range": "bytes=99-", "If-Range": '"x"'}
        ).status
        == 200
    )


def test_preconditions_come_before_ranges(server: LiveServer) -> None:
    tag = server.request("GET", "/static/ten.txt").headers["etag"]
    assert (
        server.request(
            "GET", "/static/ten.txt", headers={"Range": "bytes=0-1", "If-None-Match": tag}
        ).status
        == 304
    )
    assert (
        server.request(
            "GET", "/static/ten.txt", headers={"Range": "bytes=99-", "If-Match": '"x"'}
        ).status
        == 412
    )


# -- no way out ---------------------------------------------------------------------------------

TRAVERSALS = [
    "/static/../secret.txt",
    "/static/../../../../../../etc/passwd",
    "/static/%2e%2e/secret.txt",
    "/static/%2E%2E/secret.txt",
    "/static/.%2e/secret.txt",
    "/static/..%2fsecret.txt",
    "/static/..%2Fsecret.txt",
    "/static/%2e%2e%2fsecret.txt",
    "/static/%2e%2e%5csecret.txt",
    "/static/..\\secret.txt",
    "/static/..%5Csecret.txt",
    "/static/%252e%252e/secret.txt",
    "/static/%252e%252e%252fsecret.txt",
    "/static/docs/../../secret.txt",
    "/static/docs/%2e%2e/%2e%2e/secret.txt",
    "/static/docs%2f..%2f..%2fsecret.txt",
    "/static/./../secret.txt",
    "/static//etc/passwd",
    "/static/%2fetc%2fpasswd",
    "/static/%2Fetc/passwd",
    "/static///etc/passwd",
    "/static/..;/secret.txt",
    "/static/....//secret.txt",
    "/static/..../secret.txt",
    "/static/%c0%ae%c0%ae/secret.txt",
    "/static/%c0%ae%c0%ae%c0%afsecret.txt",
    "/static/%e0%80%ae%e0%80%ae/secret.txt",
    "/static/%uff0e%uff0e/secret.txt",
    "/static/%EF%BC%8E%EF%BC%8E/secret.txt",
    "/static/..%00/secret.txt",
    "/static/ten.txt%00.html",
    "/static/%00",
    "/static/ten.txt%0a",
    "/static/..%0d/secret.txt",
    "/static/ten.txt.",
    "/static/ten.txt%20",
    "/static/ten.txt::$DATA",
    "/static/C:/secret.txt",
    "/static/C:%5Csecret.txt",
    "/static/%5C%5Chost%5Cshare",
    "/static/CON",
    "/static/aux.txt",
    "/static/docs%2Findex.html",
    "/static/out.txt",
    "/static/out/secret.txt",
    "/static/out/",
    "/static/out",
    "/static/in.txt",
    "/static/.env",
    "/static/.git/config",
    "/static/%2egit/config",
    "/static/docs/../.env",
    "/static/pipe",
    "/static/" + "a/" * 3000 + "x",
    "/static/" + "%2e%2e/" * 300 + "etc/passwd",
    "/static/" + "x" * 3000,
    "/static../secret.txt",
    "/static%2f..%2fsecret.txt",
    "/static/proc/self/environ",
    "/static/~root/secret.txt",
    "/static/%",
    "/static/%zz",
]


@pytest.mark.parametrize("target", TRAVERSALS, ids=lambda target: target[:50])
def test_no_spelling_leads_out(server: LiveServer, target: str) -> None:
    head = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = server.exchange(head.encode("latin-1"))
    status = int(answer.split(b" ", 2)[1])
    assert status in (400, 404)
    assert b"SECRET" not in answer
    assert b"root:" not in answer


def test_the_well_known_folder_is_served(server: LiveServer) -> None:
    assert server.request("GET", "/static/.well-known/security.txt").status == 200


def test_hidden_files_and_inner_links_are_served_on_request(folder: Path) -> None:
    app = serving(folder, hidden=True, follow_symlinks=True)
    with live_server(app) as server:
        assert server.request("GET", "/static/.env").status == 200
        assert server.request("GET", "/static/in.txt").body == b"0123456789"
        for path in ("/static/out.txt", "/static/out/secret.txt", "/static/../secret.txt"):
            assert server.request("GET", path).status == 404


# -- pages for missing files ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def spa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    root = tmp_path_factory.mktemp("spa")
    put(root / "index.html", "app")
    put(root / "assets" / "app.js", "run()")
    put(root / "errors" / "404.html", "gone")
    app = serving(root, "/", fallback="index.html", not_found="errors/404.html", max_age=60)

    @app.get("/api/items")
    def items() -> list[int]:
        return []

    with live_server(app) as server:
        yield server


@pytest.mark.parametrize("path", ["/boards/7", "/boards/", "/a/b/c?x=1"])
def test_navigations_get_the_page_of_the_application(spa: LiveServer, path: str) -> None:
    answer = spa.request("GET", path, headers={"Accept": HTML})
    assert (answer.status, answer.body) == (200, b"app")
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["cache-control"] == "no-cache"
    assert spa.request("HEAD", path, headers={"Accept": HTML}).status == 200


@pytest.mark.parametrize("accept", ["*/*", "application/json", "image/*", "text/html;q=0", ""])
def test_what_is_no_navigation_gets_a_problem_document(spa: LiveServer, accept: str) -> None:
    answer = spa.request("GET", "/boards/7", headers={"Accept": accept})
    assert (answer.status, answer.headers["vary"]) == (404, "Accept")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/assets/gone.js", "/assets/gone.css", "/favicon.ico"])
def test_a_missing_asset_is_missing_for_navigations_too(spa: LiveServer, path: str) -> None:
    answer = spa.request("GET", path, headers={"Accept": HTML})
    assert (answer.status, answer.body) == (404, b"gone")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert spa.request("GET", path).headers["content-type"] == "application/problem+json"


def test_a_path_that_cannot_be_a_file_is_no_route_either(spa: LiveServer) -> None:
    answer = spa.request("GET", "/a%2Fb", headers={"Accept": HTML})
    assert (answer.status, answer.body) == (404, b"gone")


def test_real_files_and_operations_are_untouched(spa: LiveServer) -> None:
    assert spa.request("GET", "/assets/app.js", headers={"Accept": HTML}).body == b"run()"
    assert spa.request("GET", "/api/items", headers={"Accept": HTML}).body == b"[]"
    assert spa.request("GET", "/", headers={"Accept": HTML}).body == b"app"


# -- options ------------------------------------------------------------------------------------


def test_caches_are_told_by_pattern_then_by_age(tmp_path: Path) -> None:
    for name in ("a.js", "fonts/a.woff2", "fonts/deep/b.woff2", "page.html"):
        put(tmp_path / name, "x")
    patterns = {"fonts/*": "public, max-age=86400"}
    with live_server(serving(tmp_path, max_age=60, cache_control=patterns)) as server:
        told = {
            name: server.request("GET", f"/static/{name}").headers["cache-control"]
            for name in ("a.js", "fonts/a.woff2", "fonts/deep/b.woff2", "page.html")
        }
    assert told == {
        "a.js": "public, max-age=60",
        "fonts/a.woff2": "public, max-age=86400",
        "fonts/deep/b.woff2": "public, max-age=86400",
        "page.html": "no-cache",
    }


def cache_controls(server: LiveServer, files: StaticFiles, prefix: str) -> list[str]:
    """Return Cache-Control of a fingerprint, a script, a page, and a missing file."""
    html = {"Accept": HTML}
    paths = (files.url("a.js"), f"{prefix}/a.js", f"{prefix}/page.html", f"{prefix}/none.js")
    return [server.request("GET", each, headers=html).headers["cache-control"] for each in paths]


PUBLIC = ["public, max-age=31536000, immutable", "public, max-age=60", "no-cache", "no-cache"]
PRIVATE = [
    "private, max-age=31536000, immutable",
    "private, max-age=60",
    "private, no-cache",
    "private, no-cache",
]


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    for name in ("a.js", "page.html", "404.html"):
        put(tmp_path / name, "x")
    return tmp_path


@pytest.mark.parametrize(
    ("private", "expected"), [(None, PUBLIC), (False, PUBLIC), (True, PRIVATE)]
)
def test_files_can_be_for_those_alone_who_are_let_in(
    pages: Path, private: bool | None, expected: list[str]
) -> None:
    files = StaticFiles(pages, max_age=60, private=private, not_found="404.html")
    with live_server(_mounted(files)) as server:
        assert cache_controls(server, files, "/s") == expected


@pytest.mark.parametrize(
    ("private", "expected"), [(None, PRIVATE), (False, PUBLIC), (True, PRIVATE)]
)
def test_behind_the_layers_of_a_router_they_are_so_by_themselves(
    pages: Path, private: bool | None, expected: list[str]
) -> None:
    def only_ada(request: Request, call_next: Handler) -> Response:
        if request.headers.get("x-user") == "eve":
            raise HttpError(403)
        return call_next(request)

    files = StaticFiles(pages, max_age=60, private=private, not_found="404.html")
    guarded = _mounted(files)
    guarded.middleware(only_ada)
    app = Application()
    app.include(guarded, prefix="/in")
    with live_server(app) as server:
        assert server.request("GET", "/in/s/a.js", headers={"x-user": "eve"}).status == 403
        assert cache_controls(server, files, "/in/s") == expected


def test_files_that_are_guarded_in_one_place_are_private_in_all(pages: Path) -> None:
    files = StaticFiles(pages, max_age=60)
    guarded = Application(middleware=[Conditional()])
    guarded.mount("/in", files)
    app = _mounted(files)
    app.include(guarded)
    for place in (app, _mounted(files)):  # the second application does not guard them
        with live_server(place) as server:
            told = server.request("GET", "/s/a.js").headers["cache-control"]
        assert told == "private, max-age=60"


def test_without_an_index_folders_are_not_there(folder: Path) -> None:
    with live_server(serving(folder, index="")) as server:
        assert [server.request("GET", path).status for path in ("/static/", "/static/docs")] == [
            404,
            404,
        ]


def test_what_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(PhotonError, match=r"the folder of static files does not exist: '.*none'"):
        StaticFiles(tmp_path / "none")
    put(tmp_path / "x.txt", "x")
    with pytest.raises(PhotonError, match="the folder of static files does not exist"):
        StaticFiles(tmp_path / "x.txt")
    with pytest.raises(PhotonError, match=r"the file 'app\.html' does not exist in"):
        StaticFiles(tmp_path, fallback="app.html")
    with pytest.raises(ValueError, match="`not_found` is a relative path of a file"):
        StaticFiles(tmp_path, not_found="../404.html")
    with pytest.raises(ValueError, match="max_age"):
        StaticFiles(tmp_path, max_age=-1)


def test_a_folder_may_be_replaced_whole(tmp_path: Path) -> None:
    put(tmp_path / "dist" / "x.txt", "old")
    put(tmp_path / "next" / "x.txt", "new")
    with live_server(serving(tmp_path / "dist")) as server:
        assert server.request("GET", "/static/x.txt").body == b"old"
        (tmp_path / "dist").rename(tmp_path / "gone")
        assert server.request("GET", "/static/x.txt").status == 404
        (tmp_path / "next").rename(tmp_path / "dist")
        assert server.request("GET", "/static/x.txt").body == b"new"


def test_a_relative_folder_is_that_of_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "files" / "x.txt", "x")
    monkeypatch.chdir(tmp_path)
    files = StaticFiles("files")
    monkeypatch.chdir("/")
    with live_server(_mounted(files)) as server:
        assert server.request("GET", "/s/x.txt").status == 200


def _mounted(files: StaticFiles) -> Application:
    app = Application()
    app.mount("/s", files)
    return app


# -- together with others -----------------------------------------------------------------------


def test_layers_that_compress_and_tag_agree_with_it(tmp_path: Path) -> None:
    put(tmp_path / "x.txt", "so it goes, " * 500)
    app = serving(tmp_path)
    app.middleware(Conditional())
    app.middleware(Compression())
    with live_server(app) as server:
        answer = server.request("GET", "/static/x.txt", headers={"Accept-Encoding": "gzip"})
        assert gzip.decompress(answer.body) == b"so it goes, " * 500
        tag = answer.headers["etag"]
        known = server.request(
            "GET", "/static/x.txt", headers={"Accept-Encoding": "gzip", "If-None-Match": tag}
        )
        assert known.status == 304
        part = server.request(
            "GET", "/static/x.txt", headers={"Accept-Encoding": "gzip", "Range": "bytes=0-3"}
        )
        assert (part.status, part.body) == (206, b"so i")
        assert "content-encoding" not in part.headers


def test_errors_reach_the_handlers_of_the_application(folder: Path) -> None:
    app = serving(folder)

    @app.error_handler(HttpError)
    def tell(request: Request, error: BaseException) -> Response:
        assert isinstance(error, HttpError)
        return Response(error.status, body="own")

    with live_server(app) as server:
        answer = server.request("GET", "/static/none")
        assert (answer.status, answer.body) == (404, b"own")


def test_many_clients_read_at_once(server: LiveServer) -> None:
    bodies: list[bytes] = []

    def read(number: int) -> None:
        first = number * 10_000
        answer = server.request("GET", "/static/big.bin", headers={"Range": f"bytes={first}-"})
        assert answer.body == BIG[first:]
        bodies.append(answer.body)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(bodies) == 30


def test_a_file_replaced_while_it_is_sent_is_sent_as_it_was(tmp_path: Path) -> None:
    content = os.urandom(20_000_000)  # more than the buffers of two sockets hold
    file = put(tmp_path / "x.bin", content)
    with live_server(serving(tmp_path)) as server, server.connect() as client:
        client.sendall(b"GET /static/x.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = client.recv(1000)
        put(tmp_path / "new", "new").rename(file)
        while part := client.recv(1_000_000):
            received += part
        assert received.partition(b"\r\n\r\n")[2] == content
        assert server.request("GET", "/static/x.bin").body == b"new"


def test_a_file_cut_while_it_is_sent_breaks_the_answer_off(tmp_path: Path) -> None:
    file = put(tmp_path / "x.bin", bytes(20_000_000))
    with live_server(serving(tmp_path)) as server, server.connect() as client:
        client.sendall(b"GET /static/x.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        received = len(client.recv(1000))
        os.truncate(file, 5)
        while part := client.recv(1_000_000):
            received += len(part)
        assert received < 20_000_000
        assert server.request("GET", "/static/x.bin").body == bytes(5)


def test_a_file_cut_before_it_is_sent_is_asked_for_again(tmp_path: Path) -> None:
    put(tmp_path / "x.txt", "0123456789")
    for fields in ([], [(b"range", b"bytes=5-")], [(b"range", b"bytes=0-1,100-,-1")]):
        with Walk(str(tmp_path), follow_symlinks=False) as walk:
            opened = walk.open("x.txt")
        assert opened is not None
        os.truncate(tmp_path / "x.txt", 3)
        answer = FileResponder(Variant(opened), "text/plain", None)
        with pytest.raises(HttpError, match="being changed") as caught:
            answer.respond(Request("GET", "/x.txt", [*fields]))
        assert caught.value.status == 503
        assert opened.file.closed
        put(tmp_path / "x.txt", "0123456789")


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


def test_no_descriptor_is_left_behind(folder: Path) -> None:
    app = serving(folder, follow_symlinks=True, not_found="index.html")
    targets = [
        ("/static/ten.txt", {}),
        ("/static/big.bin", {}),
        ("/static/ten.txt", {"Range": "bytes=0-1"}),
        ("/static/big.bin", {"Range": "bytes=0-1,1000-2000"}),
        ("/static/ten.txt", {"Range": "bytes=99-"}),
        ("/static/ten.txt", {"If-Match": '"x"'}),
        ("/static/ten.txt", {"If-None-Match": "*"}),
        ("/static/ten.0123456789abcdef.txt", {}),
        ("/static/docs", {}),
        ("/static/out.txt", {}),
        ("/static/in.txt", {}),
        ("/static/none", {"Accept": "text/html"}),
        ("/static/pipe", {}),
    ]
    with live_server(app) as server:
        for target, fields in targets:
            for method in ("GET", "HEAD"):
                server.request(method, target, headers=fields)
        with server.connect() as client:  # one that leaves in the middle
            client.sendall(b"GET /static/big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(10)
        wait_until_closed(folder)
