from __future__ import annotations

import pytest

from photon_runtime.http import HttpError, Request


def test_target_is_taken_apart_into_path_and_query() -> None:
    request = Request("GET", "/a%20b/c?x=1&y=2?3", [])
    assert request.target == "/a%20b/c?x=1&y=2?3"
    assert request.raw_path == "/a%20b/c"
    assert request.path == "/a b/c"
    assert request.raw_query == "x=1&y=2?3"
    assert dict(request.query) == {"x": "1", "y": "2?3"}


def test_bytes_of_the_path_that_are_no_utf8_are_replaced() -> None:
    assert Request("GET", "/%ff%C3%A9", []).path == "/\ufffdé"


# -- the request's fields ---------------------------------------------------------------------


def test_request_headers_are_decoded_as_latin_1() -> None:
    request = Request("GET", "/", [(b"x", b"caf\xe9"), (b"host", b"a"), (b"x", b"2")])
    assert request.headers.getlist("X") == ["caf\xe9", "2"]
    assert request.headers["Host"] == "a"
    assert request.raw_header(b"x") == b"caf\xe9"
    assert request.raw_header(b"y") is None


@pytest.mark.parametrize(
    ("fields", "cookies"),
    [
        ([], {}),
        (["a=1"], {"a": "1"}),
        (["a=1; b=2"], {"a": "1", "b": "2"}),
        (["a=1;b=2;"], {"a": "1", "b": "2"}),
        (["a=1", "b=2"], {"a": "1", "b": "2"}),
        (["a=1; a=2"], {"a": "1"}),
        (["a=1", "a=2"], {"a": "1"}),
        (['a="q r"; b="'], {"a": "q r", "b": '"'}),
        (["a=x=y"], {"a": "x=y"}),
        (["a="], {"a": ""}),
        (["lonely; a=1"], {"a": "1"}),
        (["  a = 1 "], {"a": "1"}),
        (["a=%20"], {"a": "%20"}),
        # What browsers take for another name must not become that of a cookie of this host.
        (["\xa0__Host-a=1; \x85b=2"], {"\xa0__Host-a": "1", "\x85b": "2"}),
        ([""], {}),
    ],
)
def test_cookies_are_taken_apart(fields: list[str], cookies: dict[str, str]) -> None:
    raw = [(b"cookie", field.encode("latin-1")) for field in fields]
    assert Request("GET", "/", raw).cookies == cookies


def test_each_request_has_a_state_of_its_own() -> None:
    one, other = Request("GET", "/", []), Request("GET", "/", [])
    one.state["user"] = "ada"
    assert one.state == {"user": "ada"}
    assert other.state == {}


def test_request_shows_method_and_target() -> None:
    assert repr(Request("GET", "/a?b", [])) == "<Request GET /a?b>"


# -- the request's body -----------------------------------------------------------------------


def made_with(*parts: bytes, limit: int = 100) -> Request:
    request = Request("POST", "/", [], body_limit=limit)
    request._parts.extend(parts)
    request._received = sum(map(len, parts))
    return request


def test_request_without_source_has_an_empty_body() -> None:
    assert Request("GET", "/", []).body == b""
    assert list(Request("GET", "/", []).stream()) == []


def test_body_can_be_read_again() -> None:
    request = made_with(b"one ", b"two")
    assert request.body == b"one two"
    assert request.body == b"one two"
    assert b"".join(request.stream()) == b"one two"


def test_stream_gives_each_part_once() -> None:
    request = made_with(b"one ", b"two")
    assert b"".join(request.stream()) == b"one two"
    assert list(request.stream()) == []


def test_body_after_stream_is_refused() -> None:
    request = made_with(b"one")
    assert list(request.stream()) == [b"one"]
    with pytest.raises(RuntimeError, match="stream"):
        _ = request.body


def test_body_over_the_limit_is_refused() -> None:
    assert made_with(b"x" * 10, limit=10).body == b"x" * 10
    with pytest.raises(HttpError) as caught:
        _ = made_with(b"x" * 11, limit=10).body
    assert caught.value.status == 413
    with pytest.raises(HttpError) as caught:
        list(made_with(b"x" * 11, limit=10).stream())
    assert caught.value.status == 413
