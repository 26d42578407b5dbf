from __future__ import annotations

import pytest

from photon_runtime.media_types import charset_of, essence, is_json, is_text


@pytest.mark.parametrize(
    ("media_type", "kind", "json", "text"),
    [
        ("application/json", "application/json", True, False),
        (" Application/JSON ; charset=utf-8", "application/json", True, False),
        ("application/problem+json", "application/problem+json", True, False),
        ("application/jsonl", "application/jsonl", False, False),
        ("Text/HTML;charset=x", "text/html", False, True),
        ("", "", False, False),
    ],
)
def test_parameters_and_case_do_not_count(
    media_type: str, kind: str, json: bool, text: bool
) -> None:
    assert essence(media_type) == kind
    assert is_json(media_type) is json
    assert is_text(media_type) is text


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("text/plain", None),
        ("text/plain; charset=UTF-8", "utf-8"),
        ('text/plain;a=b; Charset = "Latin1"', "latin1"),
        ("text/plain; charset=", ""),
    ],
)
def test_the_charset_is_a_parameter(content_type: str, charset: str | None) -> None:
    assert charset_of(content_type) == charset
