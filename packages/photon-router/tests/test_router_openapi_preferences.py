from __future__ import annotations

import pytest

from photon_router.openapi._preferences import accepted, preferences

OFFERED = ["application/json", "application/problem+json", "text/plain; charset=utf-8", "image/*"]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        (["code=404"], {"code": "404"}),
        (["code=404, example=a"], {"code": "404", "example": "a"}),
        (["code=404; example=a"], {"code": "404", "example": "a"}),
        (["CODE = 404", "code=500"], {"code": "404"}),
        (['example="a, \\"b\\""'], {"example": 'a, "b"'}),
        (["respond-async"], {"respond-async": ""}),
        (["", ",,;="], {}),
    ],
)
def test_preferences_are_read(fields: list[str], found: dict[str, str]) -> None:
    assert preferences(fields) == found


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, OFFERED[0]),
        ("", OFFERED[0]),
        ("*/*", OFFERED[0]),
        ("text/*", OFFERED[2]),
        ("TEXT/plain", OFFERED[2]),
        ("application/json;q=0.1, text/plain;q=0.2", OFFERED[2]),
        ("*/*, application/json;q=0", OFFERED[1]),
        ("image/png", OFFERED[3]),
        ("application/xml", None),
        ("*/*;q=0", None),
        ("text/plain;q=x", None),
        ("nonsense", None),
    ],
)
def test_the_best_media_type_is_chosen(accept: str | None, media: str | None) -> None:
    assert accepted(accept, OFFERED) == media
