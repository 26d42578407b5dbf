"""Which media type a client likes best (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_runtime.http import (
    HttpError,
    NotAcceptable,
    Request,
    names_media_type,
    problem_response,
)
from photon_runtime.http._accept import choose_media_type

OFFERED = ["application/json", "application/problem+json", "text/plain; charset=utf-8", "image/*"]


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, OFFERED[0]),
        ("", OFFERED[0]),
        (" ", OFFERED[0]),
        ("*/*", OFFERED[0]),
        ("text/*", OFFERED[2]),
        ("TEXT/plain", OFFERED[2]),
        ("text/plain;charset=us-ascii", OFFERED[2]),
        ("application/json;q=0.1, text/plain;q=0.2", OFFERED[2]),
        ("application/json ; Q=0.1 , text/plain ; q=0.2", OFFERED[2]),
        ("text/*, application/json", OFFERED[0]),
        ("*/*, application/json;q=0", OFFERED[1]),
        ("application/*;q=0.9, application/json;q=0.1", OFFERED[1]),
        ("image/png", OFFERED[3]),
        ("application/xml", None),
        ("*/*;q=0", None),
        ("*/*;q=0.000", None),
        ("text/plain;q=x", None),
        ("text/plain;q=nan", None),
        ("text/plain;q=2", None),
        ("text/plain;q=-1", None),
        ("nonsense", None),
        ("application/json, text/plain, */*", "application/json"),
        ("text/plain, */*", OFFERED[2]),
        (",,;=,/", None),
    ],
)
def test_the_best_media_type_is_chosen(accept: str | None, media: str | None) -> None:
    assert choose_media_type(accept, OFFERED) == media


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("application/json;version=2", "application/json; version=2"),
        ('application/json;version="2"', "application/json; version=2"),
        ("application/json", "application/json; version=1"),
        ("application/json, application/json;version=1;q=0.5", "application/json; version=2"),
        ("application/json;version=3", None),
        # What stands behind the quality is no parameter of the media type.
        ("application/json;version=2;q=0.5;other=1", "application/json; version=2"),
    ],
)
def test_parameters_tell_media_types_apart(accept: str, media: str | None) -> None:
    offered = ["application/json; version=1", "application/json; version=2"]
    assert choose_media_type(accept, offered) == media


def test_nothing_is_chosen_where_nothing_is_offered() -> None:
    assert choose_media_type(None, []) is None
    assert choose_media_type("*/*", []) is None


def test_of_ever_more_ranges_the_first_count() -> None:
    assert choose_media_type("a/b," * 50 + "text/plain", OFFERED) == OFFERED[2]
    assert choose_media_type("a/b," * 5000 + "text/plain", OFFERED) is None


@given(st.text())
def test_any_text_is_read(accept: str) -> None:
    assert choose_media_type(accept, OFFERED) in {*OFFERED, None}


def test_a_request_says_what_its_client_accepts() -> None:
    fields = [(b"accept", b"text/html;q=0.5"), (b"accept", b"application/json;q=0.7")]
    request = Request("GET", "/", fields)
    assert request.accepts("text/html", "application/json") == "application/json"
    assert request.accepts("text/html") == "text/html"
    assert request.accepts("image/png") is None
    assert Request("GET", "/", []).accepts("text/html", "application/json") == "text/html"


def test_who_accepts_nothing_of_it_is_told_what_there_is() -> None:
    error = NotAcceptable("application/json", "text/html")
    assert isinstance(error, HttpError)
    response = problem_response(error)
    assert response.status == 406
    assert response.header("vary") == "Accept"
    assert isinstance(response.body, bytes)
    assert b'"detail":"the available media types are application/json, text/html"' in response.body


@pytest.mark.parametrize(
    ("accept", "is_named"),
    [
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", True),
        ("Text/HTML ; level=1", True),
        ("image/*, text/html;q=0.1", True),
        ("text/html;q=0", False),
        ("text/html; q=0.000, */*", False),
        ("text/*, */*", False),
        ("", False),
    ],
)
def test_a_media_type_is_named_by_itself_only(accept: str, is_named: bool) -> None:
    assert names_media_type(accept, "text/html") is is_named
