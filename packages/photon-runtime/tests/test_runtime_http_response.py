from __future__ import annotations

import pytest

from photon_runtime.http import Response


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


def test_response_of_bytes_is_what_the_constructor_makes() -> None:
    class Page(Response):
        __slots__ = ()

    made, built = Page.of(201, b"x", "text/html"), Page(201, body=b"x", content_type="text/html")
    assert type(made) is Page
    for name in Response.__slots__:
        assert getattr(made, name) == getattr(built, name)
    made.add_header("a", "b")
    assert Page.of(201, b"x", None).headers == []


def test_response_shows_status_and_type() -> None:
    assert repr(Response(404, body="x")) == "<Response 404 text/plain; charset=utf-8>"


INJECTIONS = ["a\r\nSet-Cookie: evil=1", "a\nb", "a\rb", "a\0", "a\n", "\x7f", "\x1f", "ł"]


@pytest.mark.parametrize("value", INJECTIONS)
def test_header_value_that_would_break_the_message_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="not a valid header field"):
        Response(headers={"X-A": value})
    response = Response()
    with pytest.raises(ValueError, match="not a valid header field"):
        response.add_header("X-A", value)
    with pytest.raises(ValueError, match="not a valid header field"):
        response.set_header("X-A", value)
    assert response.headers == []


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a:", ":a", "a\r\nb", "a\n", "\0", "é", "a(b", 'a"', "a/b", "a@"]
)
def test_header_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a valid header field"):
        Response(headers=[(name, "1")])


@pytest.mark.parametrize("value", INJECTIONS)
def test_content_type_among_the_headers_that_would_break_the_message_is_refused(
    value: str,
) -> None:
    with pytest.raises(ValueError, match="not a valid header field"):
        Response(headers={"Content-Type": value})


@pytest.mark.parametrize("value", ["", "a\tb", "caf\xe9", 'a: b; c="d"'])
def test_header_value_may_be_any_latin_1_without_controls(value: str) -> None:
    assert Response(headers={"X-A": value}).header("X-A") == value


def test_trailers_behind_a_body_that_is_known_are_refused() -> None:
    for body in (b"known", "known", None):
        with pytest.raises(ValueError, match="use headers"):
            Response(body=body, trailers={"x-sum": lambda: "1"})
    assert Response(body=b"known", trailers={}).trailers == {}


@pytest.mark.parametrize("name", ["Content-Length", "host", "SET-COOKIE", "if-match", "Location"])
def test_field_that_must_come_before_the_body_is_refused_as_a_trailer(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' cannot be a trailer.*6.5.1.*header"):
        Response(body=iter([b"x"]), trailers={name: lambda: "1"})


@pytest.mark.parametrize("name", ["", "a b", "a\r\nb", "é", "a:"])
def test_trailer_whose_name_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a valid field name"):
        Response(body=iter([b"x"]), trailers={name: lambda: "1"})
