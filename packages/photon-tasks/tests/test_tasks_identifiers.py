"""Ids of jobs."""

from __future__ import annotations

import uuid

from photon_tasks._identifiers import JobIds


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
