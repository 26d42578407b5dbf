"""Durations as text, in bodies and parameters."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_openapi.schema._durations import is_calendar, read_duration

CALENDAR = "weeks, months and years are not read: give days"
days = datetime.timedelta


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("P14D", days(14)),
        ("-P7D", -days(7)),
        ("P0D", days(0)),
        ("P1DT2H3M4.5S", days(1, hours=2, minutes=3, seconds=4.5)),
        ("PT1M", days(minutes=1)),
    ],
)
def test_days_and_less_are_read(text: str, value: datetime.timedelta) -> None:
    assert read_duration(text) == value


@pytest.mark.parametrize(
    "text",
    ["P1Y", "P1M", "P2W", "-P1W", "P1W2D", "P2WT1H", "-P1Y2M", "P1Y2M3W4DT5H6M7.8S", "P1MT1M"],
)
def test_weeks_months_and_years_are_refused_for_what_they_are(text: str) -> None:
    with pytest.raises(ValueError, match=CALENDAR):
        read_duration(text)


@pytest.mark.parametrize("text", ["", "P", "P1.5W", "PW", "2W", "P9999999999D", "P1Yx"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected an ISO 8601 duration, such as PT1H30M"):
        read_duration(text)


@given(st.text(alphabet="+-PTYMWDHS0123456789.", max_size=12))
def test_any_text_is_read_or_refused_and_months_are_known(text: str) -> None:
    message = ""
    try:
        read_duration(text)
    except ValueError as error:
        message = str(error)
    assert (message == CALENDAR) == is_calendar(text)
