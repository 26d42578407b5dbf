from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_runtime.http import is_entity_tag, strong_tag
from photon_runtime.http._entity_tag import matches_strongly, matches_weakly

# RFC 9110, section 8.8.3.2: the table of comparisons.
TABLE = [
    ('W/"1"', 'W/"1"', False, True),
    ('W/"1"', 'W/"2"', False, False),
    ('W/"1"', '"1"', False, True),
    ('"1"', '"1"', True, True),
]


@pytest.mark.parametrize(("one", "other", "strongly", "weakly"), TABLE)
def test_tags_match_as_the_standard_says(
    one: str, other: str, strongly: bool, weakly: bool
) -> None:
    for left, right in ((one, other), (other, one)):
        assert matches_strongly([left], right) is strongly
        assert matches_weakly([left], right) is weakly


def test_a_list_may_hold_several_tags_with_commas_in_them() -> None:
    fields = ['"a,b", W/"c"', '"d"']
    assert matches_strongly(fields, '"a,b"')
    assert matches_weakly(fields, '"c"')
    assert matches_strongly(fields, '"d"')
    assert not matches_weakly(fields, '"b"')
    assert not matches_weakly(["garbage", '"'], '"garbage"')


@given(st.binary())
def test_equal_bytes_have_equal_tags_that_are_tags(content: bytes) -> None:
    assert is_entity_tag(strong_tag(content))
    assert strong_tag(content) == strong_tag(bytes(content))
    assert strong_tag(content) != strong_tag(content + b"x")


@pytest.mark.parametrize("text", ["a", '"a', 'w/"a"', '"a"b"', '"a b"', ""])
def test_not_every_text_is_a_tag(text: str) -> None:
    assert not is_entity_tag(text)
