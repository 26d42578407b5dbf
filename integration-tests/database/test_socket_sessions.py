"""Sessions of handlers that outlive their request: one unit of work for each message."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
import httpx2
import pytest
from sqlalchemy import String, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from photon import HttpError, Photon, PhotonWebSocket
from photon_lifeguard import Database, DatabasePart, Databases, DatabaseSettings, transaction
from photon_runtime.http import ServerSettings
from photon_runtime.settings import load_settings
from photon_runtime.testing import LiveServer, live_server
from photon_ws.protocol import Close, FrameDecoder, encode_message


class Base(DeclarativeBase):
    """The models of this file."""


class Note(Base):
    """A text."""

    __tablename__ = "socket_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50), unique=True)


class ReportsSession(Session):
    """A session of the database [database.reports]."""


@attrs.frozen
class Known:
    """A dependency that reads before the first message."""

    notes: list[Note]


def known(db: Session) -> Known:
    return Known(list(db.scalars(select(Note))))


def make_app() -> Photon:  # noqa: C901  many small handlers
    app = Photon()
    app.add(DatabasePart(sessions={"reports": ReportsSession}))
    app.provide(Known, known)

    @app.websocket("/notes")
    def notes(ws: PhotonWebSocket, db: Session, known: Known) -> None:
        for title in ws:
            db.add(Note(title=title))
            if title == "wrong":
                db.flush()
                raise ValueError("wrong")
            if title == "refused":
                db.flush()
                raise HttpError(403, "refused")
            if title == "twice":
                db.add(Note(title=title))
                return
            if title == "last":
                return
            ws.send_text(f"{len(known.notes)} known, {title}")

    @app.websocket("/resumed")
    def resumed(ws: PhotonWebSocket, db: Session) -> None:
        while True:
            try:
                title = ws.read_message()
            except IntegrityError:
                ws.send_text("refused")
                continue
            if title is None:
                return
            db.add(Note(title=title))

    @app.websocket("/first")
    def first(ws: PhotonWebSocket, db: Session) -> None:
        note = db.scalars(select(Note)).first()
        for _ in ws:
            ws.send_text("none" if note is None else note.title)

    @app.websocket("/both")
    def both(ws: PhotonWebSocket, db: Session, reports: ReportsSession) -> None:
        with suppress(IntegrityError):
            for title in ws:
                db.add(Note(title=title))
                reports.add(Note(title=title))
        ws.send_text("refused")
        ws.read_message()

    @app.websocket("/block")
    def block(ws: PhotonWebSocket, db: Session) -> None:
        for _ in ws:
            with suppress(ValueError), transaction(db):
                db.add(Note(title="first half"))
                if ws.read_message() == "fail":
                    raise ValueError
                db.add(Note(title="second half"))
            ws.send_text("left")

    @app.websocket("/explicit")
    def explicit(ws: PhotonWebSocket, database: Database) -> None:
        for title in ws:
            with database.transaction() as session:
                session.add(Note(title=title))
            ws.send_text("done")

    @app.websocket("/one-by-one")
    def one_by_one(ws: PhotonWebSocket, db: Session) -> None:
        for _ in ws:
            for number in range(2):
                db.scalars(select(Note).where(Note.id == number)).all()
            ws.send_text("done")

    @app.get("/count")
    def count(db: Session) -> int:
        return db.scalar(select(func.count()).select_from(Note)) or 0

    @app.get("/pool")
    def pool(databases: Databases) -> int:
        return databases.default.pool.in_use + databases["reports"].pool.in_use

    return app


@attrs.frozen
class Peer:
    """A client of a WebSocket."""

    socket: socket.socket
    decoder: FrameDecoder = attrs.field(
        factory=lambda: FrameDecoder(is_client=True, max_message_size=1000)
    )

    def send(self, text: str) -> None:
        self.socket.sendall(encode_message(text, mask=True))

    def receive(self) -> Any:
        events: list[Any] = []
        while not events:
            part = self.socket.recv(1000)
            assert part, "the connection ended without a close frame"
            self.decoder.feed(part, events)
        return events[0]

    def ask(self, text: str) -> Any:
        self.send(text)
        return self.receive()

    def close_code(self) -> int:
        close = self.receive()
        assert isinstance(close, Close)
        self.socket.close()
        return close.code


@attrs.frozen
class Server:
    """The application, its databases, and what connects to it."""

    live: LiveServer
    urls: dict[str, str]
    client: httpx2.Client
    stack: ExitStack

    def connect(self, path: str) -> Peer:
        connection = self.stack.enter_context(
            socket.create_connection(("127.0.0.1", self.live.port), timeout=10)
        )
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        return Peer(connection)

    def get(self, path: str) -> Any:
        response = self.client.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    def titles(self, name: str = "default") -> list[str]:
        database = Database(DatabaseSettings(url=self.urls[name]))
        try:
            with database.session() as session:
                return list(session.scalars(select(Note.title).order_by(Note.title)))
        finally:
            database.close()

    def wait_until_idle(self) -> None:
        """Return when the handlers wait for messages: they hold no connection."""
        while self.get("/pool"):
            pass


@contextmanager
def serving(urls: dict[str, str], folder: Path, **settings: object) -> Iterator[Server]:
    for url in urls.values():
        database = Database(DatabaseSettings(url=url))
        Base.metadata.drop_all(database.engine)
        Base.metadata.create_all(database.engine)
        database.close()
    app = make_app()
    environ = {f"PHOTON__DATABASE__{name.upper()}": str(value) for name, value in settings.items()}
    environ["PHOTON__DATABASE__URL"] = urls["default"]
    environ["PHOTON__OBSERVABILITY__METRICS"] = "/metrics"
    environ["PHOTON__DATABASE__REPORTS__URL"] = urls["reports"]
    app.use_settings(load_settings(folder, environment="test", environ=environ))
    limits = ServerSettings(max_connections=2000)
    with (
        live_server(app, settings=limits) as live,
        httpx2.Client(base_url=live.url, trust_env=False, timeout=20) as client,
        ExitStack() as stack,
    ):
        yield Server(live, urls, client, stack)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    urls = {name: f"sqlite:///{tmp_path}/{name}.db" for name in ("default", "reports")}
    if request.param == "postgres":
        urls["default"] = request.getfixturevalue("postgres_url")
    with serving(urls, tmp_path) as server:
        yield server


def wait_for_log(caplog: pytest.LogCaptureFixture, text: str) -> None:
    expires = time.monotonic() + 10
    while text not in caplog.text:
        assert time.monotonic() < expires
        time.sleep(0.01)


def test_each_message_is_committed_and_nothing_is_held_while_the_handler_waits(
    server: Server,
) -> None:
    peer = server.connect("/notes")
    server.wait_until_idle()  # before the first message, though a dependency has read
    assert peer.ask("a") == "0 known, a"
    server.wait_until_idle()
    assert server.titles() == ["a"]
    assert peer.ask("b") == "0 known, b"
    server.wait_until_idle()
    assert server.titles() == ["a", "b"]


def test_an_error_of_the_handler_undoes_its_message_alone(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    peer = server.connect("/notes")
    peer.ask("a")
    peer.send("wrong")
    assert peer.close_code() == 1011  # when the client knows, the connection is in the pool
    assert server.get("/pool") == 0
    assert server.titles() == ["a"]
    wait_for_log(caplog, "ValueError: wrong")
    peer = server.connect("/notes")
    peer.send("refused")
    assert peer.close_code() == 1008
    assert server.get("/pool") == 0
    assert server.titles() == ["a"]


def test_the_last_message_is_committed_before_the_client_learns_of_the_end(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    peer = server.connect("/notes")
    peer.send("last")
    assert peer.close_code() == 1000
    assert server.titles() == ["last"]
    peer = server.connect("/notes")
    peer.send("twice")
    assert peer.close_code() == 1011
    assert server.titles() == ["last"]
    wait_for_log(caplog, "IntegrityError")


def test_an_error_of_the_commit_is_raised_when_the_handler_asks_for_the_next_message(
    server: Server,
) -> None:
    peer = server.connect("/resumed")
    peer.send("a")
    assert peer.ask("a") == "refused"
    server.wait_until_idle()
    peer.send("b")
    assert peer.ask("b") == "refused"
    assert server.titles() == ["a", "b"]


def test_objects_are_read_anew_for_each_message(server: Server) -> None:
    server.connect("/notes").ask("before")
    server.wait_until_idle()
    peer = server.connect("/first")
    assert peer.ask("?") == "before"
    database = Database(DatabaseSettings(url=server.urls["default"]))
    with database.transaction() as session:
        session.scalars(select(Note)).one().title = "after"
    database.close()
    assert peer.ask("?") == "after"
    server.wait_until_idle()


def test_a_failed_commit_of_one_database_undoes_the_message_in_the_others(
    server: Server,
) -> None:
    peer = server.connect("/both")
    peer.send("a")
    server.wait_until_idle()
    database = Database(DatabaseSettings(url=server.urls["default"]))
    with database.transaction() as session:
        session.add(Note(title="b"))
    database.close()
    assert peer.ask("b") == "refused"
    server.wait_until_idle()
    assert server.titles("reports") == ["a"]


def test_a_block_that_a_message_arrives_in_is_committed_whole_or_not_at_all(
    server: Server,
) -> None:
    peer = server.connect("/block")
    peer.send("begin")
    assert peer.ask("fail") == "left"
    server.wait_until_idle()
    assert server.titles() == []
    peer.send("begin")
    assert peer.ask("go on") == "left"
    assert server.titles() == ["first half", "second half"]


def test_a_handler_may_open_its_own_sessions(server: Server) -> None:
    peer = server.connect("/explicit")
    assert peer.ask("a") == "done"
    assert server.titles() == ["a"]
    server.wait_until_idle()


def test_statements_are_repeated_within_a_message_and_not_over_the_life_of_a_socket(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    urls = {name: f"sqlite:///{tmp_path}/{name}.db" for name in ("default", "reports")}
    with serving(urls, tmp_path, repeated_statements=3) as server:
        peer = server.connect("/one-by-one")
        for _ in range(5):
            peer.ask("?")
        server.wait_until_idle()
        assert not [each for each in caplog.records if each.name == "photon.database.repeated"]
        metrics = server.client.get("/metrics").text
    assert (
        'photon_database_statements_per_request_count{method="GET",route="/one-by-one"} 5'
        in metrics
    )
    caplog.clear()
    with serving(urls, tmp_path, repeated_statements=2) as server:
        peer = server.connect("/one-by-one")
        peer.ask("?")
        peer.ask("?")
        server.wait_until_idle()
    reports = [each for each in caplog.records if each.name == "photon.database.repeated"]
    assert len(reports) == 2
    assert "GET /one-by-one: 2 statements" in reports[0].getMessage()


@pytest.mark.slow
def test_idle_sockets_leave_all_connections_to_requests(tmp_path: Path) -> None:
    urls = {name: f"sqlite:///{tmp_path}/{name}.db" for name in ("default", "reports")}
    with serving(urls, tmp_path, pool_size=5, synchronous="normal") as server:
        peers = [server.connect("/notes") for _ in range(500)]
        for number, peer in enumerate(peers):
            assert peer.ask(f"{number:03}").endswith(f"known, {number:03}")
        server.wait_until_idle()
        assert [server.get("/count") for _ in range(20)] == [500] * 20
