"""Schedulers in virtual time, over a store in memory, and the list of their schedules."""

import functools
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import photon_runtime as rt
from photon_runtime.observability import Meter
from photon_runtime.testing import VirtualClock, run
from photon_tasks.errors import StoreUnavailable, TaskDefinitionError
from photon_tasks.records import NewJob, ScheduleRecord
from photon_tasks.schedules import (
    CatchUp,
    Schedule,
    Scheduler,
    ScheduleRow,
    job_id,
    parse,
    schedule_rows,
    tick_of,
)
from photon_tasks.schedules._definition import PATIENCE
from photon_tasks.stores import JobStore

START = 1_767_268_800.0 + 5.5  # some seconds after noon
NOON = 1_767_268_800
HOUR = 3600
SUMMER = datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()


class MemoryStore:
    """What a scheduler needs of a store.

    Attributes:
        offset: Seconds by which the clock of the store is ahead.
        fired: Time and job of each job that was enqueued.
        is_down: True if calls fail.
        loses_responses: True if calls of `fire` take effect, and then fail.
        is_stuck: True if calls never respond.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.offset = 0.0
        self.records: dict[str, ScheduleRecord] = {}
        self.jobs: dict[str, NewJob] = {}
        self.fired: list[tuple[float, NewJob]] = []
        self.calls = 0
        self.is_down = False
        self.loses_responses = False
        self.is_stuck = False

    def _call(self) -> None:
        self.calls += 1
        rt.sleep(1e9 if self.is_stuck else 0.002)
        if self.is_down:
            raise StoreUnavailable("the store is down")

    def clock(self) -> float:
        """Return the time."""
        self._call()
        return self._clock() + self.offset

    def schedules(self) -> Mapping[str, ScheduleRecord]:
        """Return the records."""
        self._call()
        return dict(self.records)

    def set_schedule(self, record: ScheduleRecord, expected: ScheduleRecord | None) -> bool:
        """Replace a record."""
        return self.fire(record, expected, ())

    def fire(
        self, record: ScheduleRecord, expected: ScheduleRecord | None, jobs: Sequence[NewJob]
    ) -> bool:
        """Replace a record, and enqueue jobs."""
        self._call()
        if self.records.get(record.name) != expected:
            return False
        self.records[record.name] = record
        for job in jobs:
            if job.id not in self.jobs:
                self.jobs[job.id] = job
                self.fired.append((self._clock() + self.offset, job))
        rt.sleep(0.001)
        if self.loses_responses:
            raise StoreUnavailable("the connection was lost")
        return True


class NamedTask:
    """A task without a function."""

    queue = "default"

    def __init__(self, name: str) -> None:
        self.name = name

    def new_job(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        tasks: Any,
        id: str | None = None,
        delay: float = 0.0,
    ) -> NewJob:
        """Return a job without arguments."""
        return NewJob(id=id or "", task=self.name, delay=delay)


def make_schedule(
    text: str,
    *,
    name: str = "report",
    timezone: str = "UTC",
    catch_up: CatchUp = "one",
    enabled: bool | Callable[[], bool] = True,
    jitter: float = 0.0,
) -> Schedule:
    """Return a schedule of a task without a function."""
    return Schedule(
        name=name,
        text=text,
        timezone=timezone,
        ticks=parse(text, timezone),
        task=NamedTask(name),
        catch_up=catch_up,
        enabled=enabled,
        jitter=jitter,
        place=f"{name}.py:1",
    )


def make_scheduler(store: MemoryStore, *schedules: Schedule, **options: Any) -> Scheduler:
    """Return a scheduler, as each process has one."""
    options.setdefault("new_job", lambda schedule, tick: schedule.new_job(tick, None))
    return Scheduler(cast(JobStore, store), schedules, monotonic=store._clock, **options)


@contextmanager
def running(*schedulers: Scheduler) -> Iterator[None]:
    """Run schedulers for the length of a block, as processes that are killed at its end."""
    tasks = [rt.spawn(each.run) for each in schedulers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


def in_store_time(test: Callable[[MemoryStore], None]) -> Callable[[], None]:
    """Run a test in virtual time that begins at `START`, with a store."""

    @functools.wraps(test)
    def run_test() -> None:
        clock = VirtualClock(START)
        run(lambda: test(MemoryStore(clock)), clock=clock)

    del run_test.__wrapped__  # pytest would look for its parameters
    return run_test


def ticks(store: MemoryStore) -> list[int]:
    """Return the ticks that have made jobs, in the order in which they did, since noon."""
    return [tick_of(job.id) - NOON for _, job in store.fired]


@pytest.mark.parametrize("seed", range(5))
def test_each_tick_is_fired_once_by_schedulers_that_are_restarted_in_turn(seed: int) -> None:
    clock = VirtualClock(START)
    store = MemoryStore(clock)

    def processes() -> None:
        first = make_scheduler(store, make_schedule("every second"))
        tasks = [rt.spawn(first.run)]
        for number in range(60):
            if len(tasks) == 6:
                tasks[number % 6].cancel()
                tasks[number % 6] = rt.spawn(
                    make_scheduler(store, make_schedule("every second")).run
                )
            else:
                tasks.append(rt.spawn(make_scheduler(store, make_schedule("every second")).run))
            rt.sleep(2.03)
        for task in tasks:
            task.cancel()

    run(processes, clock=clock, seed=seed)
    assert ticks(store) == list(range(6, 6 + len(store.fired)))
    assert len(store.fired) >= 120
    assert all(time - tick_of(job.id) < 0.2 for time, job in store.fired)


@in_store_time
def test_a_new_schedule_begins_with_its_next_tick(store: MemoryStore) -> None:
    with running(make_scheduler(store, make_schedule("every hour"))):
        rt.sleep(2 * HOUR)
    assert ticks(store) == [HOUR, 2 * HOUR]


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [("one", [3600]), ("none", []), ("all", list(range(15, 3601, 15))[-100:])],
)
def test_an_outage_is_followed_by_what_catch_up_says(
    catch_up: str, expected: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    @in_store_time
    def test(store: MemoryStore) -> None:
        schedule = make_schedule("every 15 seconds", catch_up=catch_up)  # type: ignore[arg-type]
        with running(make_scheduler(store, schedule)):
            rt.sleep(1)
        rt.sleep(HOUR)
        schedulers = [make_scheduler(store, schedule) for _ in range(3)]
        with running(*schedulers):
            rt.sleep(1)
            assert ticks(store) == expected
            rt.sleep(15)
        assert ticks(store) == [*expected, 3615]

    test()
    assert "has missed its ticks since 2026-01-01 12:00:15" in caplog.text


@in_store_time
def test_a_pause_of_all_processes_that_is_shorter_than_the_grace_loses_no_tick(
    store: MemoryStore,
) -> None:
    schedule = make_schedule("every 10 seconds", catch_up="none")
    with running(make_scheduler(store, schedule)):
        rt.sleep(5)
    rt.sleep(25)
    with running(make_scheduler(store, schedule)):
        rt.sleep(1)
    assert ticks(store) == [10, 20, 30]


@in_store_time
def test_a_clock_that_is_set_back_fires_no_tick_again(store: MemoryStore) -> None:
    with running(*(make_scheduler(store, make_schedule("every minute")) for _ in range(2))):
        rt.sleep(5 * 60)
        store.offset = -180.0
        rt.sleep(5 * 60)
    assert ticks(store) == [60, 120, 180, 240, 300, 360, 420]


@in_store_time
def test_a_clock_that_is_set_forward_and_back_fires_each_tick_once(store: MemoryStore) -> None:
    with running(*(make_scheduler(store, make_schedule("every minute")) for _ in range(2))):
        rt.sleep(60)
        store.offset = 600.0
        rt.sleep(60)
        store.offset = 0.0
        rt.sleep(900)
    assert ticks(store) == [60, 660, 720, 780, 840, 900, 960, 1020]


def test_a_schedule_that_waits_for_a_clock_that_was_set_back_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @in_store_time
    def test(store: MemoryStore) -> None:
        with running(make_scheduler(store, make_schedule("every minute"))):
            rt.sleep(120)
            store.offset = -HOUR
            rt.sleep(120)

    test()
    assert caplog.text.count("pauses until 2026-01-01 12:02:00") == 1


@in_store_time
def test_a_store_that_is_down_loses_no_tick_within_the_grace(store: MemoryStore) -> None:
    with running(*(make_scheduler(store, make_schedule("every 5 seconds")) for _ in range(3))):
        rt.sleep(10)
        store.is_down = True
        rt.sleep(20)
        calls = store.calls
        rt.sleep(10)
        assert store.calls - calls < 15  # growing pauses
        store.is_down = False
        rt.sleep(20)
    assert ticks(store) == list(range(10, 70, 5))


@in_store_time
def test_a_store_that_does_not_respond_is_called_again(store: MemoryStore) -> None:
    with running(make_scheduler(store, make_schedule("every 5 seconds"), timeout=2)):
        rt.sleep(10)
        store.is_stuck = True
        rt.sleep(10)
        store.is_stuck = False
        rt.sleep(20)
    assert ticks(store) == list(range(10, 50, 5))


@in_store_time
def test_a_lost_response_fires_nothing_twice(store: MemoryStore) -> None:
    with running(*(make_scheduler(store, make_schedule("every 5 seconds")) for _ in range(2))):
        store.loses_responses = True
        rt.sleep(30)
    assert ticks(store) == list(range(10, 40, 5))


def test_a_store_that_is_down_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    @in_store_time
    def test(store: MemoryStore) -> None:
        with running(make_scheduler(store, make_schedule("every 5 seconds"))):
            for _ in range(2):
                rt.sleep(10)
                store.is_down = True
                rt.sleep(60)
                store.is_down = False
            rt.sleep(10)

    test()
    assert caplog.text.count("the scheduler waits for the store of the jobs: the store is") == 2
    assert caplog.text.count("the scheduler has reached the store of the jobs again") == 2


# -- deploys --------------------------------------------------------------------------------------


@in_store_time
def test_another_text_counts_from_its_deploy_on(store: MemoryStore) -> None:
    with running(make_scheduler(store, make_schedule("every 20 seconds"))):
        rt.sleep(60)
    with running(make_scheduler(store, make_schedule("every 15 seconds"))):
        rt.sleep(60)
    assert ticks(store) == [20, 40, 60, 75, 90, 105, 120]


@in_store_time
def test_another_text_catches_up_with_the_old_one_only(store: MemoryStore) -> None:
    with running(make_scheduler(store, make_schedule("every 20 minutes"))):
        rt.sleep(30 * 60)
    rt.sleep(35 * 60)
    with running(make_scheduler(store, make_schedule("every second"))):
        rt.sleep(1)
    assert ticks(store) == [1200, 3600, 3906]


@in_store_time
def test_another_time_zone_counts_from_its_deploy_on(store: MemoryStore) -> None:
    with running(make_scheduler(store, make_schedule("every day at 13:00"))):
        rt.sleep(60)
    berlin = make_schedule("every day at 14:30", timezone="Europe/Berlin")
    with running(make_scheduler(store, berlin)):
        rt.sleep(86_400)
    assert ticks(store) == [5400]


@pytest.mark.parametrize("seed", range(5))
def test_during_a_rolling_deploy_the_newer_process_counts_and_no_tick_is_doubled(seed: int) -> None:
    clock = VirtualClock(START)
    store = MemoryStore(clock)

    def deploy() -> None:
        tasks = [
            rt.spawn(make_scheduler(store, make_schedule("every 6 seconds")).run) for _ in range(4)
        ]
        rt.sleep(30.7)
        for number in range(4):
            tasks.append(rt.spawn(make_scheduler(store, make_schedule("every 4 seconds")).run))
            rt.sleep(10.1)
            tasks[number].cancel()
        rt.sleep(60)
        for task in tasks:
            task.cancel()

    run(deploy, clock=clock, seed=seed)
    change = 5.5 + 30.7
    found = ticks(store)
    assert [tick for tick in found if tick < change] == list(range(6, 37, 6))
    after = [tick for tick in found if tick > change]
    assert after == list(range(40, after[-1] + 1, 4))
    assert after[-1] > 130


@in_store_time
def test_an_old_process_that_was_restarted_during_the_deploy_does_not_keep_its_text(
    store: MemoryStore,
) -> None:
    with running(make_scheduler(store, make_schedule("every 4 seconds"))):
        rt.sleep(2)
        with running(make_scheduler(store, make_schedule("every year"))):  # started later
            rt.sleep(3 * PATIENCE)
            assert ticks(store) == []  # the old text counts as long as its process runs
        rt.sleep(PATIENCE + 25)
    assert ticks(store)
    first = ticks(store)[0]
    assert ticks(store) == list(range(first, ticks(store)[-1] + 1, 4))
    assert first < 5.5 + 2 + 4 * PATIENCE + 25


@in_store_time
def test_a_text_of_unknown_form_in_the_store_is_replaced(store: MemoryStore) -> None:
    store.records["report"] = ScheduleRecord("report", "once in a blue moon", START - 100)
    with running(make_scheduler(store, make_schedule("every 10 seconds"))):
        rt.sleep(10)
    assert ticks(store) == [10]


@in_store_time
def test_a_schedule_that_was_removed_stops(store: MemoryStore) -> None:
    kept, removed = make_schedule("every 10 seconds"), make_schedule("every 5 seconds", name="old")
    with running(make_scheduler(store, kept, removed)):
        rt.sleep(10)
    with running(make_scheduler(store, kept)):
        rt.sleep(10)
    names = Counter(job.task for _, job in store.fired)
    assert names == {"report": 2, "old": 2}


# -- single schedules -----------------------------------------------------------------------------


@in_store_time
def test_ticks_of_a_disabled_schedule_pass_without_jobs(store: MemoryStore) -> None:
    is_enabled = False
    schedule = make_schedule("every 10 seconds", enabled=lambda: is_enabled)
    with running(make_scheduler(store, schedule)):
        rt.sleep(120)
        is_enabled = True
        rt.sleep(10)
    assert ticks(store) == [130]


def test_a_schedule_that_fails_does_not_stop_others(caplog: pytest.LogCaptureFixture) -> None:
    def new_job(schedule: Schedule, tick: int) -> NewJob:
        if schedule.name == "broken":
            raise ValueError("no such argument")
        return schedule.new_job(tick, None)

    @in_store_time
    def test(store: MemoryStore) -> None:
        broken = make_schedule("every 10 seconds", name="broken")
        fine = make_schedule("every 10 seconds", name="fine")
        with running(make_scheduler(store, broken, fine, new_job=new_job)):
            rt.sleep(30)
        assert ticks(store) == [10, 20, 30]
        with running(make_scheduler(store, broken)):  # the code is mended: nothing was lost
            rt.sleep(1)
        assert ticks(store) == [10, 20, 30, 10, 20, 30]

    test()
    assert "the schedule 'broken' of broken.py:1 has failed" in caplog.text


def test_an_error_that_is_not_expected_does_not_end_the_scheduler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @in_store_time
    def test(store: MemoryStore) -> None:
        with running(make_scheduler(store, make_schedule("every 10 seconds"))):
            rt.sleep(1)
            records, store.records = store.records, None  # type: ignore[assignment]
            rt.sleep(5)
            store.records = records
            rt.sleep(10)
        assert ticks(store) == [10, 20]

    test()
    assert "could not look at its schedules" in caplog.text


def test_schedules_of_the_same_name_are_refused() -> None:
    store = MemoryStore(VirtualClock())
    with pytest.raises(TaskDefinitionError, match=r"'report', report.py:1 and report.py:1"):
        make_scheduler(store, make_schedule("every day"), make_schedule("every hour"))


def test_a_late_tick_is_logged_and_measured(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    meter = Meter()

    @in_store_time
    def test(store: MemoryStore) -> None:
        with running(make_scheduler(store, make_schedule("every minute"), meter=meter)):
            rt.sleep(50)
        rt.sleep(20)
        with running(make_scheduler(store, make_schedule("every minute"), meter=meter)):
            rt.sleep(1)

    test()
    assert "the schedule 'report' is 15.5 s late" in caplog.text
    fired = meter.counter(
        "photon_tasks_ticks", "Ticks of schedules that have made jobs.", labels=("schedule",)
    )
    assert fired.labels("report").value == 1


@in_store_time
def test_the_looks_at_the_store_are_bounded(store: MemoryStore) -> None:
    many = [make_schedule("every year", name=f"yearly {number}") for number in range(200)]
    with running(make_scheduler(store, *many)):
        rt.sleep(1)
        calls = store.calls
        rt.sleep(600)
    assert store.calls - calls <= 2 * 61


@in_store_time
def test_jobs_are_delayed_by_their_jitter(store: MemoryStore) -> None:
    schedules = [make_schedule("@hourly", name=f"{each}", jitter=60) for each in range(20)]
    with running(make_scheduler(store, *schedules)):
        rt.sleep(HOUR)
    delays = [job.delay for _, job in store.fired]
    assert len(delays) == 20
    assert all(0 <= delay < 60 for delay in delays)
    assert max(delays) - min(delays) > 20


@given(names=st.lists(st.text(), min_size=2, max_size=2, unique=True), tick=st.integers(0, 2**37))
@settings(max_examples=50)
def test_the_id_of_a_job_is_that_of_its_schedule_and_tick(names: list[str], tick: int) -> None:
    one = job_id(names[0], tick)
    assert one == job_id(names[0], tick)
    assert tick_of(one) == tick
    assert len({one, job_id(names[1], tick), job_id(names[0], tick + 1)}) == 3
    assert one < job_id(names[0], tick + 1)


def test_an_id_of_another_kind_has_no_tick() -> None:
    with pytest.raises(ValueError, match="is not an id of a job"):
        tick_of("12345678-1234-4234-8234-123456789012")


def test_the_process_that_is_killed_between_two_steps_leaves_nothing_behind() -> None:
    """Whatever call a scheduler is cancelled in, the others fire its ticks once."""
    expected = [10, 20, 30, 40, 50, 60]
    for moment in range(1, 40):
        clock = VirtualClock(START)
        store = MemoryStore(clock)

        def kill(store: MemoryStore = store, moment: int = moment) -> None:
            first = rt.spawn(make_scheduler(store, make_schedule("every 10 seconds")).run)
            rt.sleep(0.01)
            with running(make_scheduler(store, make_schedule("every 10 seconds"))):
                rt.sleep(4.484 + moment / 2000)
                first.cancel()
                rt.sleep(50.2)

        run(kill, clock=clock, seed=moment)
        assert ticks(store) == expected


# -- the list -------------------------------------------------------------------------------------


def test_rows_have_the_next_and_the_last_tick() -> None:
    clock = VirtualClock(SUMMER + 1)
    store = MemoryStore(clock)
    hourly = make_schedule("every hour", name="hourly")
    daily = make_schedule("every day at 8:30", name="daily", timezone="Europe/Berlin")
    disabled = make_schedule("@yearly", name="disabled", enabled=False)
    changed = make_schedule("every minute", name="hourly")

    def list_them() -> None:
        with running(make_scheduler(store, hourly, daily, disabled)):
            rt.sleep(3700)
        rows = schedule_rows([hourly, daily, disabled], cast(JobStore, store))
        assert [row.name for row in rows] == ["daily", "disabled", "hourly"]
        assert rows[0] == ScheduleRow(
            name="daily",
            text="every day at 8:30",
            timezone="Europe/Berlin",
            task="daily",
            queue="default",
            next=rows[0].next,
            last=None,
        )
        assert rows[0].next.isoformat() == "2026-07-02T08:30:00+02:00"
        assert rows[0].next_utc.isoformat() == "2026-07-02T06:30:00+00:00"
        assert rows[0].last_utc is None
        assert rows[1].note == "disabled"
        assert rows[2].last_utc == datetime(2026, 7, 1, 13, tzinfo=UTC)
        assert rows[2].next_utc == datetime(2026, 7, 1, 14, tzinfo=UTC)
        (row,) = schedule_rows([changed], cast(JobStore, store))
        assert row.note == "the store has 'every hour' (UTC)"
        assert row.next_utc == datetime(2026, 7, 1, 13, 2, tzinfo=UTC)

    run(list_them, clock=clock)


def test_a_schedule_that_the_store_does_not_know_yet_has_a_row() -> None:
    store = MemoryStore(VirtualClock(SUMMER))
    rows = run(lambda: schedule_rows([make_schedule("every hour")], cast(JobStore, store)))
    assert rows[0].last is None
    assert rows[0].next_utc == datetime(2026, 7, 1, 13, tzinfo=UTC)
