"""A job exists if and only if the rows do that were written beside it, wherever jobs are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from photon import HttpError, Photon
from photon.testing import Client
from photon_lifeguard import Database, DatabasePart, DatabaseSettings, transaction
from photon_runtime.settings import load_settings
from photon_tasks import TasksPart, current_tasks, task
from photon_tasks.records import JobFilter

NO_TASKS = "photon_tasks"  # a package to search in place of that of this module


class Base(DeclarativeBase):
    """The models of this file."""


class Order(Base):
    """A row of the application."""

    __tablename__ = "atomic_orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50), unique=True)


class ReportsSession(Session):
    """A session of the database [database.reports]."""


class Undo(Exception):
    """Ends a block."""


def charge(title: str) -> None:
    """Do nothing: what counts is whether the job exists."""


def make_app() -> Photon:  # noqa: C901  many small handlers
    app, charging = Photon(), task(charge)
    app.add(DatabasePart(sessions={"reports": ReportsSession}))
    app.add(TasksPart(tasks=[charging], home=NO_TASKS))

    @app.post("/first/{title}")
    def enqueue_first(db: Session, title: str) -> None:
        charging.enqueue(title)
        db.add(Order(title=title))
        if title == "raised":
            raise HttpError(422, "no")

    @app.post("/last/{title}")
    def enqueue_last(db: Session, title: str) -> None:
        db.add(Order(title=title))
        charging.enqueue(title)
        if title == "raised":
            raise HttpError(422, "no")

    @app.post("/savepoints")
    def savepoints(db: Session) -> None:
        charging.enqueue("outer")
        with transaction(db):
            charging.enqueue("kept")
            db.add(Order(title="kept"))
        with suppress(Undo), transaction(db):
            charging.enqueue("undone")
            db.add(Order(title="undone"))
            raise Undo

    @app.post("/core")
    def core(database: Database) -> None:
        with database.engine.begin():
            charging.enqueue("kept")
        with suppress(Undo), database.engine.begin():
            charging.enqueue("undone")
            raise Undo

    @app.post("/reports")
    def reports(db: Session, reports: ReportsSession) -> None:
        db.scalars(select(Order)).all()
        reports.add(Order(title="a report"))
        charging.enqueue("report")

    @app.get("/jobs")
    def jobs() -> list[str]:
        found = current_tasks().store.jobs(JobFilter())
        return sorted(each.arguments for each in found)

    @app.delete("/jobs")
    def purge() -> None:
        current_tasks().store.purge(JobFilter())

    return app


@contextmanager
def serving(folder: Path, url: str, jobs: str) -> Iterator[tuple[Client, Database]]:
    environ = {
        "PHOTON__DATABASE__URL": url,
        "PHOTON__DATABASE__REPORTS__URL": f"sqlite:///{folder}/reports.db",
        "PHOTON__TASKS__URL": jobs,
        "PHOTON__TASKS__MODE": "queue",
    }
    databases = [
        Database(DatabaseSettings(url=environ[f"PHOTON__DATABASE__{name}URL"]))
        for name in ("", "REPORTS__")
    ]
    for database in databases:
        Base.metadata.drop_all(database.engine)
        Base.metadata.create_all(database.engine)
        with database.engine.begin() as connection:
            for table in ("photon_outbox", "photon_outbox_relays"):
                connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")
    with databases[0].transaction() as session:
        session.add(Order(title="taken"))
    app = make_app()
    app.use_settings(load_settings(folder, environment="test", environ=environ))
    try:
        with Client(app, raise_errors=False) as client:
            client.delete("/jobs")
            yield client, databases[0]
    finally:
        for database in databases:
            database.close()


slow = pytest.mark.slow


@pytest.fixture(
    params=[
        ("sqlite", ""),
        ("sqlite", "elsewhere"),
        pytest.param(("sqlite", "redis"), marks=slow),
        pytest.param(("postgres", ""), marks=slow),
        pytest.param(("postgres", "elsewhere"), marks=slow),
        pytest.param(("postgres", "redis"), marks=slow),
        pytest.param(("mysql", "redis"), marks=slow),
    ],
    ids="-".join,
)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Client, Database]]:
    """A client of the application, and its database."""
    kind, jobs = request.param
    url = f"sqlite:///{tmp_path}/app.db"
    if kind != "sqlite":
        url = request.getfixturevalue(f"{kind}_url")
    jobs_url = {"": "", "elsewhere": f"sqlite:///{tmp_path}/jobs.db"}.get(jobs)
    if jobs_url is None:
        jobs_url = request.getfixturevalue("redis_url")
    with serving(tmp_path, url, jobs_url) as each:
        yield each


Served = tuple[Client, Database]


def jobs_of(client: Client, expected: int) -> list[str]:
    """Return the arguments of the jobs, when there are that many and a moment has passed."""
    return eventual_jobs(lambda: client.get("/jobs").json(), expected)


def eventual_jobs(read: Callable[[], list[str]], expected: int) -> list[str]:
    end = time.monotonic() + 5
    while len(read()) < expected and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.1)
    return [each.split('"')[3] for each in read()]


def orders(database: Database) -> list[str]:
    with database.session() as session:
        return sorted(session.scalars(select(Order.title)))


@pytest.mark.parametrize("order", ["first", "last"])
def test_a_job_shares_the_fate_of_the_rows_of_its_request(served: Served, order: str) -> None:
    client, database = served
    assert client.post(f"/{order}/raised").status_code == 422
    assert client.post(f"/{order}/taken").status_code == 409
    assert client.post(f"/{order}/good").status_code in (200, 204)
    assert jobs_of(client, 1) == ["good"]
    assert orders(database) == ["good", "taken"]


def test_a_job_shares_the_fate_of_its_savepoint(served: Served) -> None:
    client, database = served
    client.post("/savepoints")
    assert jobs_of(client, 2) == ["kept", "outer"]
    assert orders(database) == ["kept", "taken"]


def test_a_job_shares_the_fate_of_a_block_of_core(served: Served) -> None:
    client, _ = served
    client.post("/core")
    assert jobs_of(client, 1) == ["kept"]


def test_a_job_goes_with_the_database_that_was_written_to(served: Served) -> None:
    client, _ = served
    assert client.post("/reports").status_code in (200, 204)
    assert jobs_of(client, 1) == ["report"]
