"""Provided values outside of requests: for jobs and other work of an application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any

import attrs
import pytest

import photon_runtime as rt
from photon_router import Application, BackgroundTasks, Depends, Header, Request
from photon_router.dependencies import Provision
from photon_runtime.errors import Cancelled, DeadlineExceeded, SignatureError
from photon_runtime.parts import Host
from photon_runtime.settings import section
from photon_runtime.testing import in_hub, send_request

Made = Callable[[], AbstractContextManager[tuple[Any, ...]]]


@section("work")
@attrs.frozen
class Settings:
    """No settings."""


class WorkPart:
    """A part that needs provided values outside of requests.

    Attributes:
        made: What makes them, once the application starts.
        at_start: Called in a lifespan.
    """

    settings: type[Any] = Settings

    def __init__(self, *classes: Any, at_start: Callable[[Made], object] | None = None) -> None:
        self._classes = classes
        self._at_start = at_start
        self.made: Made

    def install(self, host: Host, settings: Any) -> None:
        @contextmanager
        def life() -> Iterator[None]:
            self.made = host.provided(*self._classes, user="the task charge")
            if self._at_start is not None:
                self._at_start(self.made)
            yield

        host.lifespan(life)


@attrs.frozen
class Engine:
    """A value of the application."""

    name: str = "engine"


@attrs.frozen
class Db:
    """A value of each block."""

    number: int
    engine: Engine | None = None


@attrs.frozen
class Repository:
    """A value that needs another one."""

    db: Db
    page: int


class Log:
    """Providers that note what happens to their values."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self._numbers = iter(range(1, 10_000))

    def db(self) -> Iterator[Db]:
        number = next(self._numbers)
        self.entries.append(f"open {number}")
        try:
            yield Db(number)
        except BaseException as error:
            self.entries.append(f"roll back {number}: {type(error).__name__}")
            raise
        else:
            self.entries.append(f"commit {number}")


@contextmanager
def started(app: Application, part: WorkPart) -> Iterator[WorkPart]:
    app.add(part)
    with app.start():
        yield part


def repository(db: Db, page: int = 7) -> Iterator[Repository]:
    yield Repository(db, page)


@in_hub
def test_values_are_made_once_for_a_block_and_released_in_reverse_order() -> None:
    app, log = Application(), Log()

    def logged(db: Db, page: int = 7) -> Iterator[Repository]:
        yield Repository(db, page)
        log.entries.append("repository")

    app.provide(Db, log.db)
    app.provide(Repository, logged)
    with started(app, WorkPart(Repository, Db)) as part:
        for number in (1, 2):
            with part.made() as (repository, db):
                assert repository == Repository(Db(number), 7)
                assert repository.db is db
    assert log.entries == ["open 1", "repository", "commit 1", "open 2", "repository", "commit 2"]


@in_hub
def test_an_error_of_the_block_reaches_the_providers() -> None:
    app, log = Application(), Log()
    app.provide(Db, log.db)
    with started(app, WorkPart(Db)) as part:
        with pytest.raises(ZeroDivisionError), part.made():
            _ = 1 / 0
        with pytest.raises(DeadlineExceeded), rt.deadline(0.01), part.made():
            rt.sleep(10)

        def work() -> None:
            with part.made():
                rt.sleep(10)

        task = rt.spawn(work)
        rt.yield_now()
        task.cancel()
        task.join()
    assert [each for each in log.entries if "roll" in each] == [
        "roll back 1: ZeroDivisionError",
        f"roll back 2: {Cancelled.__name__}",
        f"roll back 3: {Cancelled.__name__}",
    ]


@in_hub
def test_an_error_at_the_release_is_raised_by_the_block() -> None:
    app = Application()

    def refuse() -> Iterator[Db]:
        yield Db(1)
        raise ValueError("the commit failed")

    app.provide(Db, refuse)
    with (
        started(app, WorkPart(Db)) as part,
        pytest.raises(ValueError, match="the commit failed"),
        part.made(),
    ):
        pass


@in_hub
def test_values_of_the_application_are_shared_with_requests() -> None:
    app, engines = Application(), list[Engine]()

    def engine() -> Iterator[Engine]:
        engines.append(Engine())
        yield engines[-1]

    def db(engine: Engine) -> Db:
        return Db(1, engine)

    app.provide(Engine, engine, scope="application")
    app.provide(Db, db)

    @app.get("/")
    def show(db: Db) -> int:
        assert db.engine is engines[0]
        return db.number

    part = WorkPart(Db, Engine)
    app.add(part)
    with app.start() as handler, part.made() as (found, shared):
        assert found.engine is shared is engines[0]
        assert send_request(handler, "GET", "/").status == 200
    assert len(engines) == 1


@in_hub
def test_a_block_at_start_waits_for_the_values_of_the_application() -> None:
    app, found = Application(), list[Any]()

    def use(made: Made) -> None:
        with made() as (engine,):
            found.append(engine)

    app.provide(Engine, lambda: Engine("late"), scope="application")
    tasks = list[rt.Task[None]]()
    part = WorkPart(Engine, at_start=lambda made: tasks.append(rt.spawn(use, made)))
    with started(app, part):
        tasks[0].join()
        assert found == [Engine("late")]


@in_hub
def test_overrides_of_tests_apply_from_then_on() -> None:
    app, log = Application(), Log()
    app.provide(Db, log.db)
    app.provide(Engine, Engine, scope="application")
    with started(app, WorkPart(Db, Engine)) as part:
        fakes: dict[Callable[..., Any], Callable[..., Any]] = {
            Db: lambda: Db(99),
            Engine: lambda: Engine("fake"),
        }
        with app.overrides(fakes), part.made() as values:
            assert values == (Db(99), Engine("fake"))
        with part.made() as values:
            assert values == (Db(1), Engine())


def with_request(request: Request) -> Db:
    return Db(1)


def with_header(x_user: Header[str]) -> Db:
    return Db(1)


def with_both(request: Request | None = None, x_user: Header[str] = "anonymous") -> Db:
    return Db(0 if request is None else 1)


@in_hub
@pytest.mark.parametrize(
    ("provider", "what"), [(with_request, "the request"), (with_header, "'x_user' from a request")]
)
def test_a_provider_that_needs_a_request_is_refused_at_start(
    provider: Callable[..., Db], what: str
) -> None:
    app = Application()
    app.provide(Db, provider)
    app.provide(Repository, repository)
    app.add(WorkPart(Repository))
    with (
        pytest.raises(
            SignatureError,
            match=rf"the task charge runs outside of requests, and .*{provider.__name__}.* {what}",
        ),
        app.start(),
    ):
        pass


@in_hub
def test_a_provider_may_do_without_the_request() -> None:
    app = Application()
    app.provide(Db, with_both)

    @app.get("/")
    def show(db: Db) -> int:
        return db.number

    part = WorkPart(Db)
    app.add(part)
    with app.start() as handler, part.made() as (db,):
        assert db == Db(0)
        assert send_request(handler, "GET", "/").body == b"1"


@in_hub
@pytest.mark.parametrize("cls", [Db, Db | None, "text", BackgroundTasks])
def test_a_class_that_cannot_be_made_is_refused_at_start(cls: Any) -> None:
    app = Application()
    app.add(WorkPart(cls))
    with pytest.raises(SignatureError, match="the task charge"), app.start():
        pass


@in_hub
def test_annotations_with_depends_are_made() -> None:
    app, log = Application(), Log()
    app.provide(Db, log.db)

    def page_of(db: Db) -> int:
        return db.number + 10

    with started(app, WorkPart(Annotated[int, Depends(page_of)], Db | None)) as part:
        with part.made() as values:
            assert values == (11, Db(1))
        with app.overrides({page_of: lambda: 5}), part.made() as values:
            assert values == (5, Db(2))


@in_hub
def test_circular_providers_are_refused() -> None:
    app = Application()

    def one(repository: Repository) -> Db:
        return repository.db

    def other(db: Db) -> Repository:
        return Repository(db, 1)

    app.provide(Db, one)
    app.provide(Repository, other)
    app.add(WorkPart(Db))
    with pytest.raises(SignatureError, match="circular dependencies"), app.start():
        pass


def test_values_are_known_when_the_parts_are_installed() -> None:
    class Early(WorkPart):
        def install(self, host: Host, settings: Any) -> None:
            host.provided(Db, user="the task charge")

    app = Application()
    app.add(Early())
    with pytest.raises(RuntimeError, match="in a lifespan"), app.start():
        pass


@in_hub
def test_a_thousand_blocks_of_which_half_are_cancelled_leave_nothing_open() -> None:
    app, log = Application(), Log()
    app.provide(Db, log.db)
    with started(app, WorkPart(Db)) as part:
        assert isinstance(part.made, Provision)

        def work(seconds: float) -> None:
            with part.made():
                rt.sleep(seconds)

        tasks = [rt.spawn(work, 0.001 if number % 2 else 60.0) for number in range(1000)]
        rt.yield_now()
        for task in tasks[::2]:
            task.cancel()
        for task in tasks:
            task.join()
    ends = [each for each in log.entries if not each.startswith("open")]
    assert len(ends) == len(log.entries) // 2
    assert sum("commit" in each for each in ends) == 500
