"""Ticks of schedules: where clocks are changed, and against computing them by looking.

The oracle looks at every minute of some days: a time of the wall comes at the first moment at which
the clocks show it or a later one; patterns with every hour fire whenever the clocks show a time.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_tasks.schedules import parse
from photon_tasks.schedules._ticks import newest_tick, newest_ticks

CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 28)),
    ("Europe/Berlin", datetime(2026, 10, 24)),
    ("America/New_York", datetime(2026, 3, 7)),
    ("America/New_York", datetime(2026, 10, 31)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4)),  # half an hour back
    ("Australia/Lord_Howe", datetime(2026, 10, 3)),  # half an hour forward
    ("America/Sao_Paulo", datetime(2018, 11, 3)),  # midnight does not exist
    ("America/Sao_Paulo", datetime(2018, 2, 17)),  # 23:00 to midnight comes twice
    ("Pacific/Apia", datetime(2011, 12, 29)),  # 30 December does not exist
    ("Asia/Pyongyang", datetime(2018, 5, 4)),  # half an hour forward at 23:30
    ("Africa/Casablanca", datetime(2026, 2, 14)),  # summer time except for Ramadan
    ("UTC", datetime(2026, 1, 1)),
]


def epoch(time: datetime, zone: str = "UTC") -> float:
    return time.replace(tzinfo=ZoneInfo(zone)).timestamp()


def ticks_between(text: str, zone: str, start: datetime, days: float) -> list[str]:
    """Return the ticks as people of the zone write them."""
    moment = epoch(start, zone)
    end = moment + days * 86_400
    ticks = parse(text, zone)
    found = []
    while (moment := ticks.after(moment)) < end:
        found.append(datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%d %H:%M%z"))
    return found


@pytest.mark.parametrize("text", ["30 2 * * *", "0 30 2 * * *", "every day at 2:30", "30 2 ? * *"])
def test_a_skipped_time_comes_once_and_a_repeated_one_once_however_it_is_written(text: str) -> None:
    march = ticks_between(text, "Europe/Berlin", datetime(2026, 3, 28), 3)
    october = ticks_between(text, "Europe/Berlin", datetime(2026, 10, 24), 3)
    assert march == ["28 02:30+0100", "29 03:00+0200", "30 02:30+0200"]
    assert october == ["24 02:30+0200", "25 02:30+0200", "26 02:30+0100"]


def test_a_tick_each_half_hour_stays_one_where_clocks_are_changed() -> None:
    march = ticks_between("*/30 * * * *", "Europe/Berlin", datetime(2026, 3, 29, 1), 0.1)
    october = ticks_between("*/30 * * * *", "Europe/Berlin", datetime(2026, 10, 25, 1, 30), 0.1)
    assert march == ["29 01:30+0100", "29 03:00+0200", "29 03:30+0200", "29 04:00+0200"]
    assert october == [
        "25 02:00+0200",
        "25 02:30+0200",
        "25 02:00+0100",
        "25 02:30+0100",
    ]


def test_an_interval_does_not_depend_on_the_time_zone() -> None:
    start = epoch(datetime(2026, 3, 28, 22, 10))
    berlin = parse("every 2 hours", "Europe/Berlin")
    assert berlin.after(start) == parse("every 2 hours").after(start) == start + 6_600


def test_midnight_comes_once_where_it_does_not_exist_and_where_it_nearly_comes_twice() -> None:
    spring = ticks_between("@daily", "America/Sao_Paulo", datetime(2018, 11, 3, 12), 2)
    autumn = ticks_between("@daily", "America/Sao_Paulo", datetime(2018, 2, 17, 12), 2)
    assert spring == ["04 01:00-0200", "05 00:00-0200"]
    assert autumn == ["18 00:00-0300", "19 00:00-0300"]


def test_half_an_hour_of_lord_howe_comes_once() -> None:
    spring = ticks_between("15 2 * * *", "Australia/Lord_Howe", datetime(2026, 10, 3), 3)
    autumn = ticks_between("45 1 * * *", "Australia/Lord_Howe", datetime(2026, 4, 4), 3)
    assert spring == ["03 02:15+1030", "04 02:30+1100", "05 02:15+1100"]
    assert autumn == ["04 01:45+1100", "05 01:45+1100", "06 01:45+1030"]


def test_a_day_that_does_not_exist_has_its_tick_when_the_next_one_begins() -> None:
    ticks = ticks_between("every day at 9:00", "Pacific/Apia", datetime(2011, 12, 29), 2)
    assert ticks == ["29 09:00-1000", "31 00:00+1400", "31 09:00+1400"]


@pytest.mark.slow
@given(
    change=st.sampled_from(CHANGES),
    minutes=st.sets(st.integers(0, 59), min_size=1, max_size=4),
    hours=st.sets(st.integers(0, 23), min_size=1, max_size=24) | st.none(),
    seconds=st.booleans(),
    starts=st.lists(st.integers(0, 3 * 86_400), max_size=20),
)
def test_ticks_are_those_that_a_look_at_every_minute_finds(
    change: tuple[str, datetime],
    minutes: set[int],
    hours: set[int] | None,
    seconds: bool,
    starts: list[int],
) -> None:
    name, day = change
    zone = ZoneInfo(name)
    listed = "*" if hours is None else ",".join(map(str, sorted(hours)))
    text = f"{'0 ' * seconds}{','.join(map(str, minutes))} {listed} * * *"
    first = int(epoch(day, name))
    moments = range(first - 86_400, first + 4 * 86_400, 60)
    walls = [datetime.fromtimestamp(each, zone).replace(tzinfo=None, fold=0) for each in moments]
    if hours is None or len(hours) == 24:
        expected = [at for at, wall in zip(moments, walls, strict=True) if wall.minute in minutes]
    else:
        expected = sorted(_wall_ticks(moments, walls, minutes, hours))
    ticks = parse(text, name)
    found = []
    moment = first
    while (moment := ticks.after(moment)) <= first + 3 * 86_400:
        found.append(moment)
    assert found == [at for at in expected if first < at <= first + 3 * 86_400]
    for start in starts:  # the next tick does not depend on where the computation began
        assert ticks.after(first + start) == next(at for at in expected if at > first + start)


def _wall_ticks(
    moments: range, walls: list[datetime], minutes: set[int], hours: set[int]
) -> set[int]:
    ticks = set()
    day = walls[0].date()
    while day <= walls[-1].date():
        for hour in hours:
            for minute in minutes:
                time = datetime(day.year, day.month, day.day, hour, minute)
                if time > walls[0]:
                    later = (at for at, each in zip(moments, walls, strict=True) if each >= time)
                    ticks.update([next(later, moments.stop)])
        day += timedelta(days=1)
    return ticks - {moments.stop}


TEXTS = st.sampled_from(
    [
        "every 7 seconds",
        "every 90 minutes",
        "every 3 days at 9:30",
        "every other week on monday and friday",
        "on the last day of the month at noon",
        "every year",
        "*/5 * * * *",
        "30 2 * * mon-fri",
        "0 0 l * *",
        "0 12 * * 5l",
        "0 0 1 */3 *",
        "0 0 29 2 *",
        "15 10 */2 * * sun#2",
        "0 0 13 * fri",
    ]
)
ZONES = st.sampled_from(sorted({zone for zone, _ in CHANGES}))
MOMENTS = st.integers(
    int(epoch(datetime(2005, 1, 1))) * 2, int(epoch(datetime(2060, 1, 1))) * 2
).map(lambda halves: halves / 2)


@given(text=TEXTS, zone=ZONES, moment=MOMENTS)
def test_ticks_increase_and_depend_on_the_moment_alone(text: str, zone: str, moment: float) -> None:
    ticks = parse(text, zone)
    first = ticks.after(moment)
    second = ticks.after(first)
    assert moment < first < second
    assert ticks.after((moment + first) / 2) == ticks.after(first - 1) == first
    assert ticks.after((first + second) / 2) == second


@given(text=TEXTS, zone=ZONES, moment=MOMENTS, count=st.integers(1, 30), rest=st.floats(0, 0.99))
def test_the_newest_ticks_are_the_last_ones_of_all(
    text: str, zone: str, moment: float, count: int, rest: float
) -> None:
    ticks = parse(text, zone)
    every = [ticks.after(moment)]
    while len(every) < count:
        every.append(ticks.after(every[-1]))
    until = every[-1] + rest * (ticks.after(every[-1]) - every[-1])
    assert newest_tick(ticks, moment, until) == every[-1]
    assert newest_ticks(ticks, moment, until, 5) == every[-5:]
    assert newest_tick(ticks, moment, every[0] - 0.5) is None


def test_a_year_of_ticks_costs_no_more_than_an_hour() -> None:
    computed = 0

    class Counting:
        def after(self, moment: float) -> int:
            nonlocal computed
            computed += 1
            return int(moment // 1) + 1

    now = epoch(datetime(2026, 1, 1))
    assert newest_tick(Counting(), now - 366 * 86_400, now) == now
    assert computed < 40


def test_days_and_weeks_are_counted_by_the_calendar_of_the_zone() -> None:
    odd = ticks_between("every other day", "Europe/Berlin", datetime(2026, 3, 27, 12), 6)
    assert odd == ["28 00:00+0100", "30 00:00+0200", "01 00:00+0200"]
    weeks = parse("every 2 weeks on friday", "UTC")
    first = weeks.after(epoch(datetime(2026, 1, 1)))
    assert datetime.fromtimestamp(first, UTC).strftime("%A") == "Friday"
    assert weeks.after(first) - first == 14 * 86_400
