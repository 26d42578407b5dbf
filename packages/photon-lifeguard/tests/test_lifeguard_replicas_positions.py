"""Positions as text: what clients carry, and what they may send instead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_lifeguard.replicas import UNKNOWN, format_positions, parse_positions
from photon_runtime.http import Response

NAMES = st.text(min_size=1, max_size=20)
POSITIONS = st.integers(0, (1 << 64) - 1) | st.just(UNKNOWN)


@given(st.dictionaries(NAMES, POSITIONS, min_size=1, max_size=5))
def test_positions_survive_the_way_to_the_client_and_back(positions: dict[str, int]) -> None:
    text = format_positions(positions)
    Response(204).set_cookie("photon_db_position", text)
    assert parse_positions(text, positions) == positions


@given(st.text())
def test_any_text_is_a_position_or_means_the_primary(text: str) -> None:
    positions = parse_positions(text, ["default", "reports"])
    assert set(positions) <= {"default", "reports"}
    assert all(0 <= position <= UNKNOWN for position in positions.values())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "default",
        "default:",
        "default:-1",
        "default:1a",
        "default:11111111111111111",
        "default:1|",
        "default:1|reports",
        "default:\uff11",
        "default:1" + "|x:1" * 1000,
    ],
)
def test_garbage_means_the_primary(text: str) -> None:
    names = ["default", "reports"]
    assert parse_positions(text, names) == {"default": UNKNOWN, "reports": UNKNOWN}


def test_other_databases_are_ignored_and_repetitions_count_once() -> None:
    assert parse_positions("other:FF|default:2|default:1", ["default"]) == {"default": 2}
