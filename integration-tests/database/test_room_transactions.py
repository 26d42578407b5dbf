"""What is broadcast to a room inside of a transaction is delivered after its commit, or never."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import String, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from photon import BackgroundTasks, HttpError, Photon, PhotonWebSocket
from photon.testing import Client
from photon_lifeguard import Database, DatabasePart, DatabaseSettings, transaction
from photon_runtime.settings import load_settings
from photon_ws import WebSocketClosed
from photon_ws.rooms import Room

LOBBY = Room("lobby", history=100)


class Base(DeclarativeBase):
    """The models of this file."""


class Note(Base):
    """A text."""

    __tablename__ = "room_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50), unique=True)


def seen() -> list[str]:
    return [str(message.data) for message in LOBBY.history()]


def make_app() -> Photon:  # noqa: C901  many small handlers
    app = Photon()
    app.add(DatabasePart())

    @app.websocket("/lobby")
    def lobby(ws: PhotonWebSocket, db: Session) -> None:
        for title in ws:
            db.add(Note(title=str(title)))
            LOBBY.broadcast(title)
            ws.send_json(seen())

    @app.post("/saved")
    def saved(db: Session) -> list[str]:
        LOBBY.broadcast("before the first statement")
        db.add(Note(title="saved"))
        LOBBY.broadcast("saved")
        return seen()

    @app.post("/failed")
    def failed(db: Session) -> None:
        db.add(Note(title="failed"))
        LOBBY.broadcast("failed")
        raise HttpError(422, "no")

    @app.post("/refused")
    def refused(db: Session) -> None:
        db.add_all([Note(title="twice"), Note(title="twice")])
        LOBBY.broadcast("twice")

    @app.post("/savepoints")
    def savepoints(db: Session) -> None:
        db.add(Note(title="outer"))
        LOBBY.broadcast("outer")
        with suppress(ValueError), transaction(db):
            db.add(Note(title="inner"))
            LOBBY.broadcast("inner")
            raise ValueError
        with transaction(db):
            LOBBY.broadcast("released")

    @app.post("/explicit")
    def explicit(database: Database) -> list[str]:
        with database.transaction():
            LOBBY.broadcast("in a block")
            inside = seen()
        with database.engine.begin() as connection:
            connection.execute(insert(Note).values(title="core"))
            LOBBY.broadcast("core")
            inside += seen()
        with database.session() as session:
            session.add(Note(title="never committed"))
            LOBBY.broadcast("never committed")
        return inside

    @app.post("/later")
    def later(db: Session, tasks: BackgroundTasks) -> None:
        db.add(Note(title="later"))
        tasks.add(LOBBY.broadcast, "later")

    @app.get("/seen")
    def read() -> list[str]:
        return seen()

    return app


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with started(tmp_path) as client:
        yield client


@contextmanager
def started(folder: Path) -> Iterator[Client]:
    url = f"sqlite:///{folder}/app.db"
    database = Database(DatabaseSettings(url=url))
    Base.metadata.create_all(database.engine)
    database.close()
    app = make_app()
    app.use_settings(
        load_settings(folder, environment="test", environ={"PHOTON__DATABASE__URL": url})
    )
    with Client(app, raise_errors=False) as client:
        yield client


def test_a_broadcast_of_a_request_is_delivered_after_the_commit(client: Client) -> None:
    assert client.post("/saved").json() == ["before the first statement"]
    assert client.get("/seen").json() == ["before the first statement", "saved"]


@pytest.mark.parametrize("path", ["/failed", "/refused"])
def test_a_broadcast_of_a_request_that_fails_is_not_delivered(client: Client, path: str) -> None:
    assert client.post(path).status_code in (409, 422)
    assert client.get("/seen").json() == []


def test_a_broadcast_in_a_savepoint_that_is_rolled_back_is_not_delivered(client: Client) -> None:
    client.post("/savepoints")
    assert client.get("/seen").json() == ["outer", "released"]


def test_broadcasts_follow_blocks_and_connections(client: Client) -> None:
    assert client.post("/explicit").json() == ["in a block"]
    assert client.get("/seen").json() == ["in a block", "core"]


def test_a_broadcast_after_the_response_is_delivered_at_once(client: Client) -> None:
    client.post("/later")
    assert client.get("/seen").json() == ["later"]


def test_a_broadcast_of_a_message_is_delivered_when_the_next_one_is_awaited(
    client: Client,
) -> None:
    with client.websocket("/lobby") as ws:
        ws.send_text("a")
        assert ws.receive_json() == []
        ws.send_text("b")
        assert ws.receive_json() == ["a"]
        ws.send_text("b")
        assert ws.receive_json() == ["a", "b"]
        with pytest.raises(WebSocketClosed):
            ws.receive()
        assert ws.close_code == 1011
    assert client.get("/seen").json() == ["a", "b"]
