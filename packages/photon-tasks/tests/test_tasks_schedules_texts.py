import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from photon_tasks.schedules import parse

START = datetime(2026, 1, 1, 12, tzinfo=UTC)  # a Thursday
NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


def next_ticks(text: str, count: int = 2) -> list[str]:
    ticks = parse(text)
    moment: float = START.timestamp()
    found = []
    for _ in range(count):
        moment = ticks.after(moment)
        found.append(datetime.fromtimestamp(moment, UTC).strftime("%a %d %b %H:%M:%S"))
    return found


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("every second", "Thu 01 Jan 12:00:01", "Thu 01 Jan 12:00:02"),
        ("every 15 seconds", "Thu 01 Jan 12:00:15", "Thu 01 Jan 12:00:30"),
        ("Every  15 Minutes.", "Thu 01 Jan 12:15:00", "Thu 01 Jan 12:30:00"),
        ("every other minute", "Thu 01 Jan 12:02:00", "Thu 01 Jan 12:04:00"),
        ("every hour", "Thu 01 Jan 13:00:00", "Thu 01 Jan 14:00:00"),
        ("every day", "Fri 02 Jan 00:00:00", "Sat 03 Jan 00:00:00"),
        ("every 2 days", "Sat 03 Jan 00:00:00", "Mon 05 Jan 00:00:00"),
        ("every day at 09:30", "Fri 02 Jan 09:30:00", "Sat 03 Jan 09:30:00"),
        ("every day at 9:00 and 17:30:15", "Thu 01 Jan 17:30:15", "Fri 02 Jan 09:00:00"),
        ("at 10:00 am", "Fri 02 Jan 10:00:00", "Sat 03 Jan 10:00:00"),
        ("at 12 am", "Fri 02 Jan 00:00:00", "Sat 03 Jan 00:00:00"),
        ("at 12:30 pm", "Thu 01 Jan 12:30:00", "Fri 02 Jan 12:30:00"),
        ("13:00", "Thu 01 Jan 13:00:00", "Fri 02 Jan 13:00:00"),
        ("every monday at 9:00", "Mon 05 Jan 09:00:00", "Mon 12 Jan 09:00:00"),
        ("7pm every thursday", "Thu 01 Jan 19:00:00", "Thu 08 Jan 19:00:00"),
        ("midnight on tuesdays", "Tue 06 Jan 00:00:00", "Tue 13 Jan 00:00:00"),
        ("on Sunday at 12:00", "Sun 04 Jan 12:00:00", "Sun 11 Jan 12:00:00"),
        ("monday, wed and fri at noon", "Fri 02 Jan 12:00:00", "Mon 05 Jan 12:00:00"),
        ("friday to monday at noon", "Fri 02 Jan 12:00:00", "Sat 03 Jan 12:00:00"),
        ("every weekday at 6 am", "Fri 02 Jan 06:00:00", "Mon 05 Jan 06:00:00"),
        ("on weekends", "Sat 03 Jan 00:00:00", "Sun 04 Jan 00:00:00"),
        ("every week", "Mon 05 Jan 00:00:00", "Mon 12 Jan 00:00:00"),
        ("every week on friday at 8:00", "Fri 02 Jan 08:00:00", "Fri 09 Jan 08:00:00"),
        ("every month", "Sun 01 Feb 00:00:00", "Sun 01 Mar 00:00:00"),
        ("every month on the 15th at 9:00", "Thu 15 Jan 09:00:00", "Sun 15 Feb 09:00:00"),
        (
            "Run at midnight on the 1st and 15th of the month",
            "Thu 15 Jan 00:00:00",
            "Sun 01 Feb 00:00:00",
        ),
        ("on the last day of the month at 5 pm", "Sat 31 Jan 17:00:00", "Sat 28 Feb 17:00:00"),
        ("on the 31st", "Sat 31 Jan 00:00:00", "Tue 31 Mar 00:00:00"),
        ("every year", "Fri 01 Jan 00:00:00", "Sat 01 Jan 00:00:00"),
        ("0 9 * * mon", "Mon 05 Jan 09:00:00", "Mon 12 Jan 09:00:00"),
        ("*/20 0 9 * JAN Mon", "Mon 05 Jan 09:00:00", "Mon 05 Jan 09:00:20"),
        ("0 0 9 ? * MON", "Mon 05 Jan 09:00:00", "Mon 12 Jan 09:00:00"),
        ("0 0 l * *", "Sat 31 Jan 00:00:00", "Sat 28 Feb 00:00:00"),
        ("0 0 LW * *", "Fri 30 Jan 00:00:00", "Fri 27 Feb 00:00:00"),
        ("0 0 * * 5l", "Fri 30 Jan 00:00:00", "Fri 27 Feb 00:00:00"),
        ("0 0 * * mon#2", "Mon 12 Jan 00:00:00", "Mon 09 Feb 00:00:00"),
        ("0 0 13 * fri", "Fri 02 Jan 00:00:00", "Fri 09 Jan 00:00:00"),  # a Friday or the 13th
        (
            "0 0 */12 * fri",
            "Fri 13 Feb 00:00:00",
            "Fri 13 Mar 00:00:00",
        ),  # a Friday and one of them
        ("0 0 30 2 fri", "Fri 06 Feb 00:00:00", "Fri 13 Feb 00:00:00"),
        ("0 0 * * 7", "Sun 04 Jan 00:00:00", "Sun 11 Jan 00:00:00"),
        ("@hourly", "Thu 01 Jan 13:00:00", "Thu 01 Jan 14:00:00"),
        ("@daily", "Fri 02 Jan 00:00:00", "Sat 03 Jan 00:00:00"),
        ("@weekly", "Sun 04 Jan 00:00:00", "Sun 11 Jan 00:00:00"),
        ("@monthly", "Sun 01 Feb 00:00:00", "Sun 01 Mar 00:00:00"),
        ("@yearly", "Fri 01 Jan 00:00:00", "Sat 01 Jan 00:00:00"),
    ],
)
def test_a_text_has_the_ticks_that_people_expect(text: str, first: str, second: str) -> None:
    assert next_ticks(text) == [first, second]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("* * * *", "has 4 fields"),
        ("0 0 9 * * mon 2026", "has 7 fields; the last one, the year, is not supported"),
        ("60 * * * *", "minute: '60' is not one of 0 to 59"),
        ("61 0 9 * * *", "second: '61' is not one of 0 to 59"),
        ("0 24 * * *", "hour: '24' is not one of 0 to 23"),
        ("0 0 0 * *", "day-of-month: '0' is not one of 1 to 31"),
        ("0 0 * foo *", "month: 'foo' is not one of 1 to 12 or jan to dec"),
        ("0 0 * * 8", "day-of-week: '8' is not one of 0 to 7 or sun to sat"),
        ("0 0 * * sat-sun", "day-of-week: the range sat-sun runs backwards"),
        ("0 22-2 * * *", "hour: the range 22-2 runs backwards; write it as two, such as 22-23,0-2"),
        ("*/90 * * * *", "minute: the step '90' is not one of 1 to 59"),
        ("*/0 * * * *", "minute: the step '0'"),
        ("*/2/3 * * * *", "minute"),
        ("1,,2 * * * *", "minute: '' is not"),
        ("- * * * *", "minute"),
        ("? * * * *", "minute: '?'"),
        ("0 0 L/2 * *", "day-of-month: 'l'"),
        ("0 0 15w * *", "day-of-month: '15w'"),
        ("0 0 * * l", "day-of-week: 'l'"),
        ("0 0 * * mon#6", "day-of-week"),
        ("0 0 * * ²", "day-of-week"),
        ("0 0 30 2 *", "day-of-month: the months do not have a day 30"),
        ("0 0 31 2,4,6 *", "day-of-month: the months do not have a day 31"),
        ("0 0 31 4 */2", "day-of-month"),
        ("0 0 */20 2 mon#5", "day-of-month, month and day-of-week: no date has all of them"),
        ("9" * 150 + " * * * *", "minute"),
        ("0 " * 200, "has 400 characters, more than 200"),
        ("@reboot", "@reboot is not one of @hourly"),
        ("@every 5m", "@every is not one of"),
        ("every 0 seconds", "every 0 seconds: the number is not one of 1 to"),
        ("every 99999999999999 seconds", "the number is not one of"),
        ("every 2 months", "write a cron expression"),
        ("every minute at 9:00", "an interval in minutes has neither days nor a time"),
        ("every hour on monday", "an interval in hours has neither days nor a time"),
        ("every 2 days on monday", "every day has no days of the week"),
        ("at 24:00", "the time '24:00' does not exist"),
        ("at 9:60", "the time '9:60' does not exist"),
        ("at 13 pm", "hours before am and pm are 1 to 12"),
        ("at 9:00 every day at 10:00", "has times at two places"),
        ("on the 32nd", "the day 32nd of a month does not exist"),
        ("at 9", "cannot be understood at 'at 9'"),
        ("every monday at", "cannot be understood"),
        ("hourly", "cannot be understood at 'hourly'"),
        ("every fortnight", "every 15 minutes"),
    ],
)
def test_an_impossible_text_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse(text)


@pytest.mark.parametrize("name", ["Europe/Berlinn", "", "../etc/passwd", "CEST", "/etc", "Europe"])
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is unknown: use an IANA name"):
        parse("every day", name)


@pytest.mark.slow
@given(st.text(max_size=40) | st.text("0123456789*/-,?#lw @monjaevryt:", max_size=40))
@example("0 0 * * \u017fun")
@example("\x000 0 * * *")
def test_any_other_text_is_a_value_error(text: str) -> None:
    try:
        ticks = parse(text)
    except ValueError:
        return
    assert ticks.after(START.timestamp()) > START.timestamp()


@given(
    days=st.none() | st.sets(st.integers(1, 31), min_size=1, max_size=3),
    months=st.sets(st.integers(1, 12), min_size=1, max_size=12),
    weekdays=st.none() | st.sets(st.integers(0, 6), min_size=1, max_size=3),
    has_names=st.booleans(),
)
def test_the_days_of_an_expression_are_those_of_debian(
    days: set[int] | None, months: set[int], weekdays: set[int] | None, has_names: bool
) -> None:
    names = [NAMES[day] if has_names else str(day) for day in weekdays or ()]
    listed = [",".join(map(str, values or ())) or "*" for values in (days, months)]

    def matches(day: date) -> bool:
        of_month = days is not None and day.day in days
        of_week = weekdays is not None and day.isoweekday() % 7 in weekdays
        return day.month in months and (of_month or of_week or (days is None and weekdays is None))

    every = [date(2026, 1, 2) + timedelta(days=ahead) for ahead in range(5 * 366)]
    expected = [day for day in every if matches(day)][:40]
    assume(len(expected) == 40)
    text = f"0 0 {listed[0]} {listed[1]} {','.join(names) or '*'}"
    ticks = parse(text)
    moment: float = START.timestamp()
    found = []
    for _ in expected:
        moment = ticks.after(moment)
        found.append(datetime.fromtimestamp(moment, UTC).date())
    assert found == expected


@given(number=st.integers(1, 100_000), unit=st.sampled_from([("second", 1), ("minute", 60)]))
def test_intervals_are_multiples_counted_from_the_epoch(number: int, unit: tuple[str, int]) -> None:
    ticks = parse(f"every {number} {unit[0]}s", "Europe/Berlin")
    first = ticks.after(START.timestamp())
    assert first % (number * unit[1]) == 0
    assert ticks.after(first) - first == number * unit[1]


def test_every_text_of_the_documentation_has_ticks() -> None:
    page = Path(__file__).parents[3] / "docs" / "background.md"
    section = page.read_text().partition("### Texts")[2].partition("###")[0]
    texts = [
        text
        for line in section.splitlines()
        if line.startswith("| `")
        for text in re.findall("`([^`]+)`", line.split("|")[1])
    ]
    assert len(texts) > 30
    for text in texts:
        assert parse(text).after(START.timestamp()) > START.timestamp()
