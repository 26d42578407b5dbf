"""Generators of background work, from `task` to `mailer`: what they write, and refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scaffolded_project import FIELDS, files_of, generate, new_project, planned, refusal, run

from photon_cli.generation import apply_edits, undo_edits, write_changes
from photon_cli.scaffolding.mailer import MailerGenerator
from photon_cli.scaffolding.schedule import ScheduleGenerator
from photon_cli.scaffolding.task import TaskGenerator
from photon_cli.scaffolding.worker import WorkerGenerator
from photon_runtime.generators import Arguments
from photon_runtime.project import Project

GENERATORS = (WorkerGenerator(), TaskGenerator(), ScheduleGenerator(), MailerGenerator())
EVERY_DAY = ("every day at 3:00",)


@pytest.fixture(params=["api", "minimal"])
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A new project without a database: with a package, and as one module."""
    return new_project(tmp_path, request.param)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A new project with a package, without a database."""
    return new_project(tmp_path, "api")


def words_of(generator: Any) -> tuple[str, ...]:
    return EVERY_DAY if isinstance(generator, ScheduleGenerator) else ()


def test_a_worker_has_a_task_and_a_test_that_enqueues_it(package: Path) -> None:
    words = ("order_id:int", "note:string?", "state:enum:open,paid")
    generate(package, WorkerGenerator(), "SendReceipt", *words, queue="mails")
    code = (package / "blog/tasks/send_receipt.py").read_text()
    assert '@task(queue="mails")\ndef send_receipt(' in code
    assert 'order_id: int, state: Literal["open", "paid"], note: str | None = None' in code
    test = (package / "tests/test_send_receipt.py").read_text()
    assert 'send_receipt.enqueue, order_id=1, state="open", note="Note 1"' in test
    assert 'assert job.record.queue == "mails"' in test
    assert (package / "blog/tasks/__init__.py").exists()


def test_a_task_has_a_test_that_runs_it_as_by_hand(package: Path) -> None:
    words = ("limit:int", "data:json", "tags:array:string", "is_dry:bool")
    generate(package, TaskGenerator(), "shrink-images", *words)
    assert "def shrink_images(" in (package / "blog/tasks/shrink_images.py").read_text()
    test = (package / "tests/test_shrink_images.py").read_text()
    assert '"limit:1"' in test
    assert "'data:={\"number\": 1}'" in test
    assert '"tags:Tags 1"' in test
    steps = TaskGenerator().next_steps(Project(package, package), Arguments("shrink", words[:1]))
    assert steps[-1].strip() == "photon task shrink limit:1"


def test_a_schedule_has_its_text_and_a_test_with_its_first_tick(package: Path) -> None:
    words = ("every", "monday", "at", "9:00")
    generate(package, ScheduleGenerator(), "weekly_report", *words, timezone="Europe/Berlin")
    code = (package / "blog/tasks/weekly_report.py").read_text()
    assert '@schedule("every monday at 9:00", timezone="Europe/Berlin")\n' in code
    test = (package / "tests/test_weekly_report.py").read_text()
    assert 'assert time.isoformat() == "2026-01-05T09:00:00+01:00"' in test


def test_a_mailer_has_templates_and_what_they_need(package: Path) -> None:
    generate(package, MailerGenerator(), "welcome", "user_name:string")
    code = (package / "blog/mailers/welcome.py").read_text()
    assert '@mailer("mails/welcome")\ndef welcome(to: str, user_name: str) -> MailMessage:' in code
    for part in ("subject.txt", "txt", "html"):
        assert (package / f"templates/mails/welcome.{part}").exists()
    assert "User name: {{ user_name }}" in (package / "templates/mails/welcome.txt").read_text()
    assert "app.add(TemplatesPart())" in (package / "blog/app.py").read_text()
    assert '[mail]\nsender = "Blog <hello@blog.example>"' in (package / "photon.toml").read_text()


def test_a_mailer_keeps_the_sender_and_the_templates_that_exist(package: Path) -> None:
    settings = package / "photon.toml"
    settings.write_text(settings.read_text() + '\n[mail]\nsender = "me@example.com"\n')
    app = package / "blog/app.py"
    app.write_text(app.read_text() + "app.add(TemplatesPart(folders=['texts']))\n")
    before = settings.read_text(), app.read_text()
    generate(package, MailerGenerator(), "welcome")
    assert (settings.read_text(), app.read_text()) == before


def test_an_application_of_one_module_gets_all_of_it(tmp_path: Path) -> None:
    root = new_project(tmp_path, "minimal")
    before = files_of(root)
    generate(root, WorkerGenerator(), "send_receipt", "order_id:int")
    generate(root, ScheduleGenerator(), "sweep", *EVERY_DAY)
    assert files_of(root).keys() == before.keys()
    app = (root / "app.py").read_text()
    assert "from photon import Photon, schedule, task\n" in app
    assert "\n\n\n@task\ndef send_receipt(order_id: int) -> None:\n" in app
    assert "from app import send_receipt, sweep\n" in (root / "test_app.py").read_text()


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda each: type(each).__name__)
def test_what_is_generated_can_be_repeated_and_taken_back(project: Path, generator: Any) -> None:
    before = files_of(project)
    words = words_of(generator)
    edits = planned(project, generator, "sweep", *words)
    plan = apply_edits(project, edits)
    assert plan.conflicts == []
    write_changes(plan.root, plan.changes)
    assert files_of(project) != before
    plan = apply_edits(project, planned(project, generator, "sweep", *words))
    assert plan.conflicts == []
    assert plan.changes == []
    plan = undo_edits(project, edits)
    assert plan.conflicts == []
    write_changes(plan.root, plan.changes)
    assert files_of(project) == before


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("def", "use another one, such as def_"),
        ("task", "use another one, such as task_"),
        ("deliveries", "use another one, such as deliveries_"),
        ("1st", "begins with a letter"),
    ],
)
def test_invalid_names_are_refused(project: Path, generator: Any, name: str, message: str) -> None:
    before = files_of(project)
    assert message in refusal(project, generator, name, *words_of(generator))
    assert files_of(project) == before


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("user:references", "pass the number of the row: user_id:int"),
        ("slug^", "leave out the ^"),
        ("id:int", "such as sweep_id:int"),
        ("title:strin", "do you mean title:string?"),
        ("class:int", "is a keyword of Python"),
        ("1st:int", "begins with a letter"),
    ],
)
def test_invalid_parameters_are_refused(package: Path, word: str, message: str) -> None:
    for generator in (WorkerGenerator(), TaskGenerator(), MailerGenerator()):
        assert message in refusal(package, generator, "sweep", word)
    assert "such as welcome_to:int" in refusal(package, MailerGenerator(), "welcome", "to:int")


@pytest.mark.parametrize(
    ("words", "zone", "message"),
    [
        ((), None, 'Write photon generate schedule sweep "every day at 3:00"'),
        (("0", "33", "*", "*", "*"), None, "'33' is not one of 0 to 23"),
        (("app.py", "blog", "*"), None, "is not a schedule"),
        (("--help",), None, "is not a schedule"),
        (EVERY_DAY, "Berlin", "the time zone 'Berlin' is unknown"),
    ],
)
def test_invalid_schedules_are_refused(
    package: Path, words: tuple[str, ...], zone: str | None, message: str
) -> None:
    options = {} if zone is None else {"timezone": zone}
    assert message in refusal(package, ScheduleGenerator(), "sweep", *words, **options)


def test_invalid_queues_are_refused(package: Path) -> None:
    message = refusal(package, WorkerGenerator(), "sweep", queue="two words")
    assert "a queue has up to 100 letters" in message


def test_what_is_in_the_way_is_named(package: Path, tmp_path: Path) -> None:
    (package / "blog/tasks.py").write_text("")
    message = refusal(package, WorkerGenerator(), "sweep")
    assert "move it to blog/tasks/__init__.py" in message
    (package / "blog/tasks.py").unlink()
    (package / "blog/__init__.py").unlink()
    assert "does not have an __init__.py" in refusal(package, WorkerGenerator(), "sweep")
    minimal = new_project(tmp_path / "minimal", "minimal")
    message = refusal(minimal, WorkerGenerator(), "hello")
    assert "app.py has a hello already" in message


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("kind", "database"), [("html", "sqlite"), ("api", "none"), ("minimal", "sqlite")]
)
def test_what_is_generated_is_clean_and_passes_its_tests(
    tmp_path: Path, kind: str, database: str
) -> None:
    root = new_project(tmp_path, kind, database)
    generate(root, WorkerGenerator(), "send_receipt", "order_id:int", "note?", queue="mails")
    generate(root, WorkerGenerator(), "ping")
    generate(root, WorkerGenerator(), "take_all", *FIELDS.split())
    generate(root, TaskGenerator(), "import_users")
    generate(root, TaskGenerator(), "import_all", *FIELDS.split())
    generate(root, ScheduleGenerator(), "nightly_report", "0 3 * * *")
    generate(root, ScheduleGenerator(), "weekly_report", "monday at noon", timezone="Asia/Tokyo")
    generate(root, MailerGenerator(), "welcome")
    generate(root, MailerGenerator(), "all_news", *FIELDS.split())
    run(root, "ruff", "check", "--no-cache", ".")
    run(root, "ruff", "format", "--check", "--no-cache", ".")
    run(root, "mypy")
    run(root, "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
