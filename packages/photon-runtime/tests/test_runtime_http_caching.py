from __future__ import annotations

import pytest

from photon_runtime.http import Response, add_vary, has_cache_directive, keep_private


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], ["Origin"]),
        ([("vary", "Accept")], ["Accept, Origin"]),
        ([("Vary", "Accept"), ("vary", "Cookie")], ["Accept, Cookie, Origin"]),
        ([("vary", "accept, origin")], ["accept, origin"]),
        ([("vary", "*")], ["*"]),
    ],
)
def test_vary_names_each_field_once(fields: list[tuple[str, str]], expected: list[str]) -> None:
    response = Response(headers=fields)
    add_vary(response, "Origin")
    assert [value for name, value in response.headers if name.lower() == "vary"] == expected


@pytest.mark.parametrize(
    ("own", "expected", "unless_public"),
    [
        (None, "private", "private"),
        ("max-age=60", "max-age=60, private", "max-age=60, private"),
        ("public, max-age=60", "max-age=60, private", "public, max-age=60"),
        ("s-maxage=60", "private", "s-maxage=60"),
        ("no-store", "no-store", "no-store"),
        ("Private", "Private", "Private"),
        ('private="x"', 'private="x", private', 'private="x", private'),
    ],
)
def test_shared_caches_keep_nothing_of_a_private_response(
    own: str | None, expected: str, unless_public: str
) -> None:
    for lenient, value in ((False, expected), (True, unless_public)):
        response = Response(headers=[] if own is None else [("Cache-Control", own)])
        keep_private(response, unless_public=lenient)
        assert response.header("cache-control") == value


@pytest.mark.parametrize(
    ("value", "has"),
    [
        ("no-store", True),
        ("max-age=0, No-Store", True),
        ("no-store=x", True),
        ("x-no-store", False),
        ("", False),
    ],
)
def test_a_directive_counts_by_its_name(value: str, has: bool) -> None:
    assert has_cache_directive(Response(headers=[("Cache-Control", value)]), "no-store") is has
    assert not has_cache_directive(Response(), "no-store")
