"""Requests of an application with a replica: each client reads its own writes."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from toy_protocol import LineProtocol, Lines

from photon import HttpError, Photon, Stream
from photon.testing import Client, live_client
from photon_lifeguard import Database, DatabasePart, Databases, transaction
from photon_lifeguard.replicas import COOKIE, HEADER
from photon_runtime.settings import load_settings
from photon_runtime.testing import live_server
from servers import PostgresServer, StandbyServer, run_postgres, run_standby

pytestmark = pytest.mark.slow
DELAY = 0.3
LIMIT = 1.0
ADA, BO = {"Authorization": "Bearer ada"}, {"Authorization": "Bearer bo"}


class Base(DeclarativeBase):
    """The models of this file."""


class Counter(Base):
    """A number."""

    __tablename__ = "replica_counters"
    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int]


class ReportsSession(Session):
    """A session of the database [database.reports]."""


def make_app(  # noqa: C901  many small handlers
    primary: PostgresServer, standby: PostgresServer, folder: Path
) -> Photon:
    app = Photon()
    app.add(DatabasePart())

    @app.post("/counter")
    def increment(db: Session) -> int:
        db.execute(update(Counter).values(value=Counter.value + 1))
        return db.scalars(select(Counter.value)).one()

    @app.post("/failed")
    def failed(db: Session) -> int:
        with transaction(db):
            db.execute(update(Counter).values(value=Counter.value + 1))
        raise HttpError(422, f"{db.scalars(select(Counter.value)).one()}")

    @app.get("/counter")
    def read(db: Session) -> int:
        return db.scalars(select(Counter.value)).one()

    @app.get("/server")
    def server(db: Session) -> str:
        db.scalars(select(Counter.value)).one()
        with transaction(db, read_only=True):
            is_standby = db.scalar(text("SELECT pg_is_in_recovery()"))
        return "standby" if is_standby else "primary"

    @app.get("/socket", adapter=LineProtocol())
    def talk(lines: Lines[str], db: Session) -> None:
        for _ in lines:
            db.scalars(select(Counter.value)).one()
            with transaction(db, read_only=True):
                lines.send(str(db.scalar(text("SELECT pg_is_in_recovery()"))))

    @app.post("/streamed")
    def streamed(db: Session) -> Stream:
        db.execute(update(Counter).values(value=Counter.value + 1))
        return Stream(iter(["done"]), content_type="text/plain")

    @app.get("/replicas")
    def replicas(database: Database) -> list[bool]:
        assert database.replicas is not None
        return [status.is_usable for status in database.replicas.status()]

    app.use_settings(
        load_settings(
            folder,
            environment="test",
            environ={
                "PHOTON__DATABASE__URL": primary.url,
                "PHOTON__DATABASE__REPLICAS": f'["{standby.url}"]',
                "PHOTON__DATABASE__MAX_REPLICA_LAG": str(LIMIT),
                "PHOTON__OBSERVABILITY__METRICS": "/metrics",
            },
        )
    )
    return app


@pytest.fixture(scope="module")
def primary() -> Iterator[PostgresServer]:
    with run_postgres() as server:
        server.execute("CREATE TABLE replica_counters (id int PRIMARY KEY, value int NOT NULL)")
        server.execute("INSERT INTO replica_counters VALUES (1, 0)")
        yield server


@pytest.fixture(scope="module")
def standby(primary: PostgresServer) -> Iterator[StandbyServer]:
    """A standby that shows changes after 0.3 seconds."""
    with run_standby(primary, apply_delay=DELAY) as server:
        server.catch_up(primary)
        yield server


@pytest.fixture
def application(primary: PostgresServer, standby: StandbyServer, tmp_path: Path) -> Photon:
    return make_app(primary, standby, tmp_path)


@pytest.fixture
def client(application: Photon) -> Iterator[Client]:
    with Client(application) as client:
        wait_for_replica(client)
        yield client


def wait_for_replica(client: httpx2.Client, *, is_usable: bool = True) -> None:
    expires = time.monotonic() + 10
    while client.get("/replicas").json() != [is_usable]:
        assert time.monotonic() < expires
        time.sleep(0.02)


def test_a_client_with_cookies_reads_its_own_writes(application: Photon) -> None:
    with live_client(application) as client:
        wait_for_replica(client)
        for _ in range(300):
            written = client.post("/counter").json()
            assert client.get("/counter").json() == written
        time.sleep(DELAY + 0.5)
        assert client.get("/server").text.strip('"') == "standby"
        assert client.get("/counter").json() == written


def test_the_messages_of_a_socket_read_from_the_primary(application: Photon) -> None:
    with live_server(application) as server, httpx2.Client(base_url=server.url) as client:
        wait_for_replica(client)
        assert client.get("/server").text.strip('"') == "standby"
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as peer:
            peer.sendall(
                b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
                b"Upgrade: lines\r\n\r\n?\n"
            )
            received = b""
            while not received.endswith((b"True\n", b"False\n")):
                received += peer.recv(1000)
            assert received.endswith(b"False\n")


@pytest.mark.parametrize("headers", [{}, ADA])
def test_a_client_without_cookies_reads_its_own_writes(
    application: Photon, headers: dict[str, str]
) -> None:
    with live_client(application) as client:
        wait_for_replica(client)
        for _ in range(300):
            client.cookies.clear()
            written = client.post("/counter", headers=headers).json()
            client.cookies.clear()
            assert client.get("/counter", headers=headers).json() == written


def test_another_client_may_read_old_data_within_the_limit(client: Client) -> None:
    written: dict[int, float] = {}
    old = 0
    for _ in range(100):
        client.cookies.clear()
        value = client.post("/counter", headers=ADA).json()
        written[value] = time.monotonic()
        client.cookies.clear()
        begun = time.monotonic()
        seen = client.get("/counter", headers=BO).json()
        old += seen < value
        overdue = [number for number, at in written.items() if at < begun - LIMIT]
        assert seen >= max(overdue, default=0)
        time.sleep(0.01)
    assert old > 10


def test_the_position_travels_to_another_process_by_cookie_or_by_header(
    client: Client, primary: PostgresServer, standby: StandbyServer, tmp_path: Path
) -> None:
    with Client(make_app(primary, standby, tmp_path)) as other:
        wait_for_replica(other)
        response = client.post("/counter", headers=ADA)
        position = response.headers[HEADER]
        assert response.cookies[COOKIE] == position
        written = response.json()
        assert other.get("/counter", headers=ADA).json() < written
        assert other.get("/counter", headers={HEADER: position}).json() == written
        other.cookies.set(COOKIE, position)
        assert other.get("/counter").json() == written
        other.cookies.clear()
        time.sleep(DELAY + 0.5)
        assert other.get("/server", headers={HEADER: position}).json() == "standby"


@pytest.mark.parametrize("text", ["nonsense", "default:FFFFFFFFFFFFFFFF", "default:zz", "|", "é"])
def test_a_forged_position_means_the_primary(client: Client, text: str) -> None:
    assert client.get("/server").json() == "standby"
    for name, value in ((HEADER, text), ("Cookie", f"{COOKIE}={text}")):
        headers = {name.encode(): value.encode("latin-1")}
        assert client.get("/server", headers=headers).json() == "primary"


def test_the_cookie_is_short_lived_and_hidden_and_only_on_writes(application: Photon) -> None:
    for scheme in ("http", "https"):
        with Client(application, base_url=f"{scheme}://testserver") as client:
            cookie = client.post("/counter").headers["set-cookie"]
            assert cookie.startswith(f"{COOKIE}=default:")
            assert "HttpOnly" in cookie
            assert "SameSite=Lax" in cookie
            assert "Max-Age=3;" in cookie
            assert ("Secure" in cookie) == (scheme == "https")
            for path in ("/counter", "/server"):
                response = client.get(path)
                assert "set-cookie" not in response.headers
                assert HEADER not in response.headers


def test_a_write_before_an_error_is_read_too(client: Client) -> None:
    for _ in range(20):
        response = client.post("/failed")
        assert response.status_code == 422
        written = int(response.json()["detail"])
        assert client.get("/counter").json() == written


def test_a_write_of_a_streamed_response_is_remembered(client: Client) -> None:
    before = client.post("/counter").json()
    for number in range(1, 20):
        client.cookies.clear()
        response = client.post("/streamed")
        assert COOKIE not in response.cookies
        assert client.get("/counter").json() == before + number


def test_a_stopped_replica_fails_no_request_and_leaves_the_application_ready(
    application: Photon, standby: StandbyServer
) -> None:
    with live_client(application) as client:
        wait_for_replica(client)
        assert client.get("/server").json() == "standby"
        standby.stop(immediate=True)
        stopped = time.monotonic()
        try:
            while client.get("/replicas").json() == [True]:
                assert client.get("/counter").status_code == 200
            assert time.monotonic() - stopped < 1
            assert client.get("/server").json() == "primary"
            assert client.get("/ready").status_code == 200
            assert 'photon_database_replica_lag_seconds{database="default"' in (
                client.get("/metrics").text
            )
        finally:
            standby.start()
        wait_for_replica(client)
        assert client.get("/server").json() == "standby"


def test_each_database_has_a_position_of_its_own(
    primary: PostgresServer, standby: StandbyServer, tmp_path: Path
) -> None:
    (tmp_path / "photon.toml").write_text(
        f'[database]\nurl = "{primary.url}"\n'
        f'[database.reports]\nurl = "{primary.url}"\nreplicas = ["{standby.url}"]\n',
        encoding="utf-8",
    )
    app = Photon()
    app.add(DatabasePart(sessions={"reports": ReportsSession}))

    @app.post("/counter")
    def increment(db: ReportsSession) -> int:
        db.execute(update(Counter).values(value=Counter.value + 1))
        return db.scalars(select(Counter.value)).one()

    @app.post("/elsewhere")
    def elsewhere(db: Session) -> int:
        db.execute(update(Counter).values(value=Counter.value + 1))
        return db.scalars(select(Counter.value)).one()

    @app.get("/counter")
    def read(db: ReportsSession) -> int:
        assert isinstance(db, ReportsSession)
        return db.scalars(select(Counter.value)).one()

    @app.get("/replicas")
    def replicas(databases: Databases) -> list[bool]:
        assert databases.default.replicas is None
        of_reports = databases["reports"].replicas
        assert of_reports is not None
        return [status.is_usable for status in of_reports.status()]

    app.use_settings(load_settings(tmp_path, environment="test", environ={}))
    with Client(app) as client:
        wait_for_replica(client)
        response = client.post("/elsewhere")
        assert HEADER not in response.headers
        assert client.get("/counter").json() < response.json()
        response = client.post("/counter")
        assert response.headers[HEADER].startswith("reports:")
        assert client.get("/counter").json() == response.json()


def test_reads_and_fallbacks_are_counted(client: Client) -> None:
    client.get("/counter")
    client.post("/counter")
    client.get("/counter")
    page = client.get("/metrics").text
    assert 'photon_database_routed_reads_total{database="default",server="replica"} ' in page
    assert 'photon_database_routed_reads_total{database="default",server="primary"} 1' in page
    assert 'photon_database_replica_fallbacks_total{database="default",reason="position"} 1' in page
