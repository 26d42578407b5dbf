from __future__ import annotations

import pytest

from photon_router.mock._preferences import preferences


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
