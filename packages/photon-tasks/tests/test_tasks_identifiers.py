"""Ids of jobs, and keys of names."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_tasks._identifiers import JobIds, key_of


def test_ids_are_uuids_of_version_7_in_strict_order() -> None:
    ids = JobIds()
    made = [ids.new() for _ in range(20_000)]
    assert made == sorted(set(made))
    assert {uuid.UUID(each).version for each in made} == {7}
    assert {uuid.UUID(each).variant for each in made} == {uuid.RFC_4122}


def test_ids_are_in_order_if_the_clock_goes_back() -> None:
    times = iter([1000.0, 999.0, 1000.0, 5.0])
    ids = JobIds(lambda: next(times))
    made = [ids.new() for _ in range(4)]
    assert made == sorted(set(made))


@pytest.mark.parametrize("name", ["", "shop.charge:{}", "é" * 250, "a" * 500])
def test_usual_names_are_their_keys(name: str) -> None:
    assert key_of(name) == name


_NAMES = st.text(st.characters(), max_size=5) | st.sampled_from(
    ["a" * 501, "a" * 502, "\0", "\ud800"]
)


@given(_NAMES, _NAMES)
def test_keys_are_short_texts_that_differ_as_their_names_do(first: str, second: str) -> None:
    key = key_of(first)
    assert "\0" not in key
    assert len(key.encode()) <= 500
    assert (key == key_of(second)) == (first == second)
