"""Rows that join the session of a handler share its fate, whenever they are inserted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import Connection, String, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from photon import BackgroundTasks, HttpError, Photon, PhotonWebSocket
from photon.testing import Client
from photon_lifeguard import Database, DatabasePart, DatabaseSettings
from photon_runtime.settings import load_settings
from photon_runtime.transactions import transaction_to_join


class Base(DeclarativeBase):
    """The models of this file."""


class Order(Base):
    """A row of the application."""

    __tablename__ = "joined_orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50), unique=True)


class Job(Base):
    """A row that joins."""

    __tablename__ = "joined_jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50))


class ReportsSession(Session):
    """A session of the database [database.reports]."""


def enqueue(title: str) -> str:
    joined = transaction_to_join(lambda _: False)
    if joined is None:
        return "no transaction"
    connection: Connection = joined.connection()
    connection.execute(insert(Job).values(title=title))
    return "joined"


Fate = Literal["saved", "refused", "failed"]


def make_app() -> Photon:
    app = Photon()
    app.add(DatabasePart(sessions={"reports": ReportsSession}))

    @app.post("/orders/{fate}")
    @app.get("/orders/{fate}", operation_id="with_get")
    def add_order(db: Session, fate: Fate) -> str:
        answer = enqueue(fate)
        db.add(Order(title="taken" if fate == "refused" else fate))
        if fate == "failed":
            raise HttpError(422, "no")
        return answer

    @app.post("/later")
    def later(db: Session, background: BackgroundTasks) -> str:
        background.add(lambda: answers.append(enqueue("in the background")))
        return enqueue("later")

    @app.post("/plain")
    def plain() -> str:
        return enqueue("plain")

    @app.post("/reports")
    def reports(db: Session, reports: ReportsSession) -> str:
        reports.add(Order(title="a report"))
        reports.flush()
        return enqueue("beside the report")

    @app.websocket("/messages")
    def messages(ws: PhotonWebSocket, db: Session) -> None:
        for title in ws:
            ws.send_text(enqueue(str(title)))

    answers: list[str] = []
    app.get("/answers")(lambda: answers)
    return app


@contextmanager
def serving(tmp_path: Path, url: str) -> Iterator[tuple[Client, Database, Database]]:
    settings = {
        "PHOTON__DATABASE__URL": url,
        "PHOTON__DATABASE__REPORTS__URL": f"sqlite:///{tmp_path}/reports.db",
    }
    databases = [Database(DatabaseSettings(url=each)) for each in settings.values()]
    for database in databases:
        Base.metadata.drop_all(database.engine)
        Base.metadata.create_all(database.engine)
    with databases[0].transaction() as session:
        session.add(Order(title="taken"))
    app = make_app()
    app.use_settings(load_settings(tmp_path, environment="test", environ=settings))
    try:
        with Client(app) as client:
            yield client, databases[0], databases[1]
    finally:
        for database in databases:
            database.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def served(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Client, Database, Database]]:
    """A client of the application, and its two databases."""
    url = f"sqlite:///{tmp_path}/app.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    with serving(tmp_path, url) as each:
        yield each


def jobs(database: Database) -> list[str]:
    with database.session() as session:
        return list(session.scalars(select(Job.title).order_by(Job.id)))


Served = tuple[Client, Database, Database]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_row_before_the_first_write_of_a_handler_shares_its_fate(
    served: Served, method: str
) -> None:
    client, database, _ = served
    assert client.request(method, "/orders/failed").status_code == 422
    assert client.request(method, "/orders/refused").status_code == 409
    assert jobs(database) == []
    assert client.request(method, "/orders/saved").json() == "joined"
    assert jobs(database) == ["saved"]


def test_a_handler_that_only_enqueues_commits_the_row(served: Served) -> None:
    client, database, _ = served
    assert client.post("/later").json() == "joined"
    assert jobs(database) == ["later"]
    assert client.get("/answers").json() == ["no transaction"]
    assert client.post("/plain").json() == "no transaction"


def test_a_row_joins_the_session_that_has_written(served: Served) -> None:
    client, database, reports = served
    assert client.post("/reports").json() == "joined"
    assert (jobs(database), jobs(reports)) == ([], ["beside the report"])


def test_a_row_of_a_message_is_committed_with_it(served: Served) -> None:
    client, database, _ = served
    with client.websocket("/messages") as ws:
        ws.send_text("first")
        assert ws.receive_text() == "joined"
        ws.send_text("second")
        assert ws.receive_text() == "joined"
        assert "first" in jobs(database)
    assert jobs(database)[:1] == ["first"]
