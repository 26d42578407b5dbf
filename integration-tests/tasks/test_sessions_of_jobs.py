"""Sessions of jobs: committed before the job is completed, rolled back with its error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from sqlalchemy import String, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import photon_runtime as rt
from photon import Depends, Photon
from photon.testing import Client
from photon_lifeguard import Database, DatabasePart, Databases, DatabaseSettings
from photon_runtime.parts import Host
from photon_runtime.settings import load_settings, section
from photon_runtime.testing import in_hub
from photon_runtime.transactions import transaction_to_join
from photon_tasks import Job, TasksPart, provided, task
from photon_tasks.errors import TaskDefinitionError

NO_TASKS = "photon_tasks"  # a package to search in place of that of this module


class Base(DeclarativeBase):
    """The models of this file."""


class Note(Base):
    """A text."""

    __tablename__ = "job_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50))


@attrs.frozen
class Notes:
    """A dependency that shares the session."""

    db: Session


def notes(db: Session) -> Notes:
    return Notes(db)


def write(title: str, db: Session = provided, notes: Notes = provided, job: Job = provided) -> int:
    assert notes.db is db
    assert job.attempt == 1
    joined = transaction_to_join(lambda _: True)
    assert joined is not None
    assert joined.connection() is db.connection()
    db.add(Note(title=title))
    if title == "wrong":
        raise ValueError(title)
    return len(title)


@section("blocks")
@attrs.frozen
class Settings:
    """No settings."""


class Blocks:
    """A part that uses sessions outside of requests."""

    settings: type[Any] = Settings

    def install(self, host: Host, settings: Any) -> None:
        @contextmanager
        def life() -> Iterator[None]:
            self.made = host.provided(Session, Databases, user="the test")
            yield

        host.lifespan(life)


@contextmanager
def serving(app: Photon, folder: Path, url: str) -> Iterator[Client]:
    database = Database(DatabaseSettings(url=url))
    Base.metadata.drop_all(database.engine)
    Base.metadata.create_all(database.engine)
    database.close()
    environ = {"PHOTON__DATABASE__URL": url, "PHOTON__DATABASE__POOL_SIZE": "5"}
    app.use_settings(load_settings(folder, environment="test", environ=environ))
    with Client(app, raise_errors=False) as client:
        yield client


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/app.db"
    found: str = request.getfixturevalue("empty_postgres_url")
    return found


def test_a_job_has_a_session_that_is_committed_before_it_is_completed(
    tmp_path: Path, url: str
) -> None:
    app, written = Photon(), task(write)
    app.add(DatabasePart())
    app.add(TasksPart(tasks=[written], home=NO_TASKS))
    app.provide(Notes, notes)

    @app.post("/notes/{title}")
    def enqueue(title: str) -> str:
        return written.enqueue(title).id

    @app.get("/notes")
    def count(db: Session) -> list[str]:
        return list(db.scalars(select(Note.title)))

    with serving(app, tmp_path, url) as client:
        assert client.post("/notes/right").status_code == 200
        assert client.get("/notes").json() == ["right"]
        assert client.post("/notes/wrong").status_code == 500
        assert client.get("/notes").json() == ["right"]


def current_user(authorization: str) -> str:
    return authorization


class User(str):
    """A value that comes from a request."""


def user_of(user: str = Depends(current_user)) -> User:
    return User(user)


def greet(user: User = provided) -> None:
    """Cannot work: it needs a request."""


def count(missing: Blocks = provided) -> None:
    """Cannot work: nothing provides it."""


def test_tasks_whose_values_cannot_be_made_are_refused_at_start(tmp_path: Path, url: str) -> None:
    app = Photon()
    app.add(DatabasePart())
    app.add(TasksPart(tasks=[task(greet), task(count)], home=NO_TASKS))
    app.provide(User, user_of)
    with pytest.raises(TaskDefinitionError) as caught, serving(app, tmp_path, url):
        pass
    [first, second] = sorted(str(caught.value).splitlines())
    assert "count" in first
    assert "needs a Blocks, and the application does not provide it" in first
    assert "greet" in second
    assert "current_user" in second
    assert "needs 'authorization' from a request" in second


@pytest.mark.slow
def test_a_thousand_sessions_of_which_half_are_cancelled_leave_no_connection(
    tmp_path: Path, url: str
) -> None:
    app, blocks = Photon(), Blocks()
    app.add(DatabasePart())
    app.add(TasksPart(home=NO_TASKS))
    app.add(blocks)

    def write_one(number: int, in_use: list[int]) -> None:
        with blocks.made() as (db, databases):
            db.add(Note(title=str(number)))
            db.flush()
            in_use.append(databases.default.pool.in_use)
            rt.sleep(0.0 if number % 2 else 60.0)

    @in_hub
    def run() -> tuple[int, int, int]:
        in_use: list[int] = []
        environ = {"PHOTON__DATABASE__URL": url, "PHOTON__DATABASE__ACQUIRE_TIMEOUT": "30"}
        app.use_settings(load_settings(tmp_path, environment="test", environ=environ))
        with app.start():
            for first in range(0, 1000, 20):
                tasks = [rt.spawn(write_one, first + number, in_use) for number in range(20)]
                for _ in range(20):
                    rt.sleep(0.001)
                    for each in tasks[::2]:
                        each.cancel()
                for each in tasks:
                    each.join()
            with blocks.made() as (db, databases):
                written = db.scalar(select(func.count()).select_from(Note))
            rt.sleep(0.5)  # clean-ups in the background
            return databases.default.pool.in_use, written or 0, max(in_use)

    prepared = Database(DatabaseSettings(url=url))
    Base.metadata.drop_all(prepared.engine)
    Base.metadata.create_all(prepared.engine)
    prepared.close()
    left, written, most = run()
    assert most >= 1
    assert (left, written) == (0, 500)
