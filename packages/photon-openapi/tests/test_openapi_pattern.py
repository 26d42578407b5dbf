from __future__ import annotations

import pytest

from photon_openapi.sampling._draw import Draw
from photon_openapi.sampling._pattern import matching_string
from photon_openapi.schema._check import SchemaCheck


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "abc",
        "^a|b$",
        r"^\d{3}-\d{2,4}$",
        r"^[\w.+-]+@[\w-]+\.[a-z]{2,}$",
        r"^(https?|ftp)://[^\s/$.?#].[^\s]*$",
        r"^(?:\+49)?[1-9][0-9]*$",
        r"^(?<year>\d{4})$",
        r"^[^\x00-\x1f]+$",
        r"^\u{1F600}$",
        r"^[\]\\^-]+$",
        r"^[a-]$",
        r"^\S+?\s\W$",
        r"^\P{L}$",
        "^(a(b(c)?)*)+$",
        r"^a\.b\/c$",
        r"^(?!x)[a-z]$",
    ],
)
@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_a_text_matches_its_pattern(pattern: str, seed: int | None) -> None:
    text = matching_string(pattern, Draw(seed))
    assert SchemaCheck({"pattern": pattern}).is_valid(text), text


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a", "is incomplete"),
        ("a)", "is not supported"),
        ("[a", "is incomplete"),
        ("[]", "matches nothing"),
        (r"(.)\1", "back-references"),
        (r"\p{Greek}", "is not supported"),
        ("a{100000}", "repetitions"),
        ("a{x}", "x"),
        ("[z-a]", "not a range"),
        ("(" * 60 + ")" * 60, "nested too deeply"),
    ],
)
def test_unknown_syntax_is_reported(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        matching_string(pattern, Draw())


def test_a_text_grows_by_single_characters() -> None:
    texts = [matching_string("^[a-z]+-[0-9]*$", Draw(length=more)) for more in range(4)]
    assert [len(text) for text in texts] == [2, 3, 4, 5]
