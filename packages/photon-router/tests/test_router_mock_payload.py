from __future__ import annotations

from typing import Any

import pytest

from photon_openapi.document._definitions import Definitions
from photon_openapi.sampling import NoValue
from photon_router.mock._payload import concrete, field_value, payload

DEFINITIONS = Definitions({})


@pytest.mark.parametrize(
    ("media", "value", "schema", "body"),
    [
        ("application/json", {"a": 1}, {}, b'{"a":1}'),
        ("application/problem+json", "x", {}, b'"x"'),
        ("text/plain", "größer", {}, "größer".encode()),
        ("text/plain", 5, {}, b"5"),
        ("application/xml", "<a/>", {}, b"<a/>"),
        (
            "application/x-www-form-urlencoded",
            {"a": "b c", "d": [1, True]},
            {},
            b"a=b+c&d=1&d=true",
        ),
        ("application/jsonl", [{"a": 1}, 2], {}, b'{"a":1}\n2\n'),
        ("application/json-seq", [1], {}, b"\x1e1\n"),
        ("text/event-stream", [{"a": 1}], {}, b'data: {"a":1}\n\n'),
        ("text/event-stream", "data: x\n\n", {}, b"data: x\n\n"),
        ("text/event-stream", "x\ny", {}, b"data: x\ndata: y\n\n"),
        ("image/png", "cGhvdG9u", {"contentEncoding": "base64"}, b"photon"),
        ("*/*", [1], {}, b"[1]"),
    ],
)
def test_a_value_is_written_as_its_media_type_asks(
    media: str, value: object, schema: Any, body: bytes
) -> None:
    assert payload(value, media, schema, DEFINITIONS) == body


def test_what_cannot_be_written_is_told() -> None:
    for media in ("multipart/form-data", "application/xml", "text/xml"):
        with pytest.raises(NoValue, match=f"{media}; add an example"):
            payload({"a": 1}, media, {}, DEFINITIONS)


@pytest.mark.parametrize(
    ("media", "sent"),
    [
        ("application/json", "application/json"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/html; charset=ascii", "text/html; charset=ascii"),
        ("text/event-stream", "text/event-stream"),
        ("*/*", "application/json"),
        ("image/*", "application/octet-stream"),
        ("text/*", "text/plain"),
    ],
)
def test_a_range_of_media_types_becomes_one_of_them(media: str, sent: str) -> None:
    assert concrete(media) == sent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (True, "true"),
        ([1, "a"], "1,a"),
        ({"a": 1}, "a,1"),
        ("ü\r\nx: y", "%C3%BC%0D%0Ax: y"),
    ],
)
def test_the_value_of_a_field_never_breaks_the_message(value: object, text: str) -> None:
    assert field_value(value) == text
