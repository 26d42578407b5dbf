from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_runtime.http import Response, SetCookie
from photon_runtime.http._cookies import parse_cookies


def test_cookie_is_kept_from_scripts_plain_connections_and_other_sites_by_default() -> None:
    assert str(SetCookie("a", "b")) == "a=b; Path=/; Secure; HttpOnly; SameSite=Lax"


def test_every_attribute_is_written() -> None:
    cookie = SetCookie(
        "a",
        "b",
        max_age=60,
        path="/shop",
        domain="example.org",
        secure=False,
        http_only=False,
        same_site="Strict",
    )
    assert str(cookie) == "a=b; Max-Age=60; Path=/shop; Domain=example.org; SameSite=Strict"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": ""}, "valid cookie name"),
        ({"name": "a b"}, "valid cookie name"),
        ({"name": "a=b"}, "valid cookie name"),
        ({"value": "a;b"}, "urllib.parse.quote"),
        ({"value": "a b"}, "urllib.parse.quote"),
        ({"value": "é"}, "urllib.parse.quote"),
        ({"value": "a\r\nb"}, "urllib.parse.quote"),
        ({"path": "/; Domain=example.org"}, "valid path or domain"),
        ({"domain": "a\nb"}, "valid path or domain"),
        ({"same_site": "lax"}, "Lax, Strict, None"),
        ({"same_site": "None", "secure": False}, "only with secure"),
        ({"name": "__Host-a", "path": "/a"}, "needs secure, the path / and no domain"),
        ({"name": "__host-a", "domain": "example.org"}, "needs secure, the path / and no domain"),
        ({"name": "__Secure-a", "secure": False}, "needs secure"),
    ],
)
def test_what_would_break_the_field_or_is_not_taken_by_browsers_is_refused(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        SetCookie(**{"name": "a", **options})


_OCTETS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '",;\\')


@given(st.text(_OCTETS))
def test_a_cookie_that_is_sent_back_is_what_was_set(value: str) -> None:
    field = str(SetCookie("a", value))
    assert parse_cookies([field.partition(";")[0]]) == {"a": value}
    found: SimpleCookie = SimpleCookie(field)
    if value:
        assert found["a"]["path"] == "/"


def test_response_sets_several_cookies_and_deletes_one() -> None:
    response = Response(204)
    response.set_cookie("a", "1")
    response.set_cookie("b", "2", max_age=60, http_only=False)
    response.delete_cookie("c", path="/shop")
    assert response.headers == [
        ("set-cookie", "a=1; Path=/; Secure; HttpOnly; SameSite=Lax"),
        ("set-cookie", "b=2; Max-Age=60; Path=/; Secure; SameSite=Lax"),
        ("set-cookie", "c=; Max-Age=0; Path=/shop; Secure; HttpOnly; SameSite=Lax"),
    ]


def test_cookie_of_plain_http_or_of_foreign_pages_can_be_deleted_there() -> None:
    response = Response(204)
    response.delete_cookie("plain", secure=False)
    response.delete_cookie("framed", same_site="None")
    assert response.headers == [
        ("set-cookie", "plain=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"),
        ("set-cookie", "framed=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=None"),
    ]


def test_partitioned_cookies_are_set_and_deleted() -> None:
    response = Response(204)
    response.set_cookie("a", "1", same_site="None", partitioned=True)
    response.delete_cookie("a", same_site="None", partitioned=True)
    assert [value for _, value in response.headers] == [
        "a=1; Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
        "a=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
    ]
    assert str(SetCookie("__Host-a", partitioned=True)).endswith("SameSite=Lax; Partitioned")
    with pytest.raises(ValueError, match="partitioned only with secure"):
        SetCookie("a", secure=False, partitioned=True)
