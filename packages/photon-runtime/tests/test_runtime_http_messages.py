from __future__ import annotations

import contextlib
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_runtime.http import Headers, HttpError, MultiDict, Request, Response, decode_percent

# -- MultiDict and Headers --------------------------------------------------------------------


def test_mapping_gives_the_last_value_and_getlist_all_in_order() -> None:
    values = MultiDict([("a", "1"), ("b", "2"), ("a", "3")])
    assert values["a"] == "3"
    assert values.getlist("a") == ["1", "3"]
    assert values.getlist("c") == []
    assert values.pairs() == [("a", "1"), ("b", "2"), ("a", "3")]
    assert list(values) == ["a", "b"]
    assert len(values) == 2
    assert dict(values) == {"a": "3", "b": "2"}


def test_absent_name_is_a_key_error_or_the_default() -> None:
    values = MultiDict()
    with pytest.raises(KeyError):
        values["a"]
    assert values.get("a") is None
    assert values.get("a", "default") == "default"


def test_multidict_compares_names_with_case() -> None:
    values = MultiDict([("Name", "1")])
    assert "name" not in values
    assert values.getlist("name") == []


def test_multidict_shows_its_pairs() -> None:
    assert repr(MultiDict([("a", "1")])) == "MultiDict([('a', '1')])"


def test_changing_the_returned_pairs_changes_nothing() -> None:
    values = MultiDict([("a", "1")])
    values.pairs().clear()
    assert values.pairs() == [("a", "1")]


@pytest.mark.parametrize("name", ["X-Trace", "x-trace", "X-TRACE"])
def test_headers_compare_names_without_case(name: str) -> None:
    headers = Headers([("X-Trace", "1"), ("x-trace", "2"), ("Other", "3")])
    assert headers[name] == "2"
    assert headers.get(name) == "2"
    assert headers.getlist(name) == ["1", "2"]
    assert name in headers


def test_headers_list_their_names_in_lower_case() -> None:
    assert list(Headers([("X-Trace", "1"), ("Other", "3")])) == ["x-trace", "other"]


def test_what_is_no_text_is_in_no_headers() -> None:
    anything: list[object] = [5, b"5", None]
    assert not any(name in Headers([("5", "1")]) for name in anything)


# -- the request's target ---------------------------------------------------------------------


def test_target_is_taken_apart_into_path_and_query() -> None:
    request = Request("GET", "/a%20b/c?x=1&y=2?3", [])
    assert request.target == "/a%20b/c?x=1&y=2?3"
    assert request.raw_path == "/a%20b/c"
    assert request.path == "/a b/c"
    assert request.raw_query == "x=1&y=2?3"
    assert dict(request.query) == {"x": "1", "y": "2?3"}


def test_bytes_of_the_path_that_are_no_utf8_are_replaced() -> None:
    assert Request("GET", "/%ff%C3%A9", []).path == "/\ufffdé"


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("", []),
        ("a=1", [("a", "1")]),
        ("a=1&a=2", [("a", "1"), ("a", "2")]),
        ("a", [("a", "")]),
        ("a=", [("a", "")]),
        ("=1", [("", "1")]),
        ("a=1&&b=2&", [("a", "1"), ("b", "2")]),
        ("a=b=c", [("a", "b=c")]),
        ("a+b=c+d", [("a b", "c d")]),
        ("a=1%2B1", [("a", "1+1")]),
        ("a%3Db=%26", [("a=b", "&")]),
        ("n=%C3%a9", [("n", "é")]),
        ("e=%F0%9F%98%80", [("e", "😀")]),
        ("a=1;b=2", [("a", "1;b=2")]),
        ("a=%00", [("a", "\0")]),
    ],
)
def test_query_is_decoded_as_a_form(query: str, pairs: list[tuple[str, str]]) -> None:
    assert Request("GET", f"/?{query}", []).query.pairs() == pairs


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_query_decodes_what_urlencode_encodes(pairs: list[tuple[str, str]]) -> None:
    pairs = [
        (name.encode("utf-8", "replace").decode(), value.encode("utf-8", "replace").decode())
        for name, value in pairs
    ]
    assert Request("GET", f"/?{urlencode(pairs)}", []).query.pairs() == pairs


@pytest.mark.parametrize(
    "broken",
    ["%", "%4", "%zz", "a%", "%%41", "%+1", "%-1", "% 1", "%0x", "%1_", "%u0041", "%1\u0661"],
)
def test_broken_percent_encoding_is_the_clients_fault(broken: str) -> None:
    with pytest.raises(HttpError, match="percent-encoding") as caught:
        decode_percent(broken)
    assert caught.value.status == 400


@pytest.mark.parametrize("raw", ["%ff", "%C3", "%C0%80", "%ED%A0%80", "%F5%80%80%80"])
def test_percent_encoding_of_no_utf8_is_the_clients_fault(raw: str) -> None:
    with pytest.raises(HttpError, match="UTF-8") as caught:
        decode_percent(raw)
    assert caught.value.status == 400


@pytest.mark.parametrize("query", ["a=%zz", "%ff=1", "a=1&b=%"])
def test_query_that_cannot_be_decoded_is_the_clients_fault(query: str) -> None:
    with pytest.raises(HttpError) as caught:
        _ = Request("GET", f"/?{query}", []).query
    assert caught.value.status == 400


def test_percent_decoding_leaves_the_plus_alone() -> None:
    assert decode_percent("a+b%2Bc") == "a+b+c"


@given(st.text(st.characters(codec="utf-8")))
def test_percent_decoding_undoes_quote(text: str) -> None:
    assert decode_percent(quote(text, safe="")) == text


@given(st.text(st.sampled_from("%aAfF09zé+ 8cC3")))
def test_percent_decoding_fails_in_no_other_way(raw: str) -> None:
    with contextlib.suppress(HttpError):
        assert "%" in decode_percent(raw) or len(decode_percent(raw)) <= len(raw)


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
    request.parts.extend(parts)
    request.received = sum(map(len, parts))
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


# -- responses --------------------------------------------------------------------------------


def test_text_is_sent_as_utf8_and_says_so() -> None:
    response = Response(body="é")
    assert response.body == b"\xc3\xa9"
    assert response.content_type == "text/plain; charset=utf-8"
    assert Response(body="<p>", content_type="text/html").content_type == "text/html"


def test_bytes_and_nothing_have_no_type_by_themselves() -> None:
    assert Response(body=b"x").content_type is None
    assert Response().body == b""
    assert Response().status == 200


@pytest.mark.parametrize("headers", [{"X-A": "1", "Content-Type": "a/b"}, None])
def test_headers_are_given_as_mapping_or_pairs(headers: dict[str, str] | None) -> None:
    response = Response(headers=headers or [("X-A", "1"), ("Content-Type", "a/b")])
    assert response.header("x-a") == "1"
    assert response.header("Content-Type") == response.content_type == "a/b"
    assert response.header("absent") is None


def test_added_header_stands_beside_and_set_header_replaces() -> None:
    response = Response(headers=[("Set-Cookie", "a=1")])
    response.add_header("set-cookie", "b=2")
    assert [value for _, value in response.headers] == ["a=1", "b=2"]
    assert response.header("SET-COOKIE") == "a=1"
    response.set_header("SET-Cookie", "c=3")
    assert response.headers == [("SET-Cookie", "c=3")]


def test_content_type_is_replaced_and_never_doubled() -> None:
    response = Response(body="x")
    response.add_header("content-type", "text/html")
    response.set_header("Content-Type", "text/css")
    assert response.content_type == "text/css"
    assert response.headers == []


def test_response_shows_status_and_type() -> None:
    assert repr(Response(404, body="x")) == "<Response 404 text/plain; charset=utf-8>"


INJECTIONS = ["a\r\nSet-Cookie: evil=1", "a\nb", "a\rb", "a\0", "a\n", "\x7f", "\x1f", "ł"]


@pytest.mark.parametrize("value", INJECTIONS)
def test_header_value_that_would_break_the_message_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="not a header field"):
        Response(headers={"X-A": value})
    response = Response()
    with pytest.raises(ValueError, match="not a header field"):
        response.add_header("X-A", value)
    with pytest.raises(ValueError, match="not a header field"):
        response.set_header("X-A", value)
    assert response.headers == []


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a:", ":a", "a\r\nb", "a\n", "\0", "é", "a(b", 'a"', "a/b", "a@"]
)
def test_header_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a header field"):
        Response(headers=[(name, "1")])


@pytest.mark.parametrize("value", INJECTIONS)
def test_content_type_among_the_headers_that_would_break_the_message_is_refused(
    value: str,
) -> None:
    with pytest.raises(ValueError, match="not a header field"):
        Response(headers={"Content-Type": value})


@pytest.mark.parametrize("value", ["", "a\tb", "caf\xe9", 'a: b; c="d"'])
def test_header_value_may_be_any_latin_1_without_controls(value: str) -> None:
    assert Response(headers={"X-A": value}).header("X-A") == value
