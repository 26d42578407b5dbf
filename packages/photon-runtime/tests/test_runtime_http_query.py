from __future__ import annotations

import contextlib
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_runtime.http import HttpError, Request, decode_percent


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
