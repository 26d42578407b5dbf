from typing import Any

import attrs
import pytest

from photon_runtime.observability import Meter
from photon_tasks import Job, TaskDefinitionError, Tasks, TasksSettings, schedule, task
from photon_tasks.registry import Registry
from photon_tasks.schedules import schedules_of, tick_of


@attrs.frozen
class Range:
    first: int
    last: int


def tasks_of(*found: Any) -> Tasks:
    def open_store() -> Any:
        raise AssertionError("no store is needed")

    store: Any = None
    return Tasks(TasksSettings(), store, Registry(found), Meter(), open_store=open_store)


def test_a_function_with_a_schedule_is_a_task() -> None:
    @schedule("every 15 seconds", catch_up="none", jitter=3)
    def sweep(job: Job) -> None:
        """Sweep."""

    (found,) = sweep.schedules
    assert found.name == sweep.name
    assert (found.text, found.timezone, found.catch_up, found.jitter) == (
        "every 15 seconds",
        "UTC",
        "none",
        3.0,
    )
    assert sweep.__doc__ == "Sweep."
    assert "test_tasks_schedule.py:" in found.place


def test_a_task_has_several_schedules_with_names_of_their_own() -> None:
    @schedule("every day at 18:00", name="evening")
    @schedule("every day at 12:00")
    @schedule("every day at 9:00")
    @task(queue="mails", name="remind")
    def remind() -> None: ...

    assert remind.queue == "mails"
    names = [(each.name, each.text) for each in schedules_of(Registry([remind]))]
    assert names == [
        ("remind", "every day at 9:00"),
        ("remind#2", "every day at 12:00"),
        ("evening", "every day at 18:00"),
    ]


def test_the_job_of_a_tick_has_the_arguments_and_an_id_of_the_tick() -> None:
    @schedule("@daily", args=[Range(1, 5)], kwargs={"note": "daily"})
    @task(name="scan", queue="scans")
    def scan(numbers: Range, note: str | None = None) -> None: ...

    tasks = tasks_of(scan)
    job = scan.schedules[0].new_job(1_767_268_800, tasks)
    assert job == scan.schedules[0].new_job(1_767_268_800, tasks)
    assert (job.task, job.queue, job.delay) == ("scan", "scans", 0.0)
    assert job.arguments == '{"numbers":{"first":1,"last":5},"note":"daily"}'
    assert tick_of(job.id) == 1_767_268_800


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("60 * * * *", {}, "minute: '60' is not one of 0 to 59"),
        ("0 0 30 2 *", {}, "day-of-month"),
        ("every day", {"timezone": "Mars/Base"}, "the time zone 'Mars/Base' is unknown"),
        ("every day", {"catch_up": "two"}, "catch_up is one of one, none, all, not 'two'"),
        ("every day", {"jitter": -1}, "jitter is a number of seconds"),
        ("every day", {"jitter": float("nan")}, "jitter is a number of seconds"),
        ("every day", {"args": [1, 2]}, "too many positional arguments; pass them by @schedule"),
        ("every day", {"kwargs": {"count": 1}}, "unexpected keyword argument 'count'"),
        ("every day", {"kwargs": {"number": "one"}}, "expected integer, got string"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_written(
    text: str, options: dict[str, Any], message: str
) -> None:
    def count(number: int = 1) -> None: ...

    with pytest.raises(TaskDefinitionError) as caught:
        schedule(text, **options)(count)
    assert message in str(caught.value)
    assert f"@schedule({text!r}) of " in str(caught.value)
    assert f"{__file__}:{count.__code__.co_firstlineno}" in str(caught.value)


def test_a_task_that_needs_arguments_is_refused_without_them() -> None:
    def charge(order: int) -> None: ...

    with pytest.raises(TaskDefinitionError, match=r"lacks order; pass them by @schedule\(args="):
        schedule("@daily")(charge)


def test_a_decorator_without_its_text_is_refused() -> None:
    def sweep() -> None: ...

    decorate: Any = schedule
    with pytest.raises(TaskDefinitionError, match=r"as in @schedule\('every hour'\), not .*sweep"):
        decorate(sweep)


def test_a_function_that_cannot_be_a_task_is_refused() -> None:
    def sweep(*numbers: int) -> None: ...

    with pytest.raises(TaskDefinitionError, match="numbers"):
        schedule("@daily")(sweep)
