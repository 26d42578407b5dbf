from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from typing import Annotated
from wsgiref.util import setup_testing_defaults

import pytest

from photon_router import Application, Depends, File, HttpError, Request, Response, StaticFiles
from photon_router.middleware import Compression, Conditional
from photon_router.wsgi import WsgiExport
from photon_runtime.testing import live_server

CHANGED = 1_700_000_000
DATE = formatdate(CHANGED, usegmt=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "ten.txt"
    file.write_bytes(b"0123456789")
    os.utime(file, (CHANGED, CHANGED))
    return file


def get(app: Application, target: str = "/file", method: str = "GET", **fields: str) -> Response:
    """Return the response, whose body is bytes."""
    pairs = [(name.replace("_", "-").encode(), each.encode()) for name, each in fields.items()]
    with app.start() as handler:
        response = handler(Request(method, target, pairs))
    if not isinstance(response.body, bytes):
        parts = response.body
        response.body = b"".join(parts)
        if hasattr(parts, "close"):
            parts.close()
    return response


def sending(path: Path, **options: object) -> Application:
    app = Application()

    @app.get("/file")
    def send() -> File:
        return File(path, **options)  # type: ignore[arg-type]  # any of its own

    return app


@pytest.mark.parametrize(
    ("fields", "status", "body"),
    [
        ({}, 200, b"0123456789"),
        ({"range": "bytes=2-4"}, 206, b"234"),
        ({"range": "bytes=-3"}, 206, b"789"),
        ({"range": "bytes=7-"}, 206, b"789"),
        ({"range": "lines=1-2"}, 200, b"0123456789"),
        ({"range": "bytes=2-4", "if_range": DATE}, 206, b"234"),
        ({"range": "bytes=2-4", "if_range": '"other"'}, 200, b"0123456789"),
        ({"if_modified_since": DATE}, 304, b""),
        ({"if_modified_since": formatdate(CHANGED - 1, usegmt=True)}, 200, b"0123456789"),
        ({"if_none_match": "*"}, 304, b""),
        ({"if_none_match": '"other"'}, 200, b"0123456789"),
        ({"range": "bytes=10-"}, 416, None),
        ({"if_match": '"other"'}, 412, None),
        ({"if_unmodified_since": formatdate(CHANGED - 1, usegmt=True)}, 412, None),
    ],
)
def test_a_file_responds_to_conditions_and_ranges_as_static_files_do(
    path: Path, fields: dict[str, str], status: int, body: bytes | None
) -> None:
    app = sending(path)
    app.mount("/static", StaticFiles(path.parent))
    response, static = get(app, **fields), get(app, "/static/ten.txt", **fields)
    assert response.status == static.status == status
    for name in ("etag", "last-modified", "content-range", "accept-ranges", "cache-control"):
        assert response.header(name) == static.header(name), name
    assert response.content_type == static.content_type
    assert body is None or response.body == static.body == body


def test_the_tag_of_a_file_is_known_again(path: Path) -> None:
    app = sending(path)
    tag = get(app).header("etag")
    assert tag is not None
    response = get(app, if_none_match=tag)
    assert (response.status, response.body, response.content_type) == (304, b"", None)
    assert response.header("content-disposition") is None
    assert response.header("etag") == tag
    path.write_bytes(b"other")
    assert get(app, if_none_match=tag).body == b"other"
    assert get(app, range="bytes=0-1", if_range=tag).body == b"other"


def test_several_ranges_are_sent_in_one_body(path: Path) -> None:
    path.write_bytes(b"0123456789" * 100)
    response = get(sending(path), range="bytes=0-1,-1")
    assert response.status == 206
    assert isinstance(response.body, bytes)
    assert str(response.content_type).startswith("multipart/byteranges; boundary=")
    assert response.body.count(b"Content-Type: text/plain; charset=utf-8") == 2


def test_head_has_the_fields_of_get(path: Path) -> None:
    app = sending(path)
    head, whole = get(app, method="HEAD", range="bytes=0-1"), get(app)
    assert head.status == 200  # ranges are defined for GET
    assert head.headers == whole.headers


def test_a_file_is_sent_as_it_is_after_other_methods_and_with_other_statuses(path: Path) -> None:
    app = sending(path, status=404)

    @app.post("/file")
    def make() -> File:
        return File(path)

    for method in ("GET", "POST"):
        response = get(app, method=method, if_none_match="*", range="bytes=0-1")
        assert (response.status, response.body) == (404 if method == "GET" else 200, b"0123456789")
        assert response.header("etag") is None


def test_fields_of_the_handler_take_precedence(path: Path) -> None:
    own = {"ETag": '"v1"', "Last-Modified": formatdate(0, usegmt=True), "Cache-Control": "no-store"}
    app = sending(path, headers={**own, "accept-ranges": "none", "x-own": "1"})
    response = get(app, range="bytes=0-1")
    assert response.status == 200
    assert [response.header(name) for name in own] == list(own.values())
    names = [name.lower() for name, _ in response.headers]
    assert len(names) == len(set(names))
    unchanged = get(app, if_none_match='"v1"')
    assert unchanged.status == 304
    assert unchanged.header("x-own") == "1"
    assert get(app, if_modified_since=formatdate(0, usegmt=True)).status == 304
    assert get(sending(path, headers={"etag": "v1"})).status == 500


def test_a_handler_may_change_the_response(path: Path) -> None:
    app = Application()

    @app.get("/file")
    def send(other: bool = False) -> Response:
        response = File(path)
        response.set_cookie("seen", "yes")
        if other:
            response.body = map(bytes.upper, [b"other"])
            response._opened.close()
        return response

    assert get(app, range="bytes=0-1").header("set-cookie") is not None
    assert get(app, "/file?other=true", range="bytes=0-1").body == b"OTHER"


@pytest.mark.parametrize("kind", ["union", "response", "open", "none", "mount", "middleware"])
def test_a_file_is_known_wherever_it_is_returned(path: Path, kind: str) -> None:
    app = Application()

    def of_union() -> int | File:
        return File(path)

    def of_response() -> Response:
        return File(path)

    def of_open() -> object:
        return File(path)

    def of_none():  # type: ignore[no-untyped-def]
        return File(path)

    functions = {"union": of_union, "response": of_response, "open": of_open, "none": of_none}
    if kind == "mount":
        app.mount("/file", lambda request: File(path))
    elif kind == "middleware":
        app.middleware(lambda request, call_next: File(path))
    else:
        app.get("/file")(functions[kind])
    assert get(app, range="bytes=1-2").body == b"12"


RELEASED: list[str] = []


def connection() -> Iterator[int]:
    try:
        yield 1
    except BaseException as error:
        RELEASED.append(repr(error))
        raise
    RELEASED.append("released")


def test_dependencies_of_a_file_are_released_and_refusals_do_not_reach_them(path: Path) -> None:
    app = Application()

    @app.get("/file")
    def send(value: Annotated[int, Depends(connection)]) -> File:
        return File(path)

    RELEASED.clear()
    assert get(app, range="bytes=99-").status == 416
    assert RELEASED == ["released"]


def test_middleware_sees_validators_and_ranges(path: Path) -> None:
    path.write_bytes(b"0123456789" * 1000)
    app = sending(path)
    app.middleware(Conditional())
    app.middleware(Compression(codings=["gzip"]))
    whole = get(app, accept_encoding="gzip")
    assert whole.header("content-encoding") == "gzip"
    tag = whole.header("etag")
    assert tag is not None
    assert tag.startswith('W/"')
    assert get(app, accept_encoding="gzip", if_none_match=tag).status == 304
    part = get(app, accept_encoding="gzip", range="bytes=0-1")
    assert (part.status, part.header("content-encoding"), part.body) == (206, None, b"01")


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("a.csv", {}, "text/csv; charset=utf-8"),
        ("a.md", {}, "text/markdown; charset=utf-8"),
        ("a.json", {}, "application/json"),
        ("a.webp", {}, "image/webp"),
        ("a.csv", {"filename": "report"}, "text/csv; charset=utf-8"),
        ("a", {"filename": "report.html"}, "text/html; charset=utf-8"),
        ("a.csv", {"content_type": "text/csv; charset=latin-1"}, "text/csv; charset=latin-1"),
    ],
)
def test_text_is_declared_as_utf_8(
    tmp_path: Path, name: str, options: dict[str, str], kind: str
) -> None:
    (tmp_path / name).write_bytes(b"x")
    response = File(tmp_path / name, **options)  # type: ignore[arg-type]  # of its own
    assert response.content_type == kind
    response._opened.close()


def test_a_file_that_is_cut_before_its_response_is_requested_again(path: Path) -> None:
    response = File(path)
    os.truncate(path, 3)
    with pytest.raises(HttpError) as caught:
        response.respond(Request("GET", "/", []))
    assert caught.value.status == 503
    assert response._opened.file.closed


@pytest.mark.parametrize(
    "field", [(b"if-none-match", b"*"), (b"range", b"bytes=99-"), (b"if-match", b'"x"')]
)
def test_a_file_that_is_not_sent_is_closed(path: Path, field: tuple[bytes, bytes]) -> None:
    file = File(path)
    with suppress(HttpError):
        file.respond(Request("GET", "/", [field]))
    assert file._opened.file.closed


def test_a_file_with_invalid_fields_is_closed(path: Path) -> None:
    with pytest.raises(ValueError, match="header"):
        File(path, headers={"bad name": ""})
    assert not any(
        os.path.realpath(f"/proc/self/fd/{each}") == str(path)
        for each in os.listdir("/proc/self/fd")
    )


def test_ranges_under_wsgi(path: Path) -> None:
    environ: dict[str, object] = {"PATH_INFO": "/file", "HTTP_RANGE": "bytes=1-2"}
    setup_testing_defaults(environ)
    statuses: list[str] = []
    sent: list[bytes] = []

    def start(status: str, fields: object) -> Callable[[bytes], object]:
        statuses.append(status)
        return sent.append

    body = WsgiExport(sending(path))(environ, start)
    assert (statuses, b"".join([*sent, *body])) == (["206 Partial Content"], b"12")


@pytest.mark.slow
def test_ranges_of_a_large_file_on_the_wire(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    content = os.urandom(300_000)
    path.write_bytes(content)
    with live_server(sending(path), development=True) as server:
        response = server.request("GET", "/file", headers={"range": "bytes=100-199999"})
        assert (response.status, response.body) == (206, content[100:200_000])
        tag = server.request("HEAD", "/file").headers["etag"]
        assert server.request("GET", "/file", headers={"if-none-match": tag}).status == 304
        resumed = {"range": "bytes=200000-", "if-range": tag}
        assert server.request("GET", "/file", headers=resumed).body == content[200_000:]
