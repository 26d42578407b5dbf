from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_runtime.http import choose_coding
from photon_runtime.http._accept_encoding import CodingChoice

ALL = ("zstd", "br", "gzip")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, br;q=0.9, zstd;q=0.9", "gzip"),
        ("gzip;q=0.5, br;q=0.5", "br"),
        ("*", "zstd"),
        ("*;q=0.1, gzip;q=0.2", "gzip"),
        ("zstd;q=0, *", "br"),
        ("gzip ; q=0.3", "gzip"),
        ("deflate", None),
        ("", None),
        ("identity", None),
        ("gzip;q=0", None),
        ("gzip;q=0.000", None),
        ("*;q=0", None),
        ("gzip;q=2", None),
        ("gzip;level=9", None),
        ("gzip;q=0.5, identity", None),
        ("gzip, identity;q=0.5", "gzip"),
    ],
)
def test_the_client_chooses_the_coding(accepted: str, coding: str | None) -> None:
    assert choose_coding(accepted, ALL).coding == coding


@pytest.mark.parametrize(
    ("accepted", "must"),
    [
        ("identity;q=0", True),
        ("*;q=0", True),
        ("*;q=0, identity", False),
        ("gzip, identity;q=0", True),
        ("gzip", False),
    ],
)
def test_the_bytes_as_they_are_may_be_excluded(accepted: str, must: bool) -> None:
    assert choose_coding(accepted, ALL).must_encode is must


def test_nothing_is_chosen_where_nothing_is_offered() -> None:
    assert choose_coding("gzip", ()) == CodingChoice(None)


@given(st.text())
def test_any_text_gives_an_offered_coding_or_none(accepted: str) -> None:
    assert choose_coding(accepted, ALL).coding in (*ALL, None)
