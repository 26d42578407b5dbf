import datetime
import enum
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from photon_runtime.observability import Meter
from photon_runtime.testing import in_virtual_time
from photon_tasks import ArgumentsError, Job, Tasks, TasksSettings, provided, task
from photon_tasks.by_hand import find_task, read_arguments, run_by_hand, usage
from photon_tasks.errors import TaskNotFound, TasksError
from photon_tasks.registry import Registry
from photon_tasks.task import Task


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


@attrs.frozen
class Range:
    first: int
    last: int = 10


class Store:
    """What an application provides."""


@task(name="shop.tasks.resize")
def resize(
    image: int,
    size: Size = Size.SMALL,
    day: datetime.date | None = None,
    ids: list[int] | None = None,
    ranges: dict[str, Range] | None = None,
    note: str = "",
    store: Store = provided,
) -> dict[str, Any]:
    """Resize images.

    All of them.
    """
    return {"image": image, "has_store": isinstance(store, Store)}


@task(name="shop.mail.send")
def send() -> None: ...


@task(name="blog.mail.send")
def send_post() -> None: ...


def tasks_of(*found: Task[..., Any]) -> Tasks:
    def open_store() -> Any:
        raise AssertionError("no store is needed")

    store: Any = None
    tasks = Tasks(TasksSettings(), store, Registry(found), Meter(), open_store=open_store)

    @contextmanager
    def make_values() -> Any:
        yield (Store(),)

    tasks.provided = lambda *classes, user: make_values
    return tasks


def test_a_task_is_found_by_its_name_or_by_the_end_of_it() -> None:
    registry = Registry([resize, send, send_post])
    assert find_task(registry, "shop.tasks.resize") is resize
    assert find_task(registry, "resize") is resize
    assert find_task(registry, "blog.mail.send") is send_post
    with pytest.raises(TaskNotFound, match=r"write one of blog.mail.send, shop.mail.send"):
        find_task(registry, "send")
    with pytest.raises(TaskNotFound, match=r"no task has the name rezise; similar: shop.tasks.res"):
        find_task(registry, "rezise")
    with pytest.raises(TaskNotFound, match=r"no task has the name paint$"):
        find_task(registry, "paint")


def test_texts_are_read_as_the_types_of_the_parameters() -> None:
    arguments = read_arguments(
        resize,
        [
            *("image:-3", "size:large", "day:2026-05-01", "ids:1", "ids:2", "note:a:=b c"),
            'ranges:={"all": {"first": 1}}',
        ],
    )
    assert arguments == {
        "image": -3,
        "size": Size.LARGE,
        "day": datetime.date(2026, 5, 1),
        "ids": [1, 2],
        "ranges": {"all": Range(1, 10)},
        "note": "a:=b c",
    }
    assert read_arguments(resize, ["image:=7", "ids:=[]", "note:"]) == {
        "image": 7,
        "ids": [],
        "note": "",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "image"),
        (["image"], "'image' is not an argument: write name:value or name:=JSON"),
        (["image:many"], "image: expected an integer"),
        (['image:="1"'], "expected integer, got string"),
        (["image:={"], "image is not JSON"),
        (["image:1", "image:2"], "image has several values"),
        (["image:1", "image:=2"], "image has several values"),
        (["image:1", "size:huge"], 'size: expected one of "small", "large"'),
        (["image:1", "ranges:all"], "ranges needs JSON: write ranges:=..."),
        (["image:1", "store:x"], "store is filled in"),
        (["image:1", "colour:red"], "colour is not a parameter"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_the_usage(
    words: list[str], message: str
) -> None:
    with pytest.raises(ArgumentsError) as caught:
        read_arguments(resize, words)
    assert message in str(caught.value)
    assert str(caught.value).endswith(f"usage: photon task {usage(resize)}")
    assert usage(resize).startswith("shop.tasks.resize image:int [size:Size] [day:date|None] [")


@in_virtual_time
def test_a_task_runs_with_what_the_application_provides_and_within_middleware() -> None:
    seen = []

    def middleware(job: Job, call: Callable[[], Any]) -> Any:
        seen.append(job.task)
        return call()

    tasks = tasks_of(resize)
    tasks.middleware = (middleware,)
    assert run_by_hand(tasks, resize, {"image": 1}) == {"image": 1, "has_store": True}
    assert seen == ["shop.tasks.resize"]


def test_steps_run_once_and_sleeps_wait_here() -> None:
    steps = []

    def charge() -> int:
        steps.append("charge")
        return 42

    lines: list[str] = []

    @task(name="slow")
    def slow(job: Job) -> int:
        job.progress({"done": 1})
        charged = job.step("charge", charge)
        job.sleep(seconds=1.2)
        job.step("ship", lambda: steps.append("ship"))
        return charged

    @in_virtual_time
    def run() -> None:
        assert run_by_hand(tasks_of(slow), slow, {}, report=lines.append) == 42

    run()
    assert steps == ["charge", "ship"]
    assert lines[:2] == ['progress: {"done":1}', "slow sleeps for 1 s"]


@in_virtual_time
def test_an_event_cannot_arrive() -> None:
    @task(name="waiting")
    def waiting(job: Job) -> None:
        job.wait_event("paid")

    with pytest.raises(TasksError, match=r"waiting waits for the event 'paid'.*: enqueue it"):
        run_by_hand(tasks_of(waiting), waiting, {})


@in_virtual_time
def test_the_error_of_a_task_is_its_own() -> None:
    @task(name="broken")
    def broken() -> None:
        raise LookupError("no such order")

    with pytest.raises(LookupError, match=r"no such order"):
        run_by_hand(tasks_of(broken), broken, {})


APPLICATION = '''
from photon import Photon
from photon import task

app = Photon(title="Shop", version="1")


@task
def count(upto: int, note: str = "") -> list[int]:
    """Count.

    From zero.
    """
    print("counting", note)
    if upto < 0:
        raise ValueError("upwards only")
    return list(range(upto))
'''


@pytest.mark.slow
def test_the_command_lists_tasks_and_runs_one(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APPLICATION)
    (tmp_path / "photon.toml").write_text(
        '[project]\nname = "shop"\napp = "shop:app"\n[tasks]\nurl = "sqlite:///jobs.db"\n'
    )

    def photon(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = "from photon_tasks._cli.task import task; "
        program += "from photon_runtime.project import Project; task(obj=Project.here())"
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    listed = photon()
    assert listed.stdout == "shop.count upto:int [note:str]\n    Count.\n", listed.stderr
    done = photon("count", "upto:3", "note:up")
    assert (done.returncode, done.stdout) == (0, "counting up\n[0,1,2]\n"), done.stderr
    failed = photon("count", "upto:-1")
    assert failed.returncode == 1
    assert "ValueError: upwards only" in failed.stderr
    refused = photon("count", "upto:x")
    assert refused.returncode == 2
    assert "usage: photon task shop.count upto:int [note:str]" in refused.stderr
    unknown = photon("cuont")
    assert unknown.returncode == 2
    assert "no task has the name cuont; similar: shop.count" in unknown.stderr
