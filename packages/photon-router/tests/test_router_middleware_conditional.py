from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from photon_router import Application, HttpError, Request, Response
from photon_router.middleware import Conditional, check_preconditions, strong_tag
from photon_runtime.testing import LiveServer, live_server

MONDAY = "Mon, 02 Nov 2026 10:00:00 GMT"
SUNDAY = "Sun, 01 Nov 2026 10:00:00 GMT"


def answer_of(response: Response, method: str = "GET", **fields: str) -> Response:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    return Conditional()(Request(method, "/", named), lambda request: response)


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    app = Application(middleware=[Conditional()])

    @app.get("/note")
    def note() -> dict[str, str]:
        return {"text": "hello"}

    @app.put("/note")
    def write(request: Request) -> str:
        check_preconditions(request, etag='"1"')
        return "written"

    with live_server(app) as server:
        yield server


def test_who_has_the_bytes_is_told_so(server: LiveServer) -> None:
    first = server.request("GET", "/note")
    tag = first.headers["etag"]
    assert tag == strong_tag(first.body)
    for known in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        again = server.request("GET", "/note", headers={"If-None-Match": known})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == tag
        assert "content-type" not in again.headers
        assert "content-length" not in again.headers
    assert server.request("GET", "/note", headers={"If-None-Match": '"x"'}).status == 200


def test_head_has_the_tag_of_get(server: LiveServer) -> None:
    got = server.request("GET", "/note")
    told = server.request("HEAD", "/note")
    assert told.headers["etag"] == got.headers["etag"]
    assert (
        server.request("HEAD", "/note", headers={"If-None-Match": got.headers["etag"]}).status
        == 304
    )


def test_if_match_wants_the_very_version(server: LiveServer) -> None:
    tag = server.request("GET", "/note").headers["etag"]
    assert server.request("GET", "/note", headers={"If-Match": tag}).status == 200
    for other in ('"x"', f"W/{tag}"):
        answer = server.request("GET", "/note", headers={"If-Match": other})
        assert answer.status == 412
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("fields", "is_refused"),
    [
        ({"if_unmodified_since": SUNDAY}, True),
        ({"if_unmodified_since": MONDAY}, False),
        ({"if_unmodified_since": "yesterday"}, False),
        ({"if_unmodified_since": SUNDAY, "if_match": '"1"'}, False),
    ],
)
def test_who_wants_the_version_of_a_day_gets_no_later_one(
    fields: dict[str, str], is_refused: bool
) -> None:
    def dated() -> Response:
        return Response(body="x", headers={"etag": '"1"', "last-modified": MONDAY})

    if is_refused:
        with pytest.raises(HttpError, match="412"):
            answer_of(dated(), **fields)
    else:
        assert answer_of(dated(), **fields).status == 200
    assert answer_of(Response(body="x"), if_unmodified_since=SUNDAY).status == 200


def test_errors_and_changes_have_no_tag(server: LiveServer) -> None:
    assert "etag" not in server.request("GET", "/none").headers
    assert "etag" not in server.request("PUT", "/note").headers


def test_a_change_of_a_version_that_is_gone_is_refused(server: LiveServer) -> None:
    assert server.request("PUT", "/note", headers={"If-Match": '"1"'}).status == 200
    assert server.request("PUT", "/note", headers={"If-Match": '"0"'}).status == 412
    assert server.request("PUT", "/note", headers={"If-None-Match": "*"}).status == 412


def test_a_304_keeps_what_is_not_about_the_bytes() -> None:
    response = Response(
        body="x",
        headers={
            "ETag": '"1"',
            "Cache-Control": "max-age=5",
            "Vary": "Accept",
            "Content-Language": "en",
            "Set-Cookie": "a=b",
        },
    )
    answer = answer_of(response, if_none_match='"1"')
    assert answer.status == 304
    assert {name for name, _ in answer.headers} == {"ETag", "Cache-Control", "Vary", "Set-Cookie"}


def test_streams_get_no_tag_but_may_have_their_own() -> None:
    closed = []

    class Parts:
        def __iter__(self) -> Iterator[bytes]:
            yield b"x"

        def close(self) -> None:
            closed.append(True)

    assert answer_of(Response(body=Parts())).header("etag") is None
    known = Response(body=Parts(), headers={"etag": '"1"'})
    assert answer_of(known, if_none_match='"1"').status == 304
    assert closed == [True]
    with pytest.raises(HttpError, match="412"):
        answer_of(Response(body=Parts(), headers={"etag": '"1"'}), if_match='"2"')
    assert closed == [True, True]


def test_what_must_not_be_stored_is_left_alone() -> None:
    response = Response(body="x", headers={"Cache-Control": "no-store"})
    assert answer_of(response, if_none_match="*").status == 200
    assert response.header("etag") is None


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"if_modified_since": MONDAY}, 304),
        ({"if_modified_since": SUNDAY}, 200),
        ({"if_modified_since": "yesterday"}, 200),
        ({"if_modified_since": MONDAY, "if_none_match": '"x"'}, 200),
        ({}, 200),
    ],
)
def test_dates_count_where_no_tag_is_named(fields: dict[str, str], status: int) -> None:
    response = Response(body="x", headers={"last-modified": MONDAY})
    assert answer_of(response, **fields).status == status


def test_an_empty_answer_to_head_alone_has_no_tag() -> None:
    assert answer_of(Response(), "HEAD").header("etag") is None


def test_the_tag_of_a_large_body_is_worked_out_by_a_thread() -> None:
    threads = set()
    body = b"x" * 1000

    import photon_router.middleware._conditional as module

    def tag(content: bytes) -> str:
        threads.add(threading.get_ident())
        return strong_tag(content)

    app = Application(middleware=[Conditional(offload_size=500)])
    own = []

    def handle(request: Request) -> Response:
        own.append(threading.get_ident())
        return Response(body=body)

    app.mount("/", handle)
    with pytest.MonkeyPatch.context() as patch, live_server(app) as server:
        patch.setattr(module, "strong_tag", tag)
        answer = server.request("GET", "/")
    assert answer.headers["etag"] == strong_tag(body)
    assert threads
    assert not threads & set(own)


def put(**fields: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    return Request("PUT", "/", named)


NOW = datetime(2026, 11, 2, 10, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "etag", "passes"),
    [
        ({}, '"1"', True),
        ({"if_match": '"1"'}, '"1"', True),
        ({"if_match": '"0", "1"'}, '"1"', True),
        ({"if_match": "*"}, '"1"', True),
        ({"if_match": "*"}, None, False),
        ({"if_match": '"0"'}, '"1"', False),
        ({"if_match": 'W/"1"'}, 'W/"1"', False),
        ({"if_none_match": "*"}, None, True),
        ({"if_none_match": "*"}, '"1"', False),
        ({"if_none_match": 'W/"1"'}, '"1"', False),
        ({"if_unmodified_since": MONDAY}, '"1"', True),
        ({"if_unmodified_since": SUNDAY}, '"1"', False),
        ({"if_unmodified_since": "nonsense"}, '"1"', True),
        ({"if_unmodified_since": SUNDAY, "if_match": '"1"'}, '"1"', True),
    ],
)
def test_preconditions_are_weighed_in_the_order_of_the_standard(
    fields: dict[str, str], etag: str | None, passes: bool
) -> None:
    if passes:
        check_preconditions(put(**fields), etag=etag, last_modified=NOW)
    else:
        with pytest.raises(HttpError, match="412"):
            check_preconditions(put(**fields), etag=etag, last_modified=NOW)


def test_a_tag_has_its_quotes() -> None:
    with pytest.raises(ValueError, match="quotes included"):
        check_preconditions(put(), etag="1")
